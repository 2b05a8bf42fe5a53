import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { coalesced } from './coalesced.ts';

describe('coalesced work', () => {
  it('runs once more for all who asked meanwhile', async () => {
    const ends: (() => void)[] = [];
    const ask = coalesced(
      () => new Promise<void>((resolve) => ends.push(resolve)),
      () => undefined,
    );
    const first = ask();
    const [second, third] = [ask(), ask()];
    expect(ends).toHaveLength(1);
    ends[0]!();
    await first;
    expect(ends).toHaveLength(2);
    ends[1]!();
    await Promise.all([second, third]);
    expect(ends).toHaveLength(2);
  });

  it('never runs twice at once, and whoever asks at any moment gets a run that began later', async () => {
    let running = 0;
    let begun = 0;
    const ask = coalesced(
      async () => {
        running += 1;
        begun += 1;
        expect(running).toBe(1);
        await Promise.resolve();
        running -= 1;
      },
      (error) => {
        throw error;
      },
    );
    const asked: Promise<void>[] = [];
    for (let tick = 0; tick < 200; tick++) {
      const before = begun;
      asked.push(ask().then(() => expect(begun).toBeGreaterThan(before)));
      await Promise.resolve();
    }
    await Promise.all(asked);
    expect(begun).toBeGreaterThan(10);
  });

  it('goes on after a run that failed', async () => {
    const errors: unknown[] = [];
    let runs = 0;
    const ask = coalesced(
      async () => {
        runs += 1;
        if (runs === 1) throw new Error('once');
      },
      (error) => errors.push(error),
    );
    await Promise.all([ask(), ask()]);
    expect(runs).toBe(2);
    expect(errors).toMatchObject([{ message: 'once' }]);
  });

  it('begins at once after a rest, and rests before it begins again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    let begun = 0;
    const ask = coalesced(
      async () => void (begun += 1),
      () => undefined,
      50,
    );
    const first = ask();
    expect(begun).toBe(1);
    await first;
    const all = Promise.all([ask(), ask(), ask()]);
    await vi.advanceTimersByTimeAsync(49);
    expect(begun).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await all;
    expect(begun).toBe(2);
    await vi.advanceTimersByTimeAsync(50);
    void ask();
    expect(begun).toBe(3);
  });
});
