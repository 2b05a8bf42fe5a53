/** `fila keys unseal`: opens what was sealed to one's own key. Needs no daemon. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { readSecretFile } from '../../profile.ts';
import { newSecretFile } from '../new-secret-file.ts';
import { unseal } from './sealed-secret.ts';

export interface UnsealFlags {
  /** File of the private key. */
  readonly with: string;
  readonly out?: string;
}

interface Opened {
  readonly id: string;
  readonly key: string;
  readonly webhook_secret?: string;
}

export async function unsealKey(context: CliContext, flags: UnsealFlags): Promise<void> {
  const privateKey = readSecretFile('--with', flags.with);
  const sealed = context.canAsk
    ? await context.ask('Sealed text (fila_sealed_…): ')
    : (await context.readInput()).trim();
  const text = unseal(privateKey, sealed);
  if (text === null)
    throw usageError('This was not sealed to that key, or is not all of it', [
      ['It begins with', 'fila_sealed_ and has no spaces'],
    ]);
  const opened = JSON.parse(text) as Opened;
  const { out } = context;
  if (flags.out !== undefined) {
    const file = await newSecretFile(flags.out, 'key', 'another.key');
    await file.writeFile(`${opened.key}\n`).finally(() => file.close());
  }
  const { key, ...rest } = opened;
  if (await printData(out, flags.out === undefined ? opened : rest)) return;
  out.print(oneLine(flags.out === undefined ? key : opened.id));
  out.mustSay(`  id              ${oneLine(opened.id)}`);
  if (opened.webhook_secret) out.mustSay(`  webhook secret  ${oneLine(opened.webhook_secret)}`);
  if (flags.out !== undefined) out.mustSay(`  key in          ${oneLine(flags.out)}`);
}
