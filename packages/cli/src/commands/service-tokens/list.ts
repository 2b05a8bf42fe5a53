/** `fila service-tokens list`, `show` and `revoke`. */
import type { ServiceToken } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { listPrinter, printOne } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { forEachId } from '../for-each-id.ts';

export async function listServiceTokens(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  const { items, next_cursor } = await fila.serviceTokens.list();
  const printer = listPrinter(context.out, { columns: columnsAt(context.now()), name: ({ id }) => id });
  printer.page(items);
  await printer.end(next_cursor);
  if (items.length === 0)
    context.out.notice('No tokens. Make one:  fila service-tokens create ci --scope keys.read --expires 90d');
}

export async function showServiceToken(context: CliContext, id: string): Promise<void> {
  const fila = await context.sdk('admin');
  const columns = columnsAt(context.now());
  await printOne<ServiceToken>(context.out, await fila.serviceTokens.get(id), {
    name: (token) => token.id,
    fields: (token) =>
      columns.map(({ header, cell }) => [header.toLowerCase().replace('-', ' '), cell(token)]),
  });
}

export async function revokeServiceTokens(context: CliContext, ids: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, ids, {
    ...{ noun: 'service-token', done: 'revoked' },
    change: (id) => fila.serviceTokens.revoke(id),
  });
}

function columnsAt(nowMs: number): Column<ServiceToken>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: ({ id }) => ({ exact: id }) },
    { header: 'NAME', cell: ({ name }) => ({ exact: name }) },
    { header: 'STATUS', cell: (token) => statusCell(token, nowMs) },
    { header: 'SCOPES', yields: true, cell: ({ scopes }) => ({ exact: scopes.join(' ') }) },
    { header: 'EXPIRES', cell: ({ expires_at }) => time(expires_at) },
    { header: 'LAST-USED', cell: ({ last_used_at }) => time(last_used_at) },
    { header: 'BY', wide: true, cell: ({ created_by }) => ({ exact: created_by }) },
    { header: 'PREFIX', wide: true, cell: ({ prefix }) => ({ exact: prefix }) },
    { header: 'CREATED', wide: true, cell: ({ created_at }) => time(created_at) },
  ];
}

function statusCell({ revoked_at, expires_at }: ServiceToken, nowMs: number): Cell {
  if (revoked_at !== null) return { exact: 'revoked', shown: '✖ revoked', tone: 'bad' };
  if (Date.parse(expires_at) <= nowMs) return { exact: 'expired', shown: '◌ expired', tone: 'warn' };
  return { exact: 'active', shown: '● active', tone: 'ok' };
}
