/** The flags that set the policy of a queue, and how they look to people. */
import type { Command } from 'commander';
import type { Queue, UpdateQueue } from '@fila/sdk';
import { wholeNumber } from '../../options.ts';

/** The word for what is left to the daemon's settings. */
const UNSET = 'unset';

const text = (value: string): string => value;

/** On the wire, the flag with its value, what it says, and how it is read. */
const FLAGS = [
  [
    'concurrency',
    'concurrency <n>',
    'requests that run at once on each daemon; 0 = no cap',
    wholeNumber(0, 100_000),
  ],
  ['max_attempts', 'max-attempts <n>', 'attempts before a request has failed', wholeNumber(1, 100)],
  [
    'retry_base_ms',
    'retry-base-ms <ms>',
    'longest wait before the second attempt',
    wholeNumber(1, 3_600_000),
  ],
  ['retry_cap_ms', 'retry-cap-ms <ms>', 'longest wait between two attempts', wholeNumber(1, 86_400_000)],
  ['total_timeout_ms', 'total-timeout-ms <ms>', 'time of one call to a model', wholeNumber(1, 86_400_000)],
  ['max_prompt_bytes', 'max-prompt-bytes <n>', 'largest prompt', wholeNumber(1, 1_000_000_000)],
  [
    'max_queued',
    'max-queued <n>',
    'requests that have not ended; 0 = no limit',
    wholeNumber(0, 1_000_000_000),
  ],
  ['fallback_model', 'fallback-model <model>', 'asked once when a model has failed for good', text],
  ['default_priority', 'default-priority <n>', 'of requests that name none', wholeNumber(0, 9)],
] as const satisfies readonly (readonly [keyof UpdateQueue, string, string, (value: string) => unknown])[];

export type PolicyFlags = Readonly<Record<string, string | number | undefined>>;

export function addPolicyFlags(command: Command): Command {
  for (const [, flag, about, parse] of FLAGS)
    command.option(`--${flag}`, `${about}; ${UNSET} = as the settings say`, (value: string) =>
      value === UNSET ? UNSET : parse(value),
    );
  return command;
}

/** Those that were given, as the API calls them. */
export function policyOf(flags: PolicyFlags): UpdateQueue {
  return Object.fromEntries(
    FLAGS.flatMap(([name, flag]) => {
      const value = flags[camelCase(flag.split(' ')[0]!)];
      return value === undefined ? [] : [[name, value === UNSET ? null : value]];
    }),
  );
}

/** Name and value of what a queue says itself. */
export function ownPolicy(queue: Queue): (readonly [name: string, value: string])[] {
  return FLAGS.filter(([name]) => queue[name] !== null).map(
    ([name]) => [name.replaceAll('_', ' '), String(queue[name])] as const,
  );
}

function camelCase(flag: string): string {
  return flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
