/** `fila batches list`. */
import type { Batch } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { batchColumns } from './batch-view.ts';

export interface ListBatchesFlags {
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listBatches(context: CliContext, { all, ...query }: ListBatchesFlags): Promise<void> {
  const fila = await context.sdk('client');
  await printPages<Batch>(context.out, {
    columns: batchColumns(context.now()),
    getPage: (cursor) => fila.batches.list({ ...query, cursor }).page(),
    cursor: query.cursor,
    isAll: all === true,
    whenEmpty: 'No batches. Upload one:  fila batches create requests.jsonl',
  });
}
