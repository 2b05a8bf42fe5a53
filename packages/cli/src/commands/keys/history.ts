/** `fila keys history`: who did what to a key, when and why, the oldest first. */
import type { CliContext } from '../../cli-context.ts';
import type { Column } from '../../output/table.ts';
import { auditColumns, type ListedRow } from '../audit/audit-view.ts';
import { printPages } from '../print-pages.ts';

export interface HistoryFlags {
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

/** Which key it is about is known, and what changed is what one looks for. */
const LEFT_OUT = ['SEQ', 'TARGET'];

export async function keyHistory(context: CliContext, id: string, flags: HistoryFlags): Promise<void> {
  const { all, ...query } = flags;
  const fila = await context.sdk('admin');
  await printPages<ListedRow>(context.out, {
    columns: columns(context.now()),
    getPage: async (cursor) => {
      const rows = fila.audit.list({ ...query, target: id, order: 'oldest', cursor });
      const { items, next_cursor } = await rows.page();
      return { items: items.map((row) => ({ ...row, id: String(row.seq) })), next_cursor };
    },
    cursor: query.cursor,
    isAll: all === true,
    whenEmpty: 'Nothing is written about it.',
  });
}

function columns(nowMs: number): Column<ListedRow>[] {
  return auditColumns(nowMs)
    .filter(({ header }) => !LEFT_OUT.includes(header))
    .map(({ wide, ...column }) => (wide && column.header !== 'CHANGED' ? { ...column, wide } : column));
}
