/** `fila requests list`. */
import type { Request, RequestEntry } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { entryColumns } from './entry-view.ts';
import { isOfOthers, requestFilter, type RequestFilterFlags } from './request-filter.ts';
import { requestColumns } from './request-view.ts';

export interface ListRequestsFlags extends RequestFilterFlags {
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listRequests(context: CliContext, flags: ListRequestsFlags): Promise<void> {
  const query = { ...requestFilter(flags, context.now()), limit: flags.limit };
  const pages = { cursor: flags.cursor, isAll: flags.all === true };
  if (isOfOthers(flags)) {
    const fila = await context.sdk('admin');
    await printPages<RequestEntry>(context.out, {
      ...pages,
      columns: entryColumns(context.now()),
      getPage: (cursor) => fila.requests.listAll({ ...query, key: flags.key, cursor }).page(),
      whenEmpty: 'No requests.',
    });
    return;
  }
  const fila = await context.sdk('client');
  await printPages<Request>(context.out, {
    ...pages,
    columns: requestColumns(context.now()),
    getPage: (cursor) => fila.requests.list({ ...query, cursor }).page(),
    whenEmpty: 'No requests. Send one:  fila requests send "Say hello" --wait',
  });
}
