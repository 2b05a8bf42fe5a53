/** `fila upstreams breaker`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function setBreaker(
  context: CliContext,
  id: string,
  state: 'open' | 'closed' | 'auto',
): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  const done = state === 'auto' ? 'breakers left to themselves' : `breakers forced ${state}`;
  return forEachId(context, [id], {
    noun: 'upstream',
    done,
    change: (one) => fila.upstreams.setBreaker(one, state),
  });
}
