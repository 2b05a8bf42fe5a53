/** Prints one page of a list, or all of them, and says how to go on. */
import { listPrinter } from '../output/formats.ts';
import type { Out } from '../output/out.ts';
import { oneLine } from '../output/plain-text.ts';
import type { Column } from '../output/table.ts';

export interface Pages<T> {
  readonly columns: readonly Column<T>[];
  getPage(cursor: string | undefined): Promise<{ items: T[]; next_cursor: string | null }>;
  /** Where to begin. */
  readonly cursor?: string;
  readonly isAll: boolean;
  readonly whenEmpty: string;
}

export async function printPages<T extends { readonly id: string }>(
  out: Out,
  pages: Pages<T>,
): Promise<void> {
  const printer = listPrinter<T>(out, { columns: pages.columns, name: ({ id }) => id });
  let cursor: string | null | undefined = pages.cursor;
  let count = 0;
  do {
    const page = await pages.getPage(cursor);
    printer.page(page.items);
    count += page.items.length;
    cursor = page.next_cursor;
  } while (pages.isAll && cursor !== null);
  await printer.end(cursor);
  if (count === 0) out.notice(pages.whenEmpty);
  if (cursor !== null) out.notice(`There are more: add --cursor ${oneLine(cursor)}  (or --all)`);
}
