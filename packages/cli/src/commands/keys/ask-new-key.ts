/** The wizard of `fila keys create`: asks on the terminal for what no flag said, each question with its way out. */
import type { CreateApiKey } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { CliError, usageError } from '../../output/error-text.ts';
import { oneLine } from '../../output/plain-text.ts';
import { limitsOf, type LimitFlags } from '../limit-flags.ts';
import { SCOPES, type RightName } from './right-flags.ts';
import { rightsOf } from './rights-of.ts';

const NUMBER = /^\d{1,10}$/;

const RIGHTS: readonly (readonly [name: RightName, question: string])[] = [
  ['scopes', `Kinds of calls, of ${SCOPES.join(', ')} (empty = all): `],
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
  const plan = given['plan'] === undefined ? await context.ask('Plan (empty = none): ') : '';
  let answers: Omit<CreateApiKey, 'name'> = plan === '' ? {} : { plan };
  for (const [flag, question] of LIMITS)
    if (given[flag] === undefined)
      answers = { ...answers, ...(await asked(context, question, (text) => limitOf(flag, text))) };
  for (const [right, question] of RIGHTS)
    if (given[right] === undefined)
      answers = {
        ...answers,
        ...(await asked(context, question, (text) => rightsOf({ [right]: text }, context.now()))),
      };
  const isWanted = /^y(es)?$/i.test(await context.ask(`Make the key "${oneLine(name)}"? [y/N] `));
  return isWanted ? { name, ...answers } : null;
}

function limitOf(flag: string, text: string): Partial<CreateApiKey> {
  if (!NUMBER.test(text)) throw usageError(`${text} is no number; 0 = no limit`);
  return limitsOf({ [flag]: Number(text) } satisfies LimitFlags);
}

/** Again until it can be read; empty leaves it out, so who has left is asked no further. */
async function asked<T extends object>(
  context: CliContext,
  question: string,
  read: (text: string) => T,
): Promise<T | Record<string, never>> {
  for (;;) {
    const text = await context.ask(question);
    if (text === '') return {};
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      context.out.mustSay(context.out.noticePaint('warn', `  ${oneLine(error.message)}`));
    }
  }
}
