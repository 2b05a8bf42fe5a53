/** `fila sessions list`: one's own, or with --all and --user those of others. */
import type { Session } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { listPrinter } from '../../output/formats.ts';
import { timeCell, type Column } from '../../output/table.ts';
import { userId } from '../users/find-user.ts';

export interface ListSessionsFlags {
  readonly all?: boolean;
  readonly user?: string;
}

export async function listSessions(context: CliContext, { all, user }: ListSessionsFlags): Promise<void> {
  const fila = await context.sdk('admin');
  const { items, next_cursor } =
    all || user !== undefined
      ? await fila.sessions.list(user === undefined ? {} : { user: await userId(fila, user) })
      : await fila.sessions.listOwn();
  const printer = listPrinter(context.out, { columns: columnsAt(context.now()), name: ({ id }) => id });
  printer.page(items);
  await printer.end(next_cursor);
  if (items.length === 0) context.out.notice('No sessions.');
}

function columnsAt(nowMs: number): Column<Session>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: ({ id, is_current }) => ({ exact: id, tone: is_current ? 'strong' : undefined }) },
    { header: 'USER', cell: ({ user }) => ({ exact: user }) },
    { header: 'FROM', cell: ({ address }) => ({ exact: address }) },
    { header: 'CLIENT', yields: true, cell: ({ client }) => ({ exact: client }) },
    { header: 'LAST-USED', cell: ({ last_used_at }) => time(last_used_at) },
    { header: 'ENDS', cell: ({ expires_at }) => time(expires_at) },
    { header: 'CREATED', wide: true, cell: ({ created_at }) => time(created_at) },
  ];
}
