import { describe, expect, it } from 'vitest';
import { memoryLimiter } from '../../engines/limiter/memory-limiter.ts';
import { NO_LIMITS } from '../../kernel/key-limits.ts';
import { createRuleBook } from './call-rules.ts';
import { createRecall } from './recall.ts';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const limits = { ...NO_LIMITS, limitMinute: 5, limitHour: 10, limitTokensDay: 100, maxQueued: 4 };
const settings = {
  ...{ addressLimitMinute: 0, wrongKeysMinute: 0, refusedCallsMinute: 0, writeLimitMinute: 0 },
  ...{ readLimitMinute: 0, adminLimitMinute: 0, maxQueued: 9 },
};

function open(isOwn = true) {
  const clock = { nowMs: NOW, now: () => clock.nowMs };
  const limiter = { ...memoryLimiter({ clock }), isOwn };
  const book = createRuleBook(settings);
  const asked = { count: 0, isAway: false };
  const sweeps = {
    lately: async (sinceMs: number) => {
      asked.count += 1;
      if (asked.isAway) throw new Error('away');
      expect(sinceMs).toBe(clock.nowMs - 24 * HOUR);
      return {
        sent: [
          { keyId: 'key_1', atMs: NOW - HOUR / 2, count: 6 },
          { keyId: 'key_1', atMs: NOW - 20_000, count: 3 },
        ],
        used: [{ keyId: 'key_1', atMs: NOW - 2 * HOUR, tokens: 40 }],
      };
    },
    unfinished: async () => [{ laneId: 1, count: 2 }],
  };
  const lanes = { nameOf: async () => ({ queue: 'default', keyId: 'key_1', band: 2, model: 'm' }) };
  const keys = { limitsOf: async () => limits };
  const recall = createRecall({ limiter, ledger: { lanes, sweeps }, keys, book, clock });
  const used = async () => {
    const key = { id: 'key_1', name: 'a', plan: null, expiresAt: null, ...limits };
    const { accounts, named } = book.of('read', key, 'a');
    const { states } = await limiter.decide(accounts);
    const held = await limiter.decide([book.held]);
    return {
      ...Object.fromEntries(named.map(({ name }, index) => [name, states[index]!.used])),
      queue: held.states[0]!.used,
    };
  };
  return { recall, used, clock, asked };
}

describe('after a restart', () => {
  it('windows, tokens and places are as before, and windows go on from there', async () => {
    const { recall, used, clock, asked } = open();
    await Promise.all([recall(), recall()]);
    await recall();
    expect(asked.count).toBe(1);
    expect(await used()).toEqual({ minute: 3, hour: 9, tokens: 40, queued: 2, queue: 2 });
    clock.nowMs += 42_000;
    expect(await used()).toMatchObject({ minute: 0, hour: 9 });
    clock.nowMs += HOUR / 2 + 60_000;
    expect(await used()).toMatchObject({ hour: 3 });
  });

  it('nothing is counted by halves when the database is away; the next call tries again', async () => {
    const { recall, used, asked } = open();
    asked.isAway = true;
    await expect(recall()).rejects.toThrow('away');
    asked.isAway = false;
    await recall();
    expect(await used()).toMatchObject({ minute: 3, queue: 2 });
  });

  it('nothing is asked where others have kept the counters', async () => {
    const { recall, asked } = open(false);
    await recall();
    expect(asked.count).toBe(0);
  });
});
