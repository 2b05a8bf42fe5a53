/** `fila webhooks test`: prints the id of the delivery. */
import type { CliContext } from '../../cli-context.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';

export async function testWebhook(context: CliContext, id: string): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('client');
  const delivery = await fila.webhooks.test(id);
  if (!(await printData(out, delivery))) out.print(oneLine(delivery.id));
  out.notice(`See what came of it:  fila webhooks show ${oneLine(delivery.id)}`);
}
