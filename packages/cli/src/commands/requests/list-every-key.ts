/** `fila requests list --every-key`: what an operator may see of requests, which is everything but their content. */
import type { RequestSummary } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { timeCell, type Column } from '../../output/table.ts';
import { shortDuration } from '../../output/units.ts';
import { printPages } from '../print-pages.ts';
import type { ListRequestsFlags } from './list.ts';
import { statusCell } from './request-view.ts';

export async function listEveryKey(context: CliContext, flags: ListRequestsFlags): Promise<void> {
  const { since, until, all, limit, cursor, status, model, key } = flags;
  if (since !== undefined || until !== undefined)
    throw usageError('--since and --until are for the requests of one key, without --every-key');
  const query = { limit, status, model, key_id: key };
  const fila = await context.sdk('admin');
  await printPages<RequestSummary>(context.out, {
    columns: columns(context.now()),
    getPage: (at) => fila.requests.listAll({ ...query, cursor: at }).page(),
    cursor,
    isAll: all === true,
    whenEmpty: 'No requests.',
  });
}

function columns(nowMs: number): Column<RequestSummary>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: ({ id }) => ({ exact: id }) },
    {
      header: 'STATUS',
      cell: statusCell,
    },
    { header: 'KEY', yields: true, cell: (one) => ({ exact: one.key_name ?? one.key_id }) },
    { header: 'MODEL', yields: true, cell: ({ model }) => ({ exact: model }) },
    { header: 'TRIES', cell: ({ attempts }) => ({ exact: String(attempts) }) },
    {
      header: 'TOOK',
      cell: ({ processing_time: ms }) => ({
        exact: ms === null ? '' : String(ms),
        ...(ms === null ? {} : { shown: shortDuration(ms) }),
      }),
    },
    { header: 'ERROR', cell: (one) => ({ exact: one.error_code ?? '', tone: 'bad' }) },
    { header: 'UPSTREAM', wide: true, cell: ({ upstream }) => ({ exact: upstream ?? '' }) },
    { header: 'CREATED', cell: (one) => time(one.created_at) },
  ];
}
