/** A list that the broker gives in pages: read one page, or go through all of it. */
import type { FilaPromise } from './fila-promise.ts';

/** Nothing is asked for until `page()` or the first step of a loop; each loop starts from the first page. */
export interface Listing<Item, Page> extends AsyncIterable<Item> {
  page(): FilaPromise<Page>;
}

/** `getPage` without a cursor gives the page that the caller's query asks for. */
export function listing<Item, Page extends { items: Item[]; next_cursor: string | null }>(
  getPage: (cursor?: string) => FilaPromise<Page>,
): Listing<Item, Page> {
  async function* all(): AsyncGenerator<Item, void, undefined> {
    let cursor: string | undefined;
    do {
      const page = await getPage(cursor);
      yield* page.items;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }
  return { page: () => getPage(), [Symbol.asyncIterator]: all };
}
