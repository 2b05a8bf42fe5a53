/** `fila upstreams enable`, `disable`, `drain` and `undrain`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

const DONE = { enable: 'enabled', disable: 'disabled', drain: 'draining', undrain: 'taking calls' } as const;

export async function switchUpstreams(
  context: CliContext,
  ids: readonly string[],
  verb: keyof typeof DONE,
): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, ids, {
    noun: 'upstream',
    done: DONE[verb],
    change: (id) => fila.upstreams[verb](id),
  });
}
