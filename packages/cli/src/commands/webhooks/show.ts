/** `fila webhooks show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { webhookView } from './webhook-view.ts';

export async function showWebhook(context: CliContext, id: string): Promise<void> {
  const fila = await context.sdk('client');
  await printOne(context.out, await fila.webhooks.get(id), webhookView(context.now()));
}
