/** `fila webhooks update`. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printOne } from '../../output/formats.ts';
import { webhookView } from './webhook-view.ts';
import type { EventName } from './webhooks.ts';

export interface UpdateWebhookFlags {
  readonly to?: string;
  readonly event?: EventName[];
  readonly allEvents?: boolean;
}

export async function updateWebhook(
  context: CliContext,
  id: string,
  { to: url, event, allEvents }: UpdateWebhookFlags,
): Promise<void> {
  if (event && allEvents) throw usageError('--event and --all-events contradict each other');
  const events = allEvents ? null : event;
  if (url === undefined && events === undefined)
    throw usageError('There is nothing to change', [['Say what', '--to, --event or --all-events']]);
  const fila = await context.sdk('client');
  const changed = await fila.webhooks.update(id, {
    ...(url === undefined ? {} : { url }),
    ...(events === undefined ? {} : { events }),
  });
  await printOne(context.out, changed, webhookView(context.now()));
}
