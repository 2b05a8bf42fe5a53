/** Which rows a view shows: filtered, sorted, and the window around the cursor. */
import { TABLES, type AnyTable } from './tables.ts';
import type { TopState, ViewName } from './top-state.ts';

export interface Rows {
  readonly items: readonly unknown[];
  /** Before the filter. */
  readonly total: number;
  /** Of the row under the cursor; -1 when there is none. */
  readonly at: number;
}

/** Sorting a thousand rows again for every key and frame would be most of the work. */
const last = new Map<ViewName, { readonly state: TopState; readonly rows: Rows }>();

export function rowsOf(state: TopState, view: ViewName = state.view): Rows {
  const known = last.get(view);
  if (known && isSame(known.state, state, view)) return known.rows;
  const rows = find(state, view);
  last.set(view, { state, rows });
  return rows;
}

function isSame(a: TopState, b: TopState, view: ViewName): boolean {
  return (
    a.picture === b.picture && a.lists === b.lists && a.events === b.events && a.looks[view] === b.looks[view]
  );
}

function find(state: TopState, view: ViewName): Rows {
  const table = TABLES[view];
  const look = state.looks[view];
  const all = table.items(state);
  const kept = filtered(all, look.filter, table);
  const column = table.columns.filter(({ order }) => order)[look.sort - 1];
  const items = [...kept];
  if (column?.order) {
    const keys = new Map(items.map((item) => [item, column.order!(item, state)]));
    items.sort((a, b) => compare(keys.get(a)!, keys.get(b)!));
  }
  if (look.isReversed) items.reverse();
  const found = items.findIndex((item) => table.id(item) === look.selected);
  return { items, total: all.length, at: items.length === 0 ? -1 : Math.max(0, found) };
}

/** Numbers from the largest, words from A. */
function compare(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return b - a;
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}

/** All words must be there; one that begins with ! must not. Case does not matter. */
export function filtered<T>(
  items: readonly T[],
  filter: string,
  table: Pick<AnyTable, 'text'>,
): readonly T[] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '' && word !== '!');
  if (words.length === 0) return items;
  return items.filter((item) => {
    const text = table.text(item).toLowerCase();
    return words.every((word) =>
      word.startsWith('!') ? !text.includes(word.slice(1)) : text.includes(word),
    );
  });
}

/** The first row of a window of `room` rows in which the cursor is to be seen, with its surroundings. */
export function windowStart(at: number, count: number, room: number): number {
  if (count <= room) return 0;
  const margin = Math.min(3, Math.floor((room - 1) / 2));
  const start =
    Math.floor(Math.max(0, at - margin) / Math.max(1, room - 2 * margin)) * Math.max(1, room - 2 * margin);
  return Math.max(0, Math.min(start, count - room));
}
