/** A table in the room there is: which columns, how wide, which rows. */
import { displayWidth } from '../../output/plain-text.ts';
import { rowsOf, windowStart } from '../state/select.ts';
import type { Column, Scene } from '../state/table.ts';
import { TABLES } from '../state/tables.ts';
import type { ViewName } from '../state/top-state.ts';
import { padded, safe, type Line, type Span } from './line.ts';

export interface PlacedColumn {
  readonly column: Column<unknown>;
  readonly width: number;
}

const GAP = 1;
/** Cursor and mark. */
const EDGE = 2;

/** Columns with the highest ranks go until the rest fits; those that grow share what is left. */
export function placeColumns(
  columns: readonly Column<unknown>[],
  room: number,
  titleOf: (column: Column<unknown>) => string,
): PlacedColumn[] {
  const widthOf = (column: Column<unknown>): number => Math.max(column.width, displayWidth(titleOf(column)));
  let kept = [...columns];
  const used = (): number => kept.reduce((sum, one) => sum + widthOf(one) + GAP, -GAP);
  while (kept.length > 1 && used() > room) {
    const worst = Math.max(...kept.map(({ rank }) => rank));
    const at = kept.findLastIndex(({ rank }) => rank === worst);
    kept = kept.filter((_, index) => index !== at);
  }
  const growing = kept.filter(({ grows }) => grows).length;
  let spare = Math.max(0, room - used());
  let left = growing;
  return kept.map((column) => {
    if (!column.grows) return { column, width: Math.min(widthOf(column), room) };
    const extra = Math.ceil(spare / left);
    spare -= extra;
    left -= 1;
    return { column, width: Math.min(widthOf(column) + extra, room) };
  });
}

/** At most `room` lines: the header, and the rows around the cursor. */
export function tableLines(scene: Scene, room: number, view: ViewName = scene.state.view): Line[] {
  const { state, glyphs, say } = scene;
  const table = TABLES[view];
  const look = state.looks[view];
  const { items, total, at } = rowsOf(state, view);
  const titleOf = (column: Column<unknown>): string => say(column.title);
  const placed = placeColumns(table.columns, state.columns - EDGE, titleOf);
  const gapAfter = (column: Column<unknown>): string =>
    column === placed.at(-1)?.column ? '' : ' '.repeat(GAP);
  const sorted = table.columns.filter(({ order }) => order)[look.sort - 1];
  const header: Span[] = [{ text: ' '.repeat(EDGE) }];
  for (const { column, width } of placed) {
    const arrow = column === sorted ? (look.isReversed ? glyphs.up : glyphs.down) : '';
    const title = safe(titleOf(column), glyphs.isPlain);
    const text = padded(arrow && width > title.length ? `${title}${arrow}` : title, width, column.align);
    header.push({ text: text + gapAfter(column), tone: column === sorted ? 'strong' : 'dim' });
  }
  if (items.length === 0) return [header, [{ text: `  ${say(emptyText(scene, view, total))}`, tone: 'dim' }]];
  const start = windowStart(at, items.length, room - 1);
  const rows = items.slice(start, start + room - 1).map((item, index): Line => {
    const isCursor = start + index === at && view === state.view;
    const isMarked = look.marked.has(table.id(item));
    const edge = `${isCursor ? glyphs.cursor : ' '}${isMarked ? glyphs.mark : ' '}`;
    const spans: Span[] = [{ text: edge, tone: 'strong' }];
    for (const { column, width } of placed) {
      const { text, tone } = column.cell(item, scene);
      const shown = padded(safe(text, glyphs.isPlain), width, column.align) + gapAfter(column);
      spans.push({ text: shown, ...(tone ? { tone } : {}) });
    }
    return isCursor ? spans.map((span): Span => ({ text: span.text, isInverse: true })) : spans;
  });
  return [header, ...rows];
}

function emptyText({ state }: Scene, view: ViewName, total: number) {
  if (total > 0) return 'noMatch';
  if (view === 'webhooks') return state.picture ? 'webhooksFine' : 'loading';
  const list = view === 'requests' || view === 'dead' || view === 'keys' ? state.lists[view] : null;
  const isLoading = list ? list.at === null : view !== 'events' && state.picture === null;
  return isLoading ? 'loading' : 'nothing';
}
