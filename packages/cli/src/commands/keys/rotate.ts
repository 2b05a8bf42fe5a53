/** `fila keys rotate`: gives a key a new secret, now or at a time to come, and shows it this once. */
import type { RotatedApiKey } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { parseDuration } from '../../output/units.ts';
import { momentToCome } from '../moment-to-come.ts';
import { prepareDelivery, type Delivered, type DeliveryFlags } from './deliver-secret.ts';

interface RotateKeyFlags extends DeliveryFlags {
  readonly overlap: string;
  readonly at?: string;
}

export async function rotateKey(context: CliContext, id: string, flags: RotateKeyFlags): Promise<void> {
  // The secret before must not end for one that cannot be kept.
  const delivery = prepareDelivery(context, flags, 'new secret');
  const overlapMs = parseDuration(flags.overlap);
  if (overlapMs === undefined) throw usageError(`--overlap ${flags.overlap} is no duration (0s, 12h, 7d)`);
  const at = flags.at === undefined ? {} : { at: momentToCome('--at', flags.at, context.now()) };
  const fila = await context.sdk('admin');
  const query = { overlap_seconds: overlapMs / 1000, ...at };
  await show(context, await delivery.of(() => fila.keys.rotate(id, query)), flags);
}

async function show(
  { out }: CliContext,
  { answer, text, data }: Delivered<RotatedApiKey>,
  { out: path, sealTo }: DeliveryFlags,
): Promise<void> {
  const { previous_secret_until: until, secret_valid_from: from } = answer;
  if (await printData(out, data)) return;
  out.print(oneLine(path === undefined ? text : answer.id));
  out.mustSay(out.noticePaint('ok', `✔ Key "${oneLine(answer.name)}" has a new secret.`));
  if (path !== undefined) out.mustSay(`  It is in ${oneLine(path)}.`);
  if (from) out.mustSay(`  It is accepted from ${oneLine(from)} on.`);
  out.mustSay(
    until
      ? `  The secret before it is accepted until ${oneLine(until)}.`
      : '  The secret before it is refused within a second.',
  );
  out.mustSay('  The webhook secret is the same.');
  if (sealTo === undefined)
    out.mustSay(out.noticePaint('warn', '  The new secret is shown this once. Save it now.'));
  else out.mustSay('  Sealed: only its receiver can open it, with  fila keys unseal --with FILE');
}
