import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { every } from './every.ts';

const INTERVAL_MS = 1_000;

/** A run that ends when told to. */
function held() {
  const ends: (() => void)[] = [];
  const run = vi.fn(() => new Promise<void>((resolve) => void ends.push(resolve)));
  return { run, end: () => ends.shift()!() };
}

describe('a ticker', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('runs first after one interval, then after each', async () => {
    const run = vi.fn(async () => {});
    const ticker = every('tick', INTERVAL_MS, run, () => {});
    await ticker.start();
    await vi.advanceTimersByTimeAsync(INTERVAL_MS - 1);
    expect(run).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(run).toHaveBeenCalledTimes(4);
    await ticker.stop();
  });

  it('never runs twice at once: the interval starts at the end of a run', async () => {
    const { run, end } = held();
    const ticker = every('tick', INTERVAL_MS, run, () => {});
    await ticker.start();
    await vi.advanceTimersByTimeAsync(10 * INTERVAL_MS);
    expect(run).toHaveBeenCalledTimes(1);
    end();
    await vi.advanceTimersByTimeAsync(INTERVAL_MS - 1);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(run).toHaveBeenCalledTimes(2);
    end();
    await ticker.stop();
  });

  it('tells of the first failure of a row, goes on, and tells again after a success', async () => {
    const errors: unknown[] = [];
    const run = vi.fn(async () => {
      if (run.mock.calls.length !== 3) throw new Error(`run ${run.mock.calls.length}`);
    });
    const ticker = every('tick', INTERVAL_MS, run, (error) => errors.push((error as Error).message));
    await ticker.start();
    await vi.advanceTimersByTimeAsync(5 * INTERVAL_MS);
    expect(errors).toEqual(['run 1', 'run 4']);
    await ticker.stop();
  });

  it('is stopped only once the present run has ended, and does not run again', async () => {
    const { run, end } = held();
    const ticker = every('tick', INTERVAL_MS, run, () => {});
    await ticker.start();
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    let isStopped = false;
    const stopping = ticker.stop().then(() => (isStopped = true));
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(isStopped).toBe(false);
    end();
    await stopping;
    await vi.advanceTimersByTimeAsync(5 * INTERVAL_MS);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('may be stopped twice, before it starts, and while it waits', async () => {
    const run = vi.fn(async () => {});
    const ticker = every('tick', INTERVAL_MS, run, () => {});
    await ticker.stop();
    await ticker.start();
    await ticker.stop();
    await ticker.stop();
    await vi.advanceTimersByTimeAsync(5 * INTERVAL_MS);
    expect(run).not.toHaveBeenCalled();
  });

  it('ticks once an interval, also when it is started twice or again', async () => {
    const run = vi.fn(async () => {});
    const ticker = every('tick', INTERVAL_MS, run, () => {});
    await ticker.start();
    await ticker.start();
    await ticker.stop();
    await ticker.start();
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(run).toHaveBeenCalledTimes(3);
    await ticker.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
