/** `fila operations watch`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { followOperation } from './follow-operation.ts';

export async function watchOperation(context: CliContext, id: string): Promise<ExitCode> {
  // A first look of its own: waiting goes on through a daemon that is away, a wrong id or token must not.
  await (await context.sdk('admin')).operations.get(id);
  return followOperation(context, id);
}
