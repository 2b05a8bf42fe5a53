import { PassThrough } from 'node:stream';
import { render, type Key } from 'ink';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTopStore, type TopStore } from './live/store.ts';
import { FINE } from './state/glyphs.ts';
import type { Wish } from './state/reduce-top.ts';
import { sayIn } from './state/texts.ts';
import { aPicture, aState } from './testing/sample-state.ts';
import { keyNames, TopScreen } from './top-screen.tsx';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

interface Terminal {
  readonly store: TopStore;
  readonly wishes: Wish[];
  /** The lines of the last frame, without colours. */
  frame(): string[];
  type(text: string): void;
  resize(columns: number, rows: number): void;
}

function open(columns: number, rows: number): Terminal {
  let last = '';
  const stdout = Object.assign(new PassThrough(), { columns, rows, isTTY: true });
  stdout.on('data', (piece: Buffer) => {
    if (piece.includes('FILA')) last = piece.toString('utf8');
  });
  const stdin = Object.assign(new PassThrough(), {
    ...{ isTTY: true, setRawMode: () => stdin, ref: () => stdin, unref: () => stdin },
  });
  const wishes: Wish[] = [];
  const store = createTopStore(aState({ columns, rows }), (wish) => wishes.push(wish));
  const app = render(<TopScreen store={store} glyphs={FINE} say={sayIn('en')} hasColour={false} />, {
    ...{ stdout: stdout as unknown as NodeJS.WriteStream, stdin: stdin as unknown as NodeJS.ReadStream },
    ...{ debug: true, interactive: true, patchConsole: false, exitOnCtrlC: false },
  });
  closing.push(() => app.unmount());
  return {
    store,
    wishes,
    frame: () =>
      last
        .replace(/\u001b\[[\d;?]*[a-zA-Z]/g, '')
        .replace(/\n$/, '')
        .split('\n'),
    type: (text) => void stdin.write(text),
    resize: (width, height) => {
      Object.assign(stdout, { columns: width, rows: height });
      stdout.emit('resize');
    },
  };
}

describe('the screen in Ink', () => {
  it.each([
    [100, 30],
    [80, 24],
    [60, 16],
  ])('draws %i x %i: no line more than the terminal has', async (columns, rows) => {
    const terminal = open(columns, rows);
    await vi.waitFor(() => expect(terminal.frame()).toHaveLength(rows));
    for (const line of terminal.frame()) expect(line.length).toBeLessThanOrEqual(columns);
    expect(terminal.frame()[0]).toContain('DEGRADED');
    expect(terminal.frame().join('\n')).toContain('▸ shop');
  });

  it('follows keys at once, also many in one piece', async () => {
    const terminal = open(80, 24);
    await vi.waitFor(() => expect(terminal.frame().join()).toContain('▸ shop'));
    terminal.type('4jS');
    await vi.waitFor(() => expect(terminal.frame().join('\n')).toContain('Confirm: suspend 1'));
    expect(terminal.frame().join('\n')).toContain('fila keys suspend key_2');
    terminal.type('y');
    await vi.waitFor(() => expect(terminal.wishes.some(({ kind }) => kind === 'act')).toBe(true));
  });

  it('follows the size of the terminal', async () => {
    const terminal = open(100, 30);
    await vi.waitFor(() => expect(terminal.frame()).toHaveLength(30));
    terminal.resize(60, 16);
    await vi.waitFor(() => expect(terminal.frame()).toHaveLength(16));
    for (const line of terminal.frame()) expect(line.length).toBeLessThanOrEqual(60);
  });

  it('shows news with the next beat, not before', async () => {
    const terminal = open(80, 24);
    await vi.waitFor(() => expect(terminal.frame().join()).toContain('184'));
    const requests = { ...aPicture().requests, pending: 777 };
    terminal.store.tell({ type: 'picture', picture: aPicture({ requests }), how: 'live' });
    expect(terminal.store.shown().picture!.requests.pending).toBe(184);
    terminal.store.beat();
    await vi.waitFor(() => expect(terminal.frame().join()).toContain('777'));
  });
});

describe('names of keys', () => {
  const none = {} as Key;
  it.each([
    ['jk', none, ['j', 'k']],
    ['a b', none, ['a', 'space', 'b']],
    ['x\r', none, ['x', 'enter']],
    ['', { upArrow: true } as Key, ['up']],
    ['', { tab: true, shift: true } as Key, ['shift-tab']],
    ['', { escape: true } as Key, ['esc']],
    ['c', { ctrl: true } as Key, ['ctrl-c']],
    ['x', { meta: true } as Key, ['esc', 'x']],
    ['é', none, ['é']],
  ])('%j', (input, key, names) => expect(keyNames(input, key)).toEqual(names));
});
