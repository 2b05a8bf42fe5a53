/** Replays the vectors that are for clients with any implementation, and says which cases it fails. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const SPEC = join(import.meta.dirname, '../../packages/php-bridge-spec');

export interface Case {
  readonly id: string;
  readonly rule?: string;
  readonly given: Record<string, unknown>;
  readonly expect: Record<string, unknown>;
}

export interface FailedCase extends Case {
  readonly file: string;
  readonly actual: unknown;
}

export type AnswerCase = (file: string, given: Case['given']) => Promise<unknown>;

interface Index {
  readonly files: readonly { file: string; count: number; for: 'client' | 'broker' }[];
}

/** Of the files for clients; throws when one has not as many cases as the index says. */
export function clientCases(): (Case & { file: string })[] {
  const { files } = read<Index>('index.json');
  return files
    .filter((entry) => entry.for === 'client')
    .flatMap(({ file, count }) => {
      const { cases } = read<{ cases: Case[] }>(file);
      if (cases.length !== count) throw new Error(`${file} has ${cases.length} cases, not ${count}.`);
      return cases.map((one) => ({ ...one, file }));
    });
}

export async function replay(answer: AnswerCase): Promise<{ passed: number; failed: FailedCase[] }> {
  const cases = clientCases();
  const failed: FailedCase[] = [];
  for (const one of cases) {
    const actual = await answer(one.file, one.given);
    if (!agrees(one.expect, actual)) failed.push({ ...one, actual });
  }
  return { passed: cases.length - failed.length, failed };
}

/** Every field that is expected, lists in full length; there may be more. */
function agrees(expected: unknown, actual: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return Object.is(expected, actual);
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(expected) !== Array.isArray(actual)) return false;
  if (Array.isArray(expected) && expected.length !== (actual as unknown[]).length) return false;
  return Object.entries(expected).every(
    ([name, value]) => name in actual && agrees(value, (actual as Record<string, unknown>)[name]),
  );
}

/** A program that answers one case a line; it is ended by `stop`. */
export function startProgram(
  [command, ...args]: readonly string[],
  stderr: 'inherit' | 'ignore' = 'inherit',
): {
  answer: AnswerCase;
  stop: () => Promise<void>;
} {
  const child = spawn(command!, args, { stdio: ['pipe', 'pipe', stderr] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'close');
  return {
    answer: async (file, given) => {
      child.stdin.write(`${JSON.stringify({ file, given })}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('The program ended before it had answered every case.');
      return (JSON.parse(value) as { actual: unknown }).actual;
    },
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(join(SPEC, 'vectors', file), 'utf8')) as T;
}
