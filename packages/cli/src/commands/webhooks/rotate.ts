/** `fila webhooks rotate`: makes a new secret and shows it this once. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { parseDuration } from '../../output/units.ts';
import { refuseLosingSecret, showSecret } from './show-secret.ts';

export async function rotateWebhook(
  context: CliContext,
  id: string,
  { overlap }: { readonly overlap: string },
): Promise<void> {
  refuseLosingSecret(context);
  const overlapMs = parseDuration(overlap);
  if (overlapMs === undefined) throw usageError(`--overlap ${overlap} is no duration (0s, 12h, 7d)`);
  const fila = await context.sdk('client');
  const rotated = await fila.webhooks.rotate(id, { overlap_seconds: overlapMs / 1000 });
  await showSecret(context, rotated, 'The webhook has a new secret.');
}
