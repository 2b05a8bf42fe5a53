/** `fila keys create`: makes a key and shows its two secrets this once, or seals them to their receiver. */
import type { ApiKey, CreateApiKey, CreatedApiKey } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { relativeTime } from '../../output/units.ts';
import { limitsOf, type LimitFlags } from '../limit-flags.ts';
import { askName, askNewKey } from './ask-new-key.ts';
import { prepareDelivery, type Delivered, type DeliveryFlags } from './deliver-secret.ts';
import type { RightFlags } from './right-flags.ts';
import { rightsOf } from './rights-of.ts';

export interface CreateKeyFlags extends RightFlags, DeliveryFlags {
  readonly name?: string;
  readonly plan?: string;
}

export async function createKey(context: CliContext, given: CreateKeyFlags & LimitFlags): Promise<ExitCode> {
  const flags = given as CreateKeyFlags;
  const delivery = prepareDelivery(context, flags, 'key');
  const input = await wanted(context, given);
  if (input === null) {
    context.out.mustSay('No key was made.');
    return EXIT.failed;
  }
  const fila = await context.sdk('admin');
  await show(context, await delivery.of(() => fila.keys.create(input)), flags);
  return EXIT.ok;
}

/** With a name nothing is asked: what no flag says is left out. */
async function wanted(context: CliContext, given: CreateKeyFlags & LimitFlags): Promise<CreateApiKey | null> {
  const { name, plan, ...flags } = given as CreateKeyFlags;
  const known = {
    ...(plan === undefined ? {} : { plan }),
    ...limitsOf(given),
    ...rightsOf(flags, context.now()),
  };
  if (name !== undefined) return { name, ...known };
  if (!context.canAsk) return { name: await askName(context), ...known };
  const answers = await askNewKey(context, given);
  return answers && { ...answers, ...known };
}

async function show(
  context: CliContext,
  { answer, text, data }: Delivered<CreatedApiKey>,
  { out: path, sealTo }: DeliveryFlags,
): Promise<void> {
  const { out } = context;
  if (await printData(out, data)) return;
  out.print(oneLine(path === undefined ? text : answer.id));
  const isSealed = sealTo !== undefined;
  for (const line of noticeLines(answer, { nowMs: context.now(), path, isSealed }))
    out.mustSay(out.noticePaint(line.tone, line.text));
}

interface NoticeLine {
  readonly text: string;
  readonly tone?: 'ok' | 'dim' | 'warn';
}

interface Shown {
  readonly nowMs: number;
  readonly path: string | undefined;
  readonly isSealed: boolean;
}

/** An open webhook secret is shown nowhere else, so --quiet does not silence this. */
function noticeLines(created: CreatedApiKey, { nowMs, path, isSealed }: Shown): NoticeLine[] {
  const rule = '─'.repeat(72);
  const fields: readonly (readonly [string, string])[] = [
    ['id', created.id],
    ...(isSealed ? [] : [['webhook secret', created.webhook_secret] as const]),
    ['expires', created.expires_at === null ? 'never' : expiresText(created, nowMs)],
    ...(path === undefined ? [] : [['key in', path] as const]),
  ];
  const use = path === undefined ? '…' : `$(cat ${oneLine(path)})`;
  return [
    { text: rule, tone: 'dim' },
    { text: `✔ Key "${oneLine(created.name)}" created.`, tone: 'ok' },
    ...fields.map(([label, value]) => ({ text: `  ${label.padEnd(16)}${oneLine(value)}` })),
    ...(isSealed
      ? [{ text: '  Sealed: only its receiver can open it, with  fila keys unseal --with FILE' }]
      : [
          {
            text: '  The key and the webhook secret are shown this once. Save them now.',
            tone: 'warn' as const,
          },
          { text: `  Try it: FILA_API_KEY=${use} fila requests send "Say hello" --wait` },
        ]),
    { text: rule, tone: 'dim' },
  ];
}

function expiresText({ expires_at }: ApiKey, nowMs: number): string {
  return `${expires_at} (${relativeTime(expires_at!, nowMs)})`;
}
