/** `fila queues remove`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function removeQueues(context: CliContext, names: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, names, {
    noun: 'queue',
    done: 'removed',
    change: (name) => fila.queues.remove(name),
  });
}
