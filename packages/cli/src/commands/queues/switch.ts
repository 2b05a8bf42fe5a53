/** `fila queues pause`, `resume` and `drain`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

const DONE = { pause: 'paused', resume: 'active', drain: 'draining' } as const;

export async function switchQueues(
  context: CliContext,
  names: readonly string[],
  verb: keyof typeof DONE,
): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, names, {
    noun: 'queue',
    done: DONE[verb],
    change: (name) => fila.queues[verb](name),
  });
}
