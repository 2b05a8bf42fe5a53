/** `fila webhooks redeliver`: one delivery, or all that failed since a time. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { parseDuration, parseMoment, rfc3339 } from '../../output/units.ts';

export async function redeliver(
  context: CliContext,
  id: string,
  { since }: { readonly since?: string },
): Promise<void> {
  const { out } = context;
  const isDelivery = id.startsWith('dlv_');
  if (isDelivery && since !== undefined)
    throw usageError('--since is for a webhook (whk_…), not for a delivery');
  if (!isDelivery && since === undefined)
    throw usageError('A webhook needs --since', [
      ['For example', `fila webhooks redeliver ${id} --since 1d`],
    ]);
  const moment = since === undefined ? undefined : momentOf(since, context.now());
  const fila = await context.sdk('client');
  if (moment === undefined) {
    const delivery = await fila.webhooks.deliveries.redeliver(id);
    if (!(await printData(out, delivery))) out.print(oneLine(delivery.id));
    return;
  }
  const redelivery = await fila.webhooks.redeliver(id, { since: moment });
  if (!(await printData(out, redelivery))) out.print(String(redelivery.count));
  out.notice(
    `On their way: ${redelivery.count}. Follow them:  fila webhooks deliveries --endpoint ${oneLine(id)}`,
  );
}

/** "1h" is an hour ago. */
function momentOf(text: string, nowMs: number): string {
  const duration = parseDuration(text);
  const momentMs = duration === undefined ? parseMoment(text) : nowMs - duration;
  const moment = momentMs === undefined ? undefined : rfc3339(momentMs);
  if (moment === undefined)
    throw usageError(`--since ${text} is neither a duration (1h, 2d) nor a time (2027-01-01T14:00Z)`);
  return moment;
}
