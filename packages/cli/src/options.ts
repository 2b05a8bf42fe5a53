/** What option values may be and how they are read: light, because the definition of every command loads it. */
import { InvalidArgumentError, type Command } from 'commander';

export const FORMATS = ['table', 'wide', 'json', 'jsonl', 'yaml', 'name', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`A whole number from ${min} to ${max}.`);
    return value;
  };
}

export function wordOr<const Word extends string, T>(
  word: Word,
  other: (text: string) => T,
): (text: string) => T | Word {
  return (text) => (text === word ? word : other(text));
}

export function numberFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`A number from ${min} to ${max}.`);
    return value;
  };
}

/** Its values are there to be read, for the completion of shells. */
export interface Chooser<T extends string> {
  (text: string): T;
  readonly values: readonly T[];
}

export function oneOf<const T extends string>(values: readonly T[]): Chooser<T> {
  const choose = (text: string): T => {
    const value = values.find((one) => one === text);
    if (value === undefined) throw new InvalidArgumentError(`One of ${values.join(', ')}.`);
    return value;
  };
  return Object.assign(choose, { values });
}

/** Collects `--metadata a=1 --metadata b=2` into one object. */
export function keyValue(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('A name and a value: name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** A time between two looks in milliseconds: a quarter of a second to an hour. */
export function interval(text: string): number {
  const [, digits, unit] = /^(\d{1,7})(ms|s|m)$/.exec(text) ?? [];
  const value = Number(digits) * ({ ms: 1, s: 1_000, m: 60_000 }[unit ?? ''] ?? Number.NaN);
  if (!(value >= 250 && value <= 3_600_000))
    throw new InvalidArgumentError('A time from 250ms to 60m, such as 500ms or 2s.');
  return value;
}

/** Whoever runs the verb of such a command looks at `watch`: see watch-verb.ts. */
export function withWatch(command: Command): Command {
  return command.option(
    '-w, --watch [time]',
    'again and again, every 2s or such as 500ms; in a pipe what is new or different',
    interval,
  );
}
