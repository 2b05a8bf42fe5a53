/** All that the screen knows, and how it begins. */
import type { DeadLine, EventLine, KeyLine, Picture, RequestLine } from './data.ts';
import type { ActName } from './keymap.ts';
import type { TextId } from './texts.ts';

export const VIEWS = ['overview', 'requests', 'dead', 'keys', 'upstreams', 'webhooks', 'events'] as const;
export type ViewName = (typeof VIEWS)[number];

/** What a list of the broker was asked for. */
export interface Query {
  readonly keyId?: string;
  readonly model?: string;
}

export interface Listed<T> {
  readonly items: readonly T[];
  /** Null: never. */
  readonly at: number | null;
  readonly hasMore: boolean;
  readonly error: string | null;
}

export interface Lists {
  readonly requests: Listed<RequestLine>;
  readonly dead: Listed<DeadLine>;
  readonly keys: Listed<KeyLine>;
}

/** How a table is looked at. */
export interface Look {
  /** Id of the row under the cursor; null: the first. */
  readonly selected: string | null;
  readonly sort: number;
  readonly isReversed: boolean;
  readonly filter: string;
  readonly marked: ReadonlySet<string>;
}

export interface Act {
  readonly name: ActName;
  readonly view: ViewName;
  readonly ids: readonly string[];
  /** What is kept with it; only of acts that need one. */
  readonly reason: string | null;
}

export type Mode =
  | { readonly kind: 'table' }
  | { readonly kind: 'help' }
  | { readonly kind: 'detail'; readonly id: string }
  | { readonly kind: 'filter'; readonly text: string; readonly before: string }
  | { readonly kind: 'reason'; readonly act: Act; readonly text: string }
  | { readonly kind: 'confirm'; readonly act: Act };

export interface Notice {
  /** A word of the screen's own, before what others say. */
  readonly textId?: TextId;
  readonly text?: string;
  readonly tone: 'ok' | 'warn' | 'bad';
  readonly until: number;
}

export interface Connection {
  readonly how: 'none' | 'live' | 'polling';
  readonly error: string | null;
  /** When the next attempt is, or null. */
  readonly retryAt: number | null;
}

export interface TopState {
  readonly now: number;
  readonly columns: number;
  readonly rows: number;
  readonly url: string;
  readonly version: string;
  readonly isReadOnly: boolean;
  readonly everyMs: number;
  readonly connection: Connection;
  readonly picture: Picture | null;
  readonly pictureAt: number | null;
  /** Requests that had not ended, as seen so far, oldest first. */
  readonly backlog: readonly number[];
  readonly lists: Lists;
  readonly events: readonly EventLine[];
  readonly missed: number;
  readonly view: ViewName;
  readonly looks: Readonly<Record<ViewName, Look>>;
  readonly query: Query;
  readonly mode: Mode;
  readonly notice: Notice | null;
  /** What is shown stays as it is. */
  readonly isHeld: boolean;
  /** Lines of what is looked at closely, once they are known. */
  readonly detail: { readonly id: string; readonly lines: readonly (readonly [string, string])[] } | null;
}

const NEVER = { items: [], at: null, hasMore: false, error: null };
const LOOK: Look = { selected: null, sort: 0, isReversed: false, filter: '', marked: new Set() };

export interface Beginning {
  readonly now: number;
  readonly columns: number;
  readonly rows: number;
  readonly url: string;
  readonly version: string;
  readonly isReadOnly: boolean;
  readonly everyMs: number;
  readonly view: ViewName;
}

export function beginTop(beginning: Beginning): TopState {
  return {
    ...beginning,
    connection: { how: 'none', error: null, retryAt: null },
    picture: null,
    pictureAt: null,
    backlog: [],
    lists: { requests: NEVER, dead: NEVER, keys: NEVER },
    events: [],
    missed: 0,
    looks: Object.fromEntries(VIEWS.map((view) => [view, LOOK])) as Record<ViewName, Look>,
    query: {},
    mode: { kind: 'table' },
    notice: null,
    isHeld: false,
    detail: null,
  };
}
