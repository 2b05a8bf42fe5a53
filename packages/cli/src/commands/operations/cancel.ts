/** `fila operations cancel`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function cancelOperations(context: CliContext, ids: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, ids, {
    noun: 'operation',
    done: 'cancelled',
    change: (id) => fila.operations.cancel(id),
  });
}
