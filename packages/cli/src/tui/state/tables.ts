/** The table of each view. */
import { keysTable, overviewTable, upstreamsTable, webhooksTable } from './queue-tables.ts';
import { deadTable, eventsTable, requestsTable } from './request-tables.ts';
import type { Table } from './table.ts';
import type { ViewName } from './top-state.ts';

/** One table, whatever its rows are. */
export type AnyTable = Table<unknown>;

export const TABLES = {
  overview: overviewTable,
  requests: requestsTable,
  dead: deadTable,
  keys: keysTable,
  upstreams: upstreamsTable,
  webhooks: webhooksTable,
  events: eventsTable,
} as unknown as Readonly<Record<ViewName, AnyTable>>;
