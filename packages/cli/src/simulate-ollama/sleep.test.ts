/** Waiting to the moment: never too early, in order, and without a limit. */
import { describe, expect, it } from 'vitest';
import { sleep, sleepUntil } from './sleep.ts';

describe('sleepUntil', () => {
  it('never ends before its moment, whatever fraction of a millisecond that is', async () => {
    const startedMs = performance.now();
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const dueMs = startedMs + index * 0.37;
        await sleepUntil(dueMs);
        expect(performance.now()).toBeGreaterThanOrEqual(dueMs);
      }),
    );
  });

  it('is nearer to its moment than a timer could be, most of the time', async () => {
    const lateMs: number[] = [];
    for (let round = 0; round < 21; round++) {
      const dueMs = performance.now() + 4.5;
      await sleepUntil(dueMs);
      lateMs.push(performance.now() - dueMs);
    }
    expect(lateMs.toSorted((a, b) => a - b)[10]).toBeLessThan(0.5);
  });

  it('ends one after the other in the order of their moments', async () => {
    const startedMs = performance.now();
    const order: number[] = [];
    await Promise.all(
      [9, 1, 5, 3, 7].map(async (delayMs) => {
        await sleepUntil(startedMs + delayMs);
        order.push(delayMs);
      }),
    );
    expect(order).toEqual([1, 3, 5, 7, 9]);
  });

  it('lets others have their turns meanwhile', async () => {
    let turns = 0;
    const count = () => {
      turns += 1;
      ticking = setImmediate(count);
    };
    let ticking = setImmediate(count);
    await sleep(2);
    clearImmediate(ticking);
    expect(turns).toBeGreaterThan(0);
  });

  it('is over at once when the moment has passed, and never for one beyond what a timer can hold', async () => {
    await sleepUntil(performance.now() - 5);
    const first = await Promise.race([
      sleepUntil(performance.now() + 2 ** 40).then(() => 'the year 2060'),
      sleep(10).then(() => 'now'),
    ]);
    expect(first).toBe('now');
  });
});
