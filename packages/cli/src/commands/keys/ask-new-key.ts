/** The wizard of `fila keys create`: asks on the terminal for what no flag said, each question with its way out. */
import type { CreateApiKey } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { CliError, usageError } from '../../output/error-text.ts';
import { oneLine } from '../../output/plain-text.ts';
import { limitsOf, type LimitFlags } from '../limit-flags.ts';
import type { RightName } from './right-flags.ts';
import { rightsOf } from './rights-of.ts';

const NUMBER = /^\d{1,10}$/;

const RIGHTS: readonly (readonly [name: RightName, question: string])[] = [
  ['scopes', 'Scopes, such as requests:write,requests:read (empty = all): '],
  ['models', 'Models, such as llama3:8b,qwen* (empty = any): '],
  ['queues', 'Queues (empty = any): '],
  ['from', 'Networks it calls from, such as 10.0.0.0/8 (empty = anywhere): '],
  ['starts', 'Good from, such as 12h or 2027-01-01 (empty = at once): '],
  ['expires', 'Expires, such as 365d or 2028-01-01 (empty = never): '],
];
const LIMITS: readonly (readonly [flag: string, question: string])[] = [
  ['limitMinute', 'Requests in any 60 seconds (empty = as its plan says): '],
  ['limitDay', 'Requests in any 24 hours (empty = as its plan says): '],
  ['limitTokensDay', 'Tokens in any 24 hours (empty = as its plan says): '],
];

export async function askName(context: CliContext): Promise<string> {
  const next = [['Name it', 'fila keys create --name shop']] as const;
  if (!context.canAsk) throw usageError('A key needs a name: --name', next);
  const name = await context.ask('Name of the client system: ');
  if (!name) throw usageError('A key needs a name', next);
  return name;
}

/** `given` is not asked for again. Null when the person does not want it after all, or has left. */
export async function askNewKey(
  context: CliContext,
  given: Readonly<Record<string, unknown>>,
): Promise<CreateApiKey | null> {
  const name = await askName(context);
  const said: [flag: string, text: string][] = [['name', name]];
  for (const [flag, value] of Object.entries(given))
    if (typeof value === 'string' || typeof value === 'number') said.push([flag, String(value)]);
  let answers: Omit<CreateApiKey, 'name'> = {};
  const ask = async <T extends object>(flag: string, question: string, read: (text: string) => T) => {
    if (given[flag] !== undefined) return;
    const answer = await asked(context, question, read);
    if (!answer) return;
    said.push([flag, answer.text]);
    answers = { ...answers, ...answer.read };
  };
  await ask('plan', 'Plan (empty = none): ', (plan) => ({ plan }));
  for (const [flag, question] of LIMITS) await ask(flag, question, (text) => limitOf(flag, text));
  for (const [right, question] of RIGHTS)
    await ask(right, question, (text) => rightsOf({ [right]: text }, context.now()));
  context.out.notice(`The same without questions:  ${commandLine(said)}`);
  const isWanted = /^y(es)?$/i.test(await context.ask(`Make the key "${oneLine(name)}"? [y/N] `));
  return isWanted ? { name, ...answers } : null;
}

/** As a shell reads it. */
function commandLine(said: readonly (readonly [flag: string, text: string])[]): string {
  const words = said.flatMap(([flag, text]) => [
    `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    /^[\w.,:/+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`,
  ]);
  return oneLine(`fila keys create ${words.join(' ')}`);
}

function limitOf(flag: string, text: string): Partial<CreateApiKey> {
  if (!NUMBER.test(text)) throw usageError(`${text} is no number; 0 = no limit`);
  return limitsOf({ [flag]: Number(text) } satisfies LimitFlags);
}

/** Again until it can be read; empty leaves it out, so who has left is asked no further. */
async function asked<T>(
  context: CliContext,
  question: string,
  read: (text: string) => T,
): Promise<{ text: string; read: T } | null> {
  for (;;) {
    const text = await context.ask(question);
    if (text === '') return null;
    try {
      return { text, read: read(text) };
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      const { what, next = [] } = error.trouble;
      const sentence = [what, ...next.map(([label, words]) => `${label}: ${words}`)].join('. ');
      context.out.mustSay(context.out.noticePaint('warn', `  ${oneLine(sentence)}`));
    }
  }
}
