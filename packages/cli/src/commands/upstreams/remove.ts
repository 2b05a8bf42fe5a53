/** `fila upstreams remove`: asks first, because what only they could answer fails then. */
import type { Fila } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { oneLine } from '../../output/plain-text.ts';
import { forEachId, readIds } from '../for-each-id.ts';

export async function removeUpstreams(context: CliContext, given: readonly string[]): Promise<ExitCode> {
  if (!context.isSure && !context.canAsk)
    throw usageError('Removing needs a yes and there is no terminal to ask on', [
      ['Say so in advance', `fila upstreams remove ${given.join(' ')} --yes`],
    ]);
  const fila = await context.sdk('admin');
  const ids = await readIds(context, given);
  if (!context.isSure && !(await confirm(context, fila, ids))) {
    context.out.notice('Nothing was removed.');
    return EXIT.failed;
  }
  return forEachId(context, ids, {
    noun: 'upstream',
    done: 'removed; its calls end',
    change: (id) => fila.upstreams.remove(id),
  });
}

async function confirm(context: CliContext, fila: Fila, ids: readonly string[]): Promise<boolean> {
  for (const id of ids) {
    const { status, running, models } = await fila.upstreams.get(id);
    context.out.mustSay(`  ${oneLine(id)}  ${status}, ${running} running, ${models.length} models`);
  }
  const answer = await context.ask('Remove? Models that no other upstream has will be missing. [y/N] ');
  return /^y(es)?$/i.test(answer);
}
