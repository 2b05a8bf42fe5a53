/** `fila service-tokens create`: makes a token for a program and shows it this once. */
import { unlink } from 'node:fs/promises';
import type { CreatedServiceToken } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { relativeTime } from '../../output/units.ts';
import { withProof } from '../me/prove.ts';
import { momentToCome } from '../moment-to-come.ts';
import { newSecretFile } from '../new-secret-file.ts';

export interface CreateServiceTokenFlags {
  readonly scope: readonly string[];
  readonly expires: string;
  readonly out?: string;
}

export async function createServiceToken(
  context: CliContext,
  name: string,
  flags: CreateServiceTokenFlags,
): Promise<void> {
  if (context.out.format === 'name' && flags.out === undefined)
    throw usageError('With -o name the token would be lost', [['Keep it', 'add --out FILE']]);
  const expires_at = momentToCome('--expires', flags.expires, context.now());
  const scopes = [...new Set(flags.scope.flatMap((scope) => scope.split(',')))].filter(Boolean);
  const fila = await context.sdk('admin');
  // Opened first: a token that cannot be kept must not be made.
  const file = flags.out === undefined ? undefined : await newSecretFile(flags.out, 'token', 'another.token');
  let created: CreatedServiceToken;
  try {
    created = await withProof(context, fila, () => fila.serviceTokens.create({ name, scopes, expires_at }));
    await file?.writeFile(`${created.token}\n`);
  } catch (error) {
    if (flags.out !== undefined) await unlink(flags.out);
    throw error;
  } finally {
    await file?.close();
  }
  await show(context, created, flags.out);
}

async function show({ out, now }: CliContext, created: CreatedServiceToken, path?: string): Promise<void> {
  const { token, ...known } = created;
  if (await printData(out, path === undefined ? created : known)) return;
  out.print(oneLine(path === undefined ? token : created.id));
  const ends = relativeTime(created.expires_at, now());
  out.mustSay(out.noticePaint('ok', `✔ Token "${oneLine(created.name)}" made; it ends ${ends}.`));
  out.mustSay(`  It may: ${created.scopes.join(' ')}`);
  out.mustSay(`  It is shown this once. Use it as FILA_TOKEN or with --token-file.`);
}
