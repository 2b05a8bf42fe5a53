/** `fila audit search`. */
import type { AuditRow } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { momentOf } from '../moment-of.ts';
import { printPages } from '../print-pages.ts';
import { auditColumns, type ListedRow } from './audit-view.ts';

export interface SearchAuditFlags {
  readonly since?: string;
  readonly until?: string;
  readonly actor?: string;
  readonly act?: string;
  readonly target?: string;
  readonly outcome?: AuditRow['outcome'];
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function searchAudit(context: CliContext, flags: SearchAuditFlags): Promise<void> {
  const { all, since, until, ...rest } = flags;
  const moments = {
    since: momentOf('--since', since, context.now()),
    until: momentOf('--until', until, context.now()),
  };
  const fila = await context.sdk('admin');
  await printPages<ListedRow>(context.out, {
    columns: auditColumns(context.now()),
    getPage: async (cursor) => {
      const { items, next_cursor } = await fila.audit.list({ ...rest, ...moments, cursor }).page();
      return { items: items.map((row) => ({ ...row, id: String(row.seq) })), next_cursor };
    },
    cursor: flags.cursor,
    isAll: all === true,
    whenEmpty: 'No rows here.',
  });
}
