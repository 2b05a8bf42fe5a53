/** `fila dlq discard`. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function discardDeadLetters(
  context: CliContext,
  ids: readonly string[],
  { reason }: { readonly reason: string },
): Promise<ExitCode> {
  if (reason.trim() === '') throw usageError('--reason needs words');
  const fila = await context.sdk('admin');
  return forEachId(context, ids, {
    noun: 'dead-letter',
    done: 'discarded',
    change: (id) => fila.deadLetters.discard(id, { reason }),
  });
}
