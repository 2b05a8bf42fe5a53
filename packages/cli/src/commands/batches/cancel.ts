/** `fila batches cancel`. */
import type { Batch } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function cancelBatches(context: CliContext, ids: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('client');
  return forEachId<Batch>(context, ids, {
    noun: 'batch',
    done: ({ status, counts }) => `${status}: ${counts.cancelled} of its requests`,
    change: (id) => fila.batches.cancel(id),
  });
}
