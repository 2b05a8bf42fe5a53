/** The flags that set limits, for keys and for plans, and how limits look to people. */
import type { Command } from 'commander';
import { wholeNumber } from '../options.ts';
import type { Cell } from '../output/table.ts';

/** On the wire, the flag, and what it counts. */
const LIMITS = [
  ['limit_minute', 'limit-minute', 'requests in any 60 seconds', '/minute'],
  ['limit_hour', 'limit-hour', 'requests in any hour', '/hour'],
  ['limit_day', 'limit-day', 'requests in any 24 hours', '/day'],
  ['limit_burst', 'limit-burst', 'requests at once above the even rate', ' at once'],
  ['limit_tokens_day', 'limit-tokens-day', 'tokens in any 24 hours', ' tokens/day'],
  ['max_queued', 'max-queued', 'requests that have not ended', ' queued'],
  ['max_concurrent', 'max-concurrent', 'requests that run at once', ' running'],
  ['weight', 'weight', 'share of slot time beside other keys, 1 unless given', ' times the weight'],
] as const;

export type LimitName = (typeof LIMITS)[number][0];
/** The word for a limit that is left to the plan. */
const OF_PLAN = 'plan';
export type LimitFlags = Readonly<Record<string, number | typeof OF_PLAN | undefined>>;

const number = wholeNumber(0, 1_000_000_000);

/** With `inherits` a limit may also be left to the plan. */
export function addLimitFlags(command: Command, { inherits }: { inherits: boolean }): Command {
  const parse = inherits ? orPlan : number;
  for (const [name, flag, counts] of LIMITS) {
    const meanings = [
      ...(name === 'weight' ? [] : ['0 = no limit']),
      ...(inherits ? [`${OF_PLAN} = as its plan says`] : []),
    ];
    command.option(`--${flag} <n>`, [counts, meanings.join(', ')].filter(Boolean).join('; '), parse);
  }
  return command;
}

function orPlan(text: string): number | typeof OF_PLAN {
  return text === OF_PLAN ? OF_PLAN : number(text);
}

/** Those that were given, as the API calls them. */
export function limitsOf(flags: LimitFlags): Partial<Record<LimitName, number | null>> {
  return Object.fromEntries(
    LIMITS.flatMap(([name, flag]) => {
      const value = flags[camelCase(flag)];
      return value === undefined ? [] : [[name, value === OF_PLAN ? null : value]];
    }),
  );
}

function camelCase(flag: string): string {
  return flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** "60/minute,5000/day"; what is not limited is not named. */
export function limitsCell(limits: Readonly<Record<LimitName, number>>): Cell {
  const named = LIMITS.filter(([name]) => limits[name] > 0).map(
    ([name, , , unit]) => `${limits[name]}${unit}`,
  );
  return named.length > 0 ? { exact: named.join(',') } : { exact: 'none', tone: 'dim' };
}
