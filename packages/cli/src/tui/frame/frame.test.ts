import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../output/plain-text.ts';
import {
  aDeadLine,
  aKeyLine,
  aLane,
  aPicture,
  aState,
  inView,
  NOW,
  press,
  sceneOf,
} from '../testing/sample-state.ts';
import { VIEWS, type TopState } from '../state/top-state.ts';
import { alertsOf, frameOf, healthOf } from './frame.ts';
import { paintLine, textOf } from './line.ts';

type Options = Parameters<typeof sceneOf>[1];
const linesOf = (state: TopState, options?: Options): string[] =>
  frameOf(sceneOf(state, options)).map(textOf);
const shown = (state: TopState, options?: Options): string => linesOf(state, options).join('\n');

const SIZES = [
  [100, 30],
  [80, 24],
  [60, 16],
  [200, 50],
  [44, 12],
] as const;

describe('the frame', () => {
  it.each(SIZES)('fills %i x %i exactly, in every view, mode and language', (columns, rows) => {
    for (const view of VIEWS)
      for (const keys of [[], ['?'], ['enter'], ['/', 'x'], ['X'], ['D']])
        for (const language of ['en', 'pt-BR'] as const)
          for (const isPlain of [false, true]) {
            const { state } = press(inView(view, { columns, rows }), ...keys);
            const lines = linesOf(state, { language, isPlain });
            expect(lines).toHaveLength(rows);
            for (const line of lines) expect(displayWidth(line)).toBe(columns);
            if (isPlain) expect(lines.join('')).toMatch(/^[\x20-\x7e]*$/);
          }
  });

  it('says in words that a terminal is too small', () => {
    const words = (columns: number, rows: number): string[] =>
      linesOf(aState({ columns, rows })).map((line) => line.trim());
    expect(words(43, 20)).toEqual(['The terminal is too small', '43x20, needed 44x12']);
    expect(words(80, 1)).toEqual(['The terminal is too small']);
  });

  it('has backlog, its change and the oldest wait on the first screen, at every size', () => {
    for (const [columns, rows] of SIZES) {
      const text = shown(aState({ columns, rows }));
      expect(text).toContain('184');
      expect(text).toContain('+3.1/s');
      expect(text).toContain('41s');
      expect(text).toContain('growing');
    }
  });

  it('keeps columns that matter when there is little room, and drops the others', () => {
    expect(shown(inView('requests', { columns: 100, rows: 30 }))).toContain('UPSTREAM');
    const narrow = shown(inView('requests', { columns: 60, rows: 16 }));
    expect(narrow).not.toContain('UPSTREAM');
    for (const title of ['STATE', 'KEY', 'AGE']) expect(narrow).toContain(title);
  });

  it('tells lanes of one key apart by queue and band, where there is room for both', () => {
    const lanes = [aLane({ queue: 'night', band: 3 }), aLane({ queue: 'default', band: 2 })];
    const picture = aPicture({ lanes, lanes_total: 2 });
    for (const columns of [100, 80]) {
      const text = shown(aState({ columns, rows: 24, picture }));
      for (const words of [/QUEUE +BAND/, /night +3 /, /default +2 /]) expect(text).toMatch(words);
    }
  });

  it('ends its last line with help and quit at every size and in every language', () => {
    for (const [columns, rows] of SIZES)
      for (const view of VIEWS)
        expect(linesOf(inView(view, { columns, rows })).at(-1)).toMatch(/ \? help {2}q quit *$/);
    expect(linesOf(inView('upstreams'), { language: 'pt-BR' }).at(-1)).toMatch(/ \? ajuda {2}q sair *$/);
  });

  it('has a word beside every colour and mark', () => {
    const overview = aState();
    for (const word of ['DEGRADED', 'up', 'down']) expect(shown(overview)).toContain(word);
    expect(shown(inView('requests'))).toContain('processing');
    const painted = frameOf(sceneOf(overview)).map((line) => paintLine(line, false));
    // Bold and inverse remain; no colour does.
    expect(painted.join('')).not.toMatch(/\u001b\[[\d;]*3\d/);
    expect(painted.join('')).toContain('\u001b[7m');
  });

  it('speaks Portuguese', () => {
    const text = shown(inView('dead', { columns: 120 }), { language: 'pt-BR' });
    for (const word of ['Mortas', 'MENSAGEM', 'repetir', 'filtrar', 'ESCRITA']) expect(text).toContain(word);
  });

  it('names what would be done, how often, where, and the command that does the same', () => {
    const text = shown(press(inView('keys'), 'space', 'space', 'S').state);
    expect(text).toContain('Confirm: suspend 2 at http://127.0.0.1:7433');
    expect(text).toContain('same as: fila keys suspend key_1 key_2');
    const discard = shown(press(inView('dead'), 'X', 'a', '"', 'enter').state);
    expect(discard).toContain('--reason "a\\""');
  });

  it('shows the row that the cursor is on, however many there are', () => {
    const lanes = Array.from({ length: 1_000 }, (_, n) =>
      aLane({ key_id: `key_${n}`, key_name: `client-${n}` }),
    );
    const state = aState({ picture: aPicture({ lanes, lanes_total: 1_000 }) });
    expect(shown(state)).toContain('client-0 ');
    const last = shown(press(state, 'G').state);
    expect(last).toContain('client-999');
    expect(last).not.toContain('client-0 ');
    expect(last).toContain('1,000 of 1,000');
  });

  it('lets nothing that others wrote move, colour, break or turn a line', () => {
    const evil = '\u001b[2J\u001b]0;pwned\u0007\u001b[31mred\r\n\u202Eevil\u200b\u0008\t\u009b1mx';
    const key = aKeyLine({ id: 'key_1', name: evil });
    const dead = aDeadLine({ error: { code: evil, message: evil } });
    const base = aState();
    const lists = {
      ...base.lists,
      keys: { ...base.lists.keys, items: [key] },
      dead: { ...base.lists.dead, items: [dead] },
    };
    const upstreams = base.picture!.upstreams.map((one) => ({ ...one, last_error: evil }));
    const picture = aPicture({ lanes: [aLane({ key_name: evil, model: evil })], upstreams });
    const detail = { id: 'key_1', lines: [['name', evil]] as const };
    const events = [{ id: 'a-1', type: evil, at: evil, detail: evil }];
    for (const view of VIEWS)
      for (const keys of [[], ['enter']]) {
        const state = press(aState({ view, lists, picture, events }), ...keys).state;
        const text = frameOf(sceneOf({ ...state, detail }))
          .map(textOf)
          .join('');
        expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/);
      }
  });

  it('is exactly as wide whatever the names are made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (name) => {
        const picture = aPicture({ lanes: [aLane({ key_name: name, model: name })] });
        for (const line of linesOf(aState({ picture, columns: 80, rows: 24 })))
          expect(displayWidth(line)).toBe(80);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the word for all of it', () => {
  const word = (part: Partial<TopState>): string => healthOf(aState(part)).id;
  const up = { ...aPicture().upstreams[0]! };

  it('is OK only when every upstream works', () => {
    expect(word({ picture: aPicture({ upstreams: [up] }) })).toBe('ok');
    expect(word({})).toBe('degraded');
    expect(word({ picture: aPicture({ upstreams: [{ ...up, open_breakers: ['m'] }] }) })).toBe('degraded');
    expect(word({ picture: aPicture({ upstreams: [{ ...up, status: 'down' }] }) })).toBe('down');
    expect(word({ picture: aPicture({ upstreams: [{ ...up, draining: true }] }) })).toBe('down');
  });

  it('is STALE with its age when nothing new comes, so that a screen that stands still looks so', () => {
    expect(word({ pictureAt: NOW - 4_000 })).toBe('degraded');
    expect(healthOf(aState({ pictureAt: NOW - 14_000 }))).toMatchObject({ id: 'stale', ageMs: 14_000 });
    expect(shown(aState({ pictureAt: NOW - 14_000 }))).toContain('STALE 14s');
    expect(word({ pictureAt: NOW - 14_000, everyMs: 10_000 })).toBe('degraded');
  });

  it('is CONNECTING at first, and DOWN when that fails', () => {
    expect(word({ picture: null, pictureAt: null })).toBe('connecting');
    const connection = { how: 'none', error: 'refused', retryAt: null } as const;
    expect(word({ picture: null, pictureAt: null, connection })).toBe('down');
  });
});

describe('alerts', () => {
  it('name the worst first', () => {
    const connection = { how: 'none', error: 'The connection failed.', retryAt: NOW + 2_000 } as const;
    const texts = alertsOf(sceneOf(aState({ connection }))).map(({ text }) => text);
    expect(texts).toEqual([
      'connection lost: The connection failed., next attempt in 2.0s',
      'upstream down: gpu-b:11434 refused',
      'backlog grows: +3.1/s, oldest 41s',
    ]);
  });

  it('are none when all is well', () => {
    const { requests, upstreams } = aPicture();
    const calm = { ...requests, change_per_second: 0, oldest_wait_ms: 100 };
    const picture = aPicture({ upstreams: [upstreams[0]!], requests: calm });
    expect(alertsOf(sceneOf(aState({ picture })))).toEqual([]);
  });
});
