/** `fila keys create`: makes a key and shows its two secrets this once. */
import { unlink } from 'node:fs/promises';
import type { ApiKey, CreatedApiKey } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { limitsOf, type LimitFlags } from '../limit-flags.ts';
import { openSecretFile } from './secret-file.ts';
import { parseDuration, parseMoment, relativeTime, rfc3339 } from '../../output/units.ts';

export interface CreateKeyFlags {
  readonly name?: string;
  readonly plan?: string;
  readonly expires?: string;
  readonly out?: string;
}

export async function createKey(context: CliContext, given: CreateKeyFlags & LimitFlags): Promise<void> {
  const { out } = context;
  const flags = given as CreateKeyFlags;
  if (out.format === 'name' && flags.out === undefined)
    throw usageError('With -o name the secret would be lost', [['Keep it', 'add --out FILE']]);
  const expiresAt = flags.expires === undefined ? undefined : expiry(flags.expires, context.now());
  const name = flags.name ?? (await askName(context));
  const fila = await context.sdk('admin');
  // Opened first: a key whose secret cannot be kept must not be made.
  const file = flags.out === undefined ? undefined : await openSecretFile(flags.out, 'no key was made');
  let created: CreatedApiKey;
  try {
    created = await fila.keys.create({
      name,
      ...(flags.plan === undefined ? {} : { plan: flags.plan }),
      ...limitsOf(given),
      ...(expiresAt ? { expires_at: expiresAt } : {}),
    });
    await file?.writeFile(`${created.key}\n`);
  } catch (error) {
    if (flags.out !== undefined) await unlink(flags.out);
    throw error;
  } finally {
    await file?.close();
  }
  await show(context, created, flags.out);
}

async function askName(context: CliContext): Promise<string> {
  const next = [['Name it', 'fila keys create --name shop']] as const;
  if (!context.canAsk) throw usageError('A key needs a name: --name', next);
  const name = await context.ask('Name of the client system: ');
  if (!name) throw usageError('A key needs a name', next);
  return name;
}

function expiry(text: string, nowMs: number): string {
  const duration = parseDuration(text);
  const momentMs = duration === undefined ? parseMoment(text) : nowMs + duration;
  const expiresAt = momentMs === undefined ? undefined : rfc3339(momentMs);
  if (expiresAt === undefined)
    throw usageError(`--expires ${text} is neither a duration (365d, 12h) nor a date (2027-01-01)`);
  if (momentMs! <= nowMs) throw usageError(`--expires ${text} is in the past`);
  return expiresAt;
}

async function show(context: CliContext, created: CreatedApiKey, path: string | undefined): Promise<void> {
  const { out } = context;
  const { key, webhook_secret, ...known } = created;
  if (await printData(out, path === undefined ? created : { ...known, webhook_secret })) return;
  if (path === undefined) out.print(oneLine(key));
  else out.print(oneLine(created.id));
  for (const line of noticeLines(created, context.now(), path))
    out.mustSay(out.noticePaint(line.tone, line.text));
}

interface NoticeLine {
  readonly text: string;
  readonly tone?: 'ok' | 'dim' | 'warn';
}

/** The webhook secret is shown nowhere else, so --quiet does not silence this. */
function noticeLines(created: CreatedApiKey, nowMs: number, path: string | undefined): NoticeLine[] {
  const rule = '─'.repeat(72);
  const fields: readonly (readonly [string, string])[] = [
    ['id', created.id],
    ['webhook secret', created.webhook_secret],
    ['expires', created.expires_at === null ? 'never' : expiresText(created, nowMs)],
    ...(path === undefined ? [] : [['key in', path] as const]),
  ];
  return [
    { text: rule, tone: 'dim' },
    { text: `✔ Key "${oneLine(created.name)}" created.`, tone: 'ok' },
    ...fields.map(([label, value]) => ({ text: `  ${label.padEnd(16)}${oneLine(value)}` })),
    { text: '  The key and the webhook secret are shown this once. Save them now.', tone: 'warn' },
    {
      text: `  Try it: FILA_API_KEY=${path === undefined ? '…' : `$(cat ${oneLine(path)})`} fila requests send "Say hello" --wait`,
    },
    { text: rule, tone: 'dim' },
  ];
}

function expiresText({ expires_at }: ApiKey, nowMs: number): string {
  return `${expires_at} (${relativeTime(expires_at!, nowMs)})`;
}
