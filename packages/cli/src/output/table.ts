/** Rows and fields as text: aligned to the terminal for people, tab separated and exact for pipes. */
import type { Paint, Tone } from './colour.ts';
import { displayWidth, oneLine, shorten } from './plain-text.ts';
import { relativeTime } from './units.ts';

/** What a cell says: `exact` in a pipe, `shown` (or `exact`) to a person. Both are made safe here. */
export interface Cell {
  readonly exact: string;
  readonly shown?: string;
  readonly tone?: Tone;
}

/** Cells of times: RFC 3339 in a pipe, the distance from now to a person. */
export function timeCell(nowMs: number): (iso: string | null) => Cell {
  return (iso) =>
    iso === null ? { exact: '', shown: '-', tone: 'dim' } : { exact: iso, shown: relativeTime(iso, nowMs) };
}

export interface Column<T> {
  readonly header: string;
  readonly cell: (item: T) => Cell;
  /** Only in the wide format. */
  readonly wide?: true;
  /** Gives way first when the terminal is narrow. */
  readonly yields?: true;
}

const GAP = '  ';
/** Columns that yield do not go below this. */
const YIELD_TO = 8;

/** One line a row, cells separated by tabs, no header: what cut, awk and while read expect. */
export function tabbedLines<T>(columns: readonly Column<T>[], items: readonly T[]): string[] {
  return items.map((item) => columns.map((column) => oneLine(column.cell(item).exact)).join('\t'));
}

/** Header and rows; no line is wider than `width` columns. */
export function tableLines<T>(
  columns: readonly Column<T>[],
  items: readonly T[],
  { width, paint }: { width: number; paint: Paint },
): string[] {
  const cells = items.map((item) => columns.map((column) => shownCell(column.cell(item))));
  const widths = fit(
    columns.map((column, index) =>
      Math.max(column.header.length, ...cells.map((row) => displayWidth(row[index]!.text))),
    ),
    columns.map((column) => column.yields === true),
    width,
  );
  const line = (row: readonly ShownCell[]): string =>
    widths
      .map((room, index) => {
        const { text, tone } = row[index]!;
        const kept = shorten(text, room);
        const isLast = index === widths.length - 1;
        return paint(tone, kept) + (isLast ? '' : ' '.repeat(room - displayWidth(kept)));
      })
      .join(GAP)
      .trimEnd();
  return [columns.map(({ header }): ShownCell => ({ text: header, tone: 'dim' })), ...cells].map(line);
}

interface ShownCell {
  readonly text: string;
  readonly tone?: Tone;
}

function shownCell({ exact, shown, tone }: Cell): ShownCell {
  return { text: oneLine(shown ?? exact), tone };
}

/**
 * As many columns from the left as fit: those that yield give way first, to a little, then the last ones are left out.
 * Others are whole, because half an id is of no use; only what stands alone is cut.
 */
function fit(wanted: readonly number[], yields: readonly boolean[], width: number): number[] {
  for (let count = wanted.length; count > 1; count--) {
    const widths = wanted.slice(0, count);
    let over = widths.reduce((sum, one) => sum + one + GAP.length, -GAP.length) - width;
    for (; over > 0; over--) {
      const widest = widths.reduce(
        (best, one, index) => (yields[index] && one > (widths[best] ?? YIELD_TO) ? index : best),
        -1,
      );
      if (widest === -1) break;
      widths[widest]! -= 1;
    }
    if (over <= 0) return widths;
  }
  return [Math.max(0, Math.min(wanted[0] ?? 0, width))];
}

/** One thing as labels and values: aligned for people, `label<TAB>value` in a pipe. Empty values are left out. */
export function fieldLines(
  fields: readonly (readonly [label: string, cell: Cell])[],
  { isTty, paint }: { isTty: boolean; paint: Paint },
): string[] {
  const present = fields.filter(([, { exact }]) => exact !== '');
  if (!isTty) return present.map(([label, { exact }]) => `${label}\t${oneLine(exact)}`);
  const room = Math.max(0, ...present.map(([label]) => label.length)) + GAP.length;
  return present.map(([label, cell]) => {
    const { text, tone } = shownCell(cell);
    return `${paint('dim', label.padEnd(room))}${paint(tone, text)}`;
  });
}
