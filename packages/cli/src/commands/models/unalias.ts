/** `fila models unalias`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function unaliasModels(context: CliContext, aliases: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, aliases, {
    noun: 'alias',
    done: 'removed',
    change: (alias) => fila.models.aliases.remove(alias),
  });
}
