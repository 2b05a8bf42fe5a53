import { describe, expect, it } from 'vitest';
import { aLane, anEvent, aPicture, aState, inView, NOW, press } from '../testing/sample-state.ts';
import { reduceTop } from './reduce-top.ts';
import { rowsOf } from './select.ts';
import { VIEWS } from './top-state.ts';

describe('keys that look', () => {
  it.each(VIEWS.map((view, n) => [String(n + 1), view] as const))('%s shows %s', (key, view) => {
    expect(press(inView(view === 'overview' ? 'keys' : 'overview'), key).state.view).toBe(view);
  });

  it('tab goes round in both directions', () => {
    expect(press(inView('events'), 'tab').state.view).toBe('overview');
    expect(press(inView('overview'), 'shift-tab').state.view).toBe('events');
  });

  it('j and k move, and stop at the ends; g and G go there', () => {
    const ids = (keys: string[]): number => rowsOf(press(inView('requests'), ...keys).state).at;
    expect([ids([]), ids(['j']), ids(['j', 'j']), ids(['j', 'k']), ids(['k'])]).toEqual([0, 1, 1, 0, 0]);
    expect([ids(['G']), ids(['G', 'g']), ids(['pagedown']), ids(['down', 'up'])]).toEqual([1, 0, 1, 0]);
  });

  it('the cursor stays with its row when others come before it', () => {
    const { state } = press(inView('requests'), 'j');
    const list = state.lists.requests;
    const items = [{ ...list.items[0]!, id: 'req_new' }, ...list.items];
    const later = reduceTop(state, { type: 'list', lists: { requests: { ...list, items } } }).state;
    expect(rowsOf(later).at).toBe(2);
  });

  it('/ filters while it is typed, enter keeps it, esc brings the old one back', () => {
    const typing = press(inView('keys'), '/', 'c', 'r', 'x', 'backspace', 'm').state;
    expect(typing.mode).toMatchObject({ kind: 'filter', text: 'crm' });
    expect(rowsOf(typing).items).toMatchObject([{ name: 'crm' }]);
    const kept = press(typing, 'enter').state;
    expect(kept.mode.kind).toBe('table');
    expect(press(kept, '/', 'q', 'esc').state.looks.keys.filter).toBe('crm');
    expect(press(kept, 'esc').state.looks.keys.filter).toBe('');
  });

  it('a word with ! must not be there', () => {
    const { state } = press(inView('keys'), '/', '!', 'c', 'r', 'm', 'enter');
    expect(rowsOf(state).items).toMatchObject([{ name: 'shop' }]);
  });

  it('what is typed into the filter is no command', () => {
    const { state, wishes } = press(inView('keys'), '/', 'X', 'q', '?');
    expect(state.mode).toMatchObject({ kind: 'filter', text: 'Xq?' });
    expect(wishes).toEqual([]);
  });

  it('s sorts by the next column, o the other way round, and after the last none', () => {
    const names = (keys: string[]): unknown[] =>
      rowsOf(press(inView('keys'), ...keys).state).items.map((item) => (item as { name: string }).name);
    expect(names([])).toEqual(['shop', 'crm']);
    expect(names(['s'])).toEqual(['crm', 'shop']);
    expect(names(['s', 'o'])).toEqual(['shop', 'crm']);
    const { state } = press(inView('keys'), ...Array.from({ length: 9 }, () => 's'));
    expect(state.looks.keys.sort).toBe(0);
  });

  it('enter opens a lane as its requests, and esc takes the narrowing back', () => {
    const { state, wishes } = press(inView('overview'), 'enter');
    expect(state).toMatchObject({ view: 'requests', query: { keyId: 'key_1', model: 'llama3:8b' } });
    expect(wishes).toEqual([{ kind: 'refresh' }]);
    expect(press(state, 'esc').state.query).toEqual({});
  });

  it('enter opens a row, and esc closes it', () => {
    const { state, wishes } = press(inView('dead'), 'j', 'enter');
    expect(state.mode).toEqual({ kind: 'detail', id: 'req_dead2' });
    expect(wishes).toEqual([{ kind: 'detail', view: 'dead', id: 'req_dead2' }]);
    expect(press(state, 'esc').state.mode.kind).toBe('table');
  });

  it('? helps until any key; z holds what is shown; q and ctrl-c leave', () => {
    expect(press(inView('keys'), '?', 'X').state.mode.kind).toBe('table');
    const held = press(aState(), 'z').state;
    const news = aPicture({ lanes: [aLane({ model: 'another' })] });
    expect(reduceTop(held, { type: 'picture', picture: news, how: 'live' }).state.picture).toBe(held.picture);
    expect(press(held, 'z').wishes).toEqual([{ kind: 'refresh' }]);
    for (const key of ['q', 'ctrl-c']) expect(press(aState(), key).wishes).toEqual([{ kind: 'quit' }]);
  });
});

describe('keys that change something', () => {
  it('ask first; only y does it, and enter does not', () => {
    const asked = press(inView('keys'), 'X').state;
    expect(asked.mode).toMatchObject({ kind: 'confirm', act: { name: 'revoke', ids: ['key_1'] } });
    expect(press(asked, 'enter', 'j', 'Y').state.mode.kind).toBe('confirm');
    expect(press(asked, 'esc')).toMatchObject({ state: { mode: { kind: 'table' } }, wishes: [] });
    expect(press(asked, 'y').wishes).toEqual([
      { kind: 'act', act: { name: 'revoke', view: 'keys', ids: ['key_1'], reason: null } },
    ]);
  });

  it('mean what is marked, if anything is, as far as it is still there', () => {
    const { state } = press(inView('dead'), 'space', 'space', 'R');
    expect(state.mode).toMatchObject({
      act: { name: 'retry', ids: ['req_01jdz8k3v5xq9w2m4n6p8r0dead', 'req_dead2'] },
    });
    const gone = { ...state.lists.dead, items: state.lists.dead.items.slice(1) };
    const later = reduceTop({ ...state, mode: { kind: 'table' } }, { type: 'list', lists: { dead: gone } });
    expect(press(later.state, 'R').state.mode).toMatchObject({ act: { ids: ['req_dead2'] } });
    expect(press(state, 'y').state.looks.dead.marked.size).toBe(0);
  });

  it('mean the row that is open', () => {
    expect(press(inView('dead'), 'j', 'enter', 'R').state.mode).toMatchObject({
      act: { ids: ['req_dead2'] },
    });
  });

  it('ask for a reason where one is kept, and not without', () => {
    const asked = press(inView('dead'), 'X').state;
    expect(asked.mode.kind).toBe('reason');
    expect(press(asked, 'enter').state.mode.kind).toBe('reason');
    expect(press(asked, 'o', 'l', 'd', 'enter', 'y').wishes).toMatchObject([
      { act: { name: 'discard', reason: 'old' } },
    ]);
  });

  it('do nothing on a screen that is read-only, but say so', () => {
    const { state, wishes } = press(inView('keys', { isReadOnly: true }), 'X');
    expect(state).toMatchObject({ mode: { kind: 'table' }, notice: { textId: 'isReadOnly' } });
    expect(wishes).toEqual([]);
  });

  it('are all in upper case, and no key that looks is', async () => {
    const { ACTS, COMMON } = await import('./keymap.ts');
    for (const row of Object.values(ACTS).flat()) expect(row.key).toMatch(/^[A-Z]$/);
    const upper = COMMON.flatMap(([keys]) => keys.split(' ')).filter((key) => /^[A-Z]$/.test(key));
    expect(upper).toEqual(['G']);
  });
});

describe('news', () => {
  it('of events are kept newest first, a thousand of them', () => {
    const many = Array.from({ length: 1_200 }, (_, n) => anEvent(n));
    const { state } = reduceTop(aState({ events: [] }), { type: 'events', events: many, missed: 3 });
    expect(state.events).toHaveLength(1_000);
    expect(state.events[0]?.id).toBe('a-1199');
    expect(state.missed).toBe(3);
  });

  it('of a picture make the connection good again', () => {
    const connection = { how: 'none', error: 'refused', retryAt: NOW + 500 } as const;
    const lost = reduceTop(aState(), { type: 'connection', connection }).state;
    expect(lost.connection.error).toBe('refused');
    const back = reduceTop(lost, { type: 'picture', picture: aPicture(), how: 'polling' }).state;
    expect(back.connection).toEqual({ how: 'polling', error: null, retryAt: null });
    expect(back.backlog.at(-1)).toBe(201);
  });

  it('a notice goes when its time is over, or with the next key', () => {
    const notice = { text: 'x', tone: 'ok', until: NOW + 1_000 } as const;
    const { state } = reduceTop(aState(), { type: 'notice', notice });
    expect(reduceTop(state, { type: 'tick', now: NOW + 999 }).state.notice).not.toBeNull();
    expect(reduceTop(state, { type: 'tick', now: NOW + 1_000 }).state.notice).toBeNull();
    expect(press(state, 'j').state.notice).toBeNull();
  });
});
