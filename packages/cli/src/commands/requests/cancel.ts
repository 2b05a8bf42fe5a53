/** `fila requests cancel`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function cancelRequests(
  context: CliContext,
  ids: readonly string[],
  { allKeys = false }: { readonly allKeys?: boolean },
): Promise<ExitCode> {
  const fila = await context.sdk(allKeys ? 'admin' : 'client');
  return forEachId(context, ids, {
    noun: 'request',
    done: 'cancelled',
    change: async (id) => void (await (allKeys ? fila.requests.cancelAny(id) : fila.requests.cancel(id))),
  });
}
