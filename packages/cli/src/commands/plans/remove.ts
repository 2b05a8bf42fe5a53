/** `fila plans remove`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function removePlans(context: CliContext, names: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, names, {
    noun: 'plan',
    done: 'removed',
    change: (name) => fila.plans.remove(name),
  });
}
