/** `fila webhooks delete`: asks first, because it cannot be undone. */
import type { Fila } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { oneLine } from '../../output/plain-text.ts';
import { forEachId, readIds } from '../for-each-id.ts';

export async function deleteWebhooks(context: CliContext, given: readonly string[]): Promise<ExitCode> {
  if (!context.isSure && !context.canAsk)
    throw usageError('Deleting is for good and there is no terminal to ask on', [
      ['Say so in advance', `fila webhooks delete ${given.join(' ')} --yes`],
    ]);
  const fila = await context.sdk('client');
  const ids = await readIds(context, given);
  if (!context.isSure && !(await confirm(context, fila, ids))) {
    context.out.notice('Nothing was deleted.');
    return EXIT.failed;
  }
  return forEachId(context, ids, {
    noun: 'webhook',
    done: 'deleted',
    change: (id) => fila.webhooks.delete(id),
  });
}

async function confirm(context: CliContext, fila: Fila, ids: readonly string[]): Promise<boolean> {
  for (const id of ids) {
    const { url, status } = await fila.webhooks.get(id);
    context.out.mustSay(`  ${oneLine(id)}  ${oneLine(url)}  (${status})`);
  }
  const answer = await context.ask('Delete for good? What is on its way there is given up. [y/N] ');
  return /^y(es)?$/i.test(answer);
}
