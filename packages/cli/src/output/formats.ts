/** Prints things in the format that was asked for; `json` and `jsonl` are exact, the rest is made safe for terminals. */
import { csvLine } from './csv.ts';
import type { Out } from './out.ts';
import { escapeUnsafe, isSafe, oneLine } from './plain-text.ts';
import { fieldLines, tabbedLines, tableLines, type Cell, type Column } from './table.ts';

export interface View<T> {
  /** What `-o name` prints. */
  readonly name: (item: T) => string;
  /** What people read about one thing. */
  readonly fields: (item: T) => readonly (readonly [label: string, cell: Cell])[];
}

/** A thing as data, when the format is one for programs; false when the caller shows it to people. */
export async function printData(out: Out, value: unknown): Promise<boolean> {
  switch (out.format) {
    case 'json':
      out.print(escapeUnsafe(JSON.stringify(value, null, 2)));
      return true;
    case 'jsonl':
      out.print(jsonLine(value));
      return true;
    case 'yaml':
      out.print(await yamlText(value));
      return true;
    default:
      return false;
  }
}

export async function printOne<T>(out: Out, item: T, view: View<T>): Promise<void> {
  if (await printData(out, item)) return;
  if (out.format === 'name') out.print(oneLine(view.name(item)));
  else if (out.format === 'csv') {
    const fields = view.fields(item);
    out.print(csvLine(fields.map(([label]) => label)));
    out.print(csvLine(fields.map(([, { exact }]) => exact)));
  } else for (const line of fieldLines(view.fields(item), out)) out.print(line);
}

export interface ListPrinter<T> {
  page(items: readonly T[]): void;
  /** Prints what was kept back. `nextCursor` names the page after, null after the last. */
  end(nextCursor: string | null): Promise<void>;
}

/** Formats without an end (jsonl, name, tab separated) are written page by page, the others once all is known. */
export function listPrinter<T>(
  out: Out,
  { columns, name }: { columns: readonly Column<T>[]; name: (item: T) => string },
): ListPrinter<T> {
  const chosen =
    out.format === 'wide' || out.format === 'csv' ? columns : columns.filter((column) => !column.wide);
  const kept: T[] = [];
  const linesOfPage: ((items: readonly T[]) => string[]) | undefined =
    out.format === 'jsonl'
      ? (items) => items.map(jsonLine)
      : out.format === 'name'
        ? (items) => items.map((item) => oneLine(name(item)))
        : out.format === 'csv'
          ? (items) => items.map((item) => csvLine(chosen.map(({ cell }) => cell(item).exact)))
          : isTabbed(out)
            ? (items) => tabbedLines(chosen, items)
            : undefined;
  if (out.format === 'csv') out.print(csvLine(chosen.map(({ header }) => header.toLowerCase())));
  return {
    page: (items) => {
      if (!linesOfPage) kept.push(...items);
      else for (const line of linesOfPage(items)) out.print(line);
    },
    end: async (nextCursor) => {
      if (linesOfPage) return;
      if (await printData(out, { items: kept, next_cursor: nextCursor })) return;
      if (kept.length > 0) for (const line of tableLines(chosen, kept, out)) out.print(line);
    },
  };
}

function isTabbed(out: Out): boolean {
  return !out.isTty && (out.format === 'table' || out.format === 'wide');
}

/** JSON on one line, exact for a parser and without raw control characters for a terminal. */
export function jsonLine(value: unknown): string {
  return escapeUnsafe(JSON.stringify(value));
}

/** Only text in double quotes can carry escapes, so text that needs them is put there. */
async function yamlText(value: unknown): Promise<string> {
  const { Document, visit } = await import('yaml');
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && !isSafe(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return escapeUnsafe(document.toString({ lineWidth: 0 })).trimEnd();
}
