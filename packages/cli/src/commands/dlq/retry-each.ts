/** Dead letters that were named are tried again, one by one. */
import type { DeadLetterRetry } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function retryEach(
  context: CliContext,
  ids: readonly string[],
  { reason }: { readonly reason?: string },
): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId<DeadLetterRetry>(context, ids, {
    noun: 'dead-letter',
    done: ({ id }) => `retried as ${id}`,
    change: (id) => fila.deadLetters.retry(id, reason === undefined ? {} : { reason }),
  });
}
