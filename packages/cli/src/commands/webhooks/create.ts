/** `fila webhooks create`: registers an endpoint and shows its secret this once. */
import type { CliContext } from '../../cli-context.ts';
import { refuseLosingSecret, showSecret } from './show-secret.ts';
import type { EventName } from './webhooks.ts';

export async function createWebhook(
  context: CliContext,
  url: string,
  { event: events }: { readonly event?: EventName[] },
): Promise<void> {
  refuseLosingSecret(context);
  const fila = await context.sdk('client');
  const created = await fila.webhooks.create({ url, ...(events ? { events } : {}) });
  await showSecret(context, created, 'Webhook created.');
}
