/** `fila keys list`. */
import type { ApiKey } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { keyColumns } from './key-view.ts';

export interface ListKeysFlags {
  readonly status?: ApiKey['status'];
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listKeys(context: CliContext, { all, ...query }: ListKeysFlags): Promise<void> {
  const fila = await context.sdk('admin');
  await printPages<ApiKey>(context.out, {
    columns: keyColumns(context.now()),
    getPage: (cursor) => fila.keys.list({ ...query, cursor }).page(),
    cursor: query.cursor,
    isAll: all === true,
    whenEmpty: 'No keys. Make one:  fila keys create --name shop',
  });
}
