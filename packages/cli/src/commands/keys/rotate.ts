/** `fila keys rotate`: gives a key a new secret and shows it this once. */
import { unlink } from 'node:fs/promises';
import type { RotatedApiKey } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { parseDuration } from '../../output/units.ts';
import { newSecretFile } from '../new-secret-file.ts';

interface RotateKeyFlags {
  readonly overlap: string;
  readonly out?: string;
}

export async function rotateKey(
  context: CliContext,
  id: string,
  { overlap, out: path }: RotateKeyFlags,
): Promise<void> {
  if (context.out.format === 'name' && path === undefined)
    throw usageError('With -o name the secret would be lost', [['Keep it', 'add --out FILE']]);
  const overlapMs = parseDuration(overlap);
  if (overlapMs === undefined) throw usageError(`--overlap ${overlap} is no duration (0s, 12h, 7d)`);
  const fila = await context.sdk('admin');
  // Opened first: the secret before must not end for one that cannot be kept.
  const file = path === undefined ? undefined : await newSecretFile(path, 'new secret', 'another.key');
  let rotated: RotatedApiKey;
  try {
    rotated = await fila.keys.rotate(id, { overlap_seconds: overlapMs / 1000 });
    await file?.writeFile(`${rotated.key}\n`);
  } catch (error) {
    if (path !== undefined) await unlink(path);
    throw error;
  } finally {
    await file?.close();
  }
  await show(context, rotated, path);
}

async function show({ out }: CliContext, rotated: RotatedApiKey, path: string | undefined): Promise<void> {
  const { key, ...known } = rotated;
  const until = rotated.previous_secret_until;
  if (await printData(out, path === undefined ? rotated : known)) return;
  out.print(oneLine(path === undefined ? key : rotated.id));
  out.mustSay(out.noticePaint('ok', `✔ Key "${oneLine(rotated.name)}" has a new secret.`));
  if (path !== undefined) out.mustSay(`  It is in ${oneLine(path)}.`);
  out.mustSay(
    until
      ? `  The secret before it is accepted until ${oneLine(until)}.`
      : '  The secret before it is refused within a second.',
  );
  out.mustSay('  The webhook secret is the same.');
  out.mustSay(out.noticePaint('warn', '  The new secret is shown this once. Save it now.'));
}
