import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { silentLogger } from '../../kernel/logger.ts';
import { createCleanUp, type Leftovers } from './clean-up.ts';

async function started(leftovers: readonly Leftovers[], warn = vi.fn()) {
  const cleanUp = createCleanUp({ leftovers, logger: { ...silentLogger, warn }, everyMs: 1 });
  onTestFinished(() => cleanUp.stop());
  await cleanUp.start();
  return { cleanUp, warn };
}

describe('the clean-up', () => {
  it('takes batch after batch until nothing is left, of one thing after the other', async () => {
    const asked: string[] = [];
    const of = (what: string, batches: number[]): Leftovers => ({
      what,
      forget: async () => (asked.push(what), batches.shift() ?? 0),
    });
    await started([of('a', [2, 2, 1]), of('b', [1])]);
    await vi.waitFor(() => expect(asked.slice(0, 6)).toEqual(['a', 'a', 'a', 'a', 'b', 'b']));
  });

  it('goes on with the others when one cannot be cleaned up, and says so once', async () => {
    let turns = 0;
    const failing = { what: 'a', forget: () => Promise.reject(new Error('away')) };
    const { warn } = await started([failing, { what: 'b', forget: async () => ((turns += 1), 0) }]);
    await vi.waitFor(() => expect(turns).toBeGreaterThan(3));
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('stops between two batches', async () => {
    let batches = 0;
    const { cleanUp } = await started([{ what: 'endless', forget: async () => (batches += 1) }]);
    await vi.waitFor(() => expect(batches).toBeGreaterThan(1));
    await cleanUp.stop();
    const count = batches;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(batches).toBe(count);
  });
});
