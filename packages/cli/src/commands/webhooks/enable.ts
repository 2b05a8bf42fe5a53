/** `fila webhooks enable`. */
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function enableWebhooks(context: CliContext, ids: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('client');
  const exitCode = await forEachId(context, ids, {
    noun: 'webhook',
    done: 'enabled',
    change: (id) => fila.webhooks.enable(id),
  });
  context.out.notice('What was missed comes with:  fila webhooks redeliver <id> --since 7d');
  return exitCode;
}
