/** `fila requests list`. */
import type { Request } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { momentOf } from '../moment-of.ts';
import { printPages } from '../print-pages.ts';
import { requestColumns } from './request-view.ts';

export interface ListRequestsFlags {
  readonly status?: Request['status'];
  readonly model?: string;
  readonly queue?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
  /** Only with `everyKey`. */
  readonly key?: string;
  readonly everyKey?: boolean;
}

export async function listRequests(context: CliContext, flags: ListRequestsFlags): Promise<void> {
  const { since, until, all, key: _key, everyKey: _everyKey, ...rest } = flags;
  const query = {
    ...rest,
    created_after: momentOf('--since', since, context.now()),
    created_before: momentOf('--until', until, context.now()),
  };
  const fila = await context.sdk('client');
  await printPages<Request>(context.out, {
    columns: requestColumns(context.now()),
    getPage: (cursor) => fila.requests.list({ ...query, cursor }).page(),
    cursor: query.cursor,
    isAll: all === true,
    whenEmpty: 'No requests. Send one:  fila requests send "Say hello" --wait',
  });
}
