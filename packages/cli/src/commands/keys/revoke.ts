/** `fila keys revoke`: asks first, because it cannot be undone. */
import type { Fila } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { oneLine } from '../../output/plain-text.ts';
import { forEachId, readIds } from '../for-each-id.ts';

export async function revokeKeys(context: CliContext, given: readonly string[]): Promise<ExitCode> {
  if (!context.isSure && !context.canAsk)
    throw usageError('Revoking is for good and there is no terminal to ask on', [
      ['Say so in advance', `fila keys revoke ${given.join(' ')} --yes`],
    ]);
  const fila = await context.sdk('admin');
  const ids = await readIds(context, given);
  if (!context.isSure && !(await confirm(context, fila, ids))) {
    context.out.notice('Nothing was revoked.');
    return EXIT.failed;
  }
  return forEachId(context, ids, { noun: 'key', done: 'revoked', change: (id) => fila.keys.revoke(id) });
}

async function confirm(context: CliContext, fila: Fila, ids: readonly string[]): Promise<boolean> {
  for (const id of ids) {
    const { name, status } = await fila.keys.get(id);
    context.out.mustSay(`  ${oneLine(id)}  ${oneLine(name)}  (${status})`);
  }
  const answer = await context.ask('Revoke for good? Its next call is refused. [y/N] ');
  return /^y(es)?$/i.test(answer);
}
