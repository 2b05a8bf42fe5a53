import { expect, it } from 'vitest';
import type { CliContext } from '../cli-context.ts';
import { progressLine } from './progress.ts';

/** What is on the line, one after the other; `true` is a terminal. */
function lines(isTTY: boolean, columns = 80, isQuiet = false) {
  const written: string[] = [];
  let nowMs = 0;
  const stderr = { isTTY, columns, write: (text: string) => written.push(text.replace('\r\u001b[K', '')) };
  const progress = progressLine({ host: { stderr }, isQuiet, now: () => nowMs } as unknown as CliContext);
  return { written, progress, pass: (ms: number) => (nowMs += ms) };
}

it('is a bar with the time that is left, a line that is taken away', () => {
  const { written, progress, pass } = lines(true);
  progress.at('1 of 4', 0.25);
  pass(10_000);
  progress.at('2 of 4', 0.5);
  progress.at('4 of 4', 1);
  progress.end();
  expect(written).toEqual([
    `${'█'.repeat(6)}${'░'.repeat(18)}  25 %  1 of 4`,
    `${'█'.repeat(12)}${'░'.repeat(12)}  50 %  2 of 4, 10s left`,
    `${'█'.repeat(24)} 100 %  4 of 4`,
    '',
  ]);
});

it('is words alone where the end is not known, and never wraps', () => {
  const { written, progress } = lines(true, 12);
  progress.at('500 requests');
  progress.at('12 requests', 0.5);
  expect(written).toEqual(['500 reques…', '█'.repeat(10) + '…']);
});

it('is nothing in a pipe and after --quiet', () => {
  for (const { written, progress } of [lines(false), lines(true, 80, true)]) {
    progress.at('1 of 4', 0.25);
    progress.end();
    expect([progress.isShown, written]).toEqual([false, []]);
  }
});
