/** `fila webhooks show`: an endpoint; or a delivery, an empty line, its attempts. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { tabbedLines, tableLines } from '../../output/table.ts';
import { attemptColumns, deliveryView, webhookView } from './webhook-view.ts';

export async function showWebhook(context: CliContext, id: string): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('client');
  if (!id.startsWith('dlv_')) {
    await printOne(out, await fila.webhooks.get(id), webhookView(context.now()));
    return;
  }
  const delivery = await fila.webhooks.deliveries.get(id);
  await printOne(out, delivery, deliveryView(context.now()));
  if (delivery.history.length === 0 || (out.format !== 'table' && out.format !== 'wide')) return;
  const columns = attemptColumns(context.now());
  out.print('');
  const { history } = delivery;
  for (const line of out.isTty ? tableLines(columns, history, out) : tabbedLines(columns, history))
    out.print(line);
}
