/** `fila logs search`. */
import type { LogLine } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { momentOf } from '../moment-of.ts';
import { printPages } from '../print-pages.ts';
import { logColumns, type ListedLine } from './log-view.ts';

export interface SearchLogsFlags {
  readonly since?: string;
  readonly until?: string;
  readonly level?: LogLine['level'];
  readonly request?: string;
  readonly key?: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function searchLogs(
  context: CliContext,
  text: string | undefined,
  flags: SearchLogsFlags,
): Promise<void> {
  const { limit, level, request, key } = flags;
  const query = {
    ...{ text, limit, level, request_id: request, key_id: key },
    since: momentOf('--since', flags.since, context.now()),
    until: momentOf('--until', flags.until, context.now()),
  };
  const fila = await context.sdk('admin');
  await printPages<ListedLine>(context.out, {
    columns: logColumns(context.now()),
    getPage: async (cursor) => {
      const { items, next_cursor } = await fila.logs.list({ ...query, cursor }).page();
      return { items: items.map((line) => ({ ...line, id: String(line.id) })), next_cursor };
    },
    cursor: flags.cursor,
    isAll: flags.all === true,
    whenEmpty: 'No lines here.',
  });
}
