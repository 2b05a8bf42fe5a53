/** `fila limits lift`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function liftPenalties(context: CliContext, ids: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, ids, { noun: 'penalty', done: 'lifted', change: (id) => fila.limits.lift(id) });
}
