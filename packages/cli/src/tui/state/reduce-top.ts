/** What each key and each piece of news makes of the state; what has to be done outside comes back as wishes. */
import type { EventLine, Picture } from './data.ts';
import { ACTS, type ActRow } from './keymap.ts';
import { rowsOf } from './select.ts';
import { TABLES } from './tables.ts';
import {
  VIEWS,
  type Act,
  type Connection,
  type Lists,
  type Look,
  type Notice,
  type TopState,
  type ViewName,
} from './top-state.ts';

export type News =
  | { readonly type: 'key'; readonly name: string }
  | { readonly type: 'picture'; readonly picture: Picture; readonly how: 'live' | 'polling' }
  | { readonly type: 'connection'; readonly connection: Connection }
  | { readonly type: 'list'; readonly lists: Partial<Lists> }
  /** Oldest first, as they came. */
  | { readonly type: 'events'; readonly events: readonly EventLine[]; readonly missed: number }
  | { readonly type: 'detail'; readonly id: string; readonly lines: readonly (readonly [string, string])[] }
  | { readonly type: 'notice'; readonly notice: Notice }
  | { readonly type: 'tick'; readonly now: number }
  | { readonly type: 'size'; readonly columns: number; readonly rows: number };

export type Wish =
  | { readonly kind: 'quit' }
  | { readonly kind: 'redraw' }
  /** What the view shows should be asked for now. */
  | { readonly kind: 'refresh' }
  | { readonly kind: 'detail'; readonly view: ViewName; readonly id: string }
  | { readonly kind: 'act'; readonly act: Act };

export interface Step {
  readonly state: TopState;
  readonly wishes: readonly Wish[];
}

const MOST_EVENTS = 1_000;
const MOST_BACKLOG = 240;
const NOTICE_MS = 6_000;
const MOST_REASON = 200;

export function reduceTop(state: TopState, news: News): Step {
  switch (news.type) {
    case 'key':
      return onKey({ ...state, notice: null }, news.name);
    case 'tick': {
      const isOver = state.notice !== null && state.notice.until <= news.now;
      return only({ ...state, now: news.now, notice: isOver ? null : state.notice });
    }
    case 'size':
      return only({ ...state, columns: news.columns, rows: news.rows });
    case 'connection':
      return only({ ...state, connection: news.connection });
    case 'notice':
      return only({ ...state, notice: news.notice });
    case 'detail':
      return only({ ...state, detail: { id: news.id, lines: news.lines } });
    default:
      return only(state.isHeld ? state : withData(state, news));
  }
}

function withData(state: TopState, news: Extract<News, { type: 'picture' | 'list' | 'events' }>): TopState {
  if (news.type === 'list') return { ...state, lists: { ...state.lists, ...news.lists } };
  if (news.type === 'events') {
    const events = [...news.events].reverse().concat(state.events).slice(0, MOST_EVENTS);
    return { ...state, events, missed: state.missed + news.missed };
  }
  const { pending, processing, delayed } = news.picture.requests;
  return {
    ...state,
    picture: news.picture,
    pictureAt: state.now,
    backlog: [...state.backlog, pending + processing + delayed].slice(-MOST_BACKLOG),
    connection: { how: news.how, error: null, retryAt: null },
  };
}

const only = (state: TopState): Step => ({ state, wishes: [] });
const wishing = (state: TopState, ...wishes: Wish[]): Step => ({ state, wishes });

function onKey(state: TopState, key: string): Step {
  if (key === 'ctrl-c') return wishing(state, { kind: 'quit' });
  if (key === 'ctrl-l') return wishing(state, { kind: 'redraw' });
  switch (state.mode.kind) {
    case 'help':
      return only({ ...state, mode: { kind: 'table' } });
    case 'filter':
      return onFilterKey(state, state.mode, key);
    case 'reason':
      return onReasonKey(state, state.mode, key);
    case 'confirm':
      return onConfirmKey(state, state.mode.act, key);
    case 'detail':
      if (key === 'esc' || key === 'q' || key === 'left' || key === 'h') return only(closed(state));
      return onTableKey(state, key);
    default:
      return onTableKey(state, key);
  }
}

function closed(state: TopState): TopState {
  return { ...state, mode: { kind: 'table' }, detail: null };
}

function withLook(state: TopState, change: Partial<Look>): TopState {
  const { view, looks } = state;
  return { ...state, looks: { ...looks, [view]: { ...looks[view], ...change } } };
}

function onFilterKey(
  state: TopState,
  mode: { readonly text: string; readonly before: string },
  key: string,
): Step {
  if (key === 'enter') return only({ ...state, mode: { kind: 'table' } });
  if (key === 'esc') return only({ ...withLook(state, { filter: mode.before }), mode: { kind: 'table' } });
  const text = typed(mode.text, key);
  return only({
    ...withLook(state, { filter: text, selected: null }),
    mode: { kind: 'filter', ...mode, text },
  });
}

function typed(text: string, key: string): string {
  if (key === 'backspace') return [...text].slice(0, -1).join('');
  if (key === 'ctrl-u') return '';
  const character = key === 'space' ? ' ' : key;
  return [...character].length === 1 && text.length < MOST_REASON ? text + character : text;
}

function onReasonKey(state: TopState, mode: { readonly act: Act; readonly text: string }, key: string): Step {
  if (key === 'esc') return only({ ...state, mode: { kind: 'table' } });
  if (key !== 'enter')
    return only({ ...state, mode: { kind: 'reason', act: mode.act, text: typed(mode.text, key) } });
  const reason = mode.text.trim();
  if (reason === '') return only(state);
  return only({ ...state, mode: { kind: 'confirm', act: { ...mode.act, reason } } });
}

/** Enter does nothing here: what was typed for something else must not do harm. */
function onConfirmKey(state: TopState, act: Act, key: string): Step {
  if (key === 'y') {
    const unmarked = withLook(state, { marked: new Set() });
    return wishing({ ...unmarked, mode: { kind: 'table' } }, { kind: 'act', act });
  }
  return only(key === 'esc' || key === 'n' || key === 'q' ? { ...state, mode: { kind: 'table' } } : state);
}

function onTableKey(state: TopState, key: string): Step {
  const act = ACTS[state.view]?.find((row) => row.key === key);
  if (act) return begun(state, act);
  const number = /^[1-7]$/.test(key) ? Number(key) : 0;
  if (number > 0) return shown(state, VIEWS[number - 1]!);
  const at = VIEWS.indexOf(state.view);
  switch (key) {
    case 'tab':
    case 'right':
      return shown(state, VIEWS[(at + 1) % VIEWS.length]!);
    case 'shift-tab':
    case 'left':
      return shown(state, VIEWS[(at + VIEWS.length - 1) % VIEWS.length]!);
    case 'q':
      return wishing(state, { kind: 'quit' });
    case '?':
      return only({ ...state, mode: { kind: 'help' } });
    case '/': {
      const before = state.looks[state.view].filter;
      return only({ ...state, mode: { kind: 'filter', text: before, before } });
    }
    case 'r':
      return wishing(state, { kind: 'refresh' });
    case 'z': {
      const isHeld = !state.isHeld;
      return wishing({ ...state, isHeld }, ...(isHeld ? [] : [{ kind: 'refresh' } as const]));
    }
    case 's':
      return only(withLook(state, { sort: nextSort(state) }));
    case 'o':
      return only(withLook(state, { isReversed: !state.looks[state.view].isReversed }));
    case 'esc':
      return cleared(state);
    case 'enter':
      return opened(state);
    case 'space':
      return only(marked(state));
    default:
      return moved(state, key);
  }
}

function shown(state: TopState, view: ViewName, query: TopState['query'] = {}): Step {
  const isOther = view !== state.view || JSON.stringify(query) !== JSON.stringify(state.query);
  const next: TopState = { ...closed(state), view, query };
  return isOther ? wishing(next, { kind: 'refresh' }) : only(next);
}

function nextSort(state: TopState): number {
  const count = TABLES[state.view].columns.filter(({ order }) => order).length;
  return (state.looks[state.view].sort + 1) % (count + 1);
}

/** Back, step by step: the filter first, then the marks, then what a list was narrowed to. */
function cleared(state: TopState): Step {
  const look = state.looks[state.view];
  if (look.filter !== '') return only(withLook(state, { filter: '' }));
  if (look.marked.size > 0) return only(withLook(state, { marked: new Set() }));
  if (Object.keys(state.query).length > 0) return shown(state, state.view);
  return only(state);
}

function cursor(state: TopState): unknown {
  const { items, at } = rowsOf(state);
  return at < 0 ? undefined : items[at];
}

function opened(state: TopState): Step {
  const item = cursor(state);
  if (item === undefined) return only(state);
  if (state.view === 'overview') {
    const lane = item as { key_id: string; model: string };
    return shown(state, 'requests', { keyId: lane.key_id, model: lane.model });
  }
  const id = TABLES[state.view].id(item);
  const next: TopState = {
    ...withLook(state, { selected: id }),
    mode: { kind: 'detail', id },
    detail: null,
  };
  return wishing(next, { kind: 'detail', view: state.view, id });
}

function marked(state: TopState): TopState {
  const item = cursor(state);
  if (item === undefined || !ACTS[state.view]) return state;
  const id = TABLES[state.view].id(item);
  const marks = new Set(state.looks[state.view].marked);
  if (!marks.delete(id)) marks.add(id);
  return moved(withLook(state, { marked: marks }), 'down').state;
}

/** What is marked, or else what is under the cursor; a view that is open means its own. */
function begun(state: TopState, row: ActRow): Step {
  if (state.isReadOnly)
    return only({ ...state, notice: { textId: 'isReadOnly', tone: 'warn', until: state.now + NOTICE_MS } });
  const look = state.looks[state.view];
  const present = new Set(rowsOf(state).items.map((item) => TABLES[state.view].id(item)));
  const marks = [...look.marked].filter((id) => present.has(id));
  const item = cursor(state);
  const under = item === undefined ? [] : [TABLES[state.view].id(item)];
  const ids = state.mode.kind === 'detail' ? [state.mode.id] : marks.length > 0 ? marks : under;
  if (ids.length === 0) return only(state);
  const act: Act = { name: row.act, view: state.view, ids, reason: null };
  const mode = row.needsReason
    ? ({ kind: 'reason', act, text: '' } as const)
    : ({ kind: 'confirm', act } as const);
  return only({ ...state, mode });
}

function moved(state: TopState, key: string): Step {
  const { items, at } = rowsOf(state);
  const page = Math.max(1, state.rows - 8);
  const steps: Record<string, number> = {
    ...{ j: at + 1, down: at + 1, k: at - 1, up: at - 1 },
    ...{ pagedown: at + page, pageup: at - page, g: 0, home: 0, G: items.length - 1, end: items.length - 1 },
  };
  const to = steps[key];
  if (to === undefined || items.length === 0) return only(state);
  const item = items[Math.max(0, Math.min(to, items.length - 1))];
  return only(withLook(state, { selected: TABLES[state.view].id(item) }));
}
