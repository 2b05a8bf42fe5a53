/** `fila operations list`. */
import type { Operation } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { operationColumns } from './operation-view.ts';

export interface ListOperationsFlags {
  readonly state?: Operation['state'];
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listOperations(
  context: CliContext,
  { all, ...query }: ListOperationsFlags,
): Promise<void> {
  const fila = await context.sdk('admin');
  await printPages<Operation>(context.out, {
    columns: operationColumns(context.now()),
    getPage: (cursor) => fila.operations.list({ ...query, cursor }).page(),
    cursor: query.cursor,
    isAll: all === true,
    whenEmpty: 'No operations.',
  });
}
