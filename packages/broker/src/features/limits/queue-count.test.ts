import { describe, expect, it } from 'vitest';
import { memoryLimiter } from '../../engines/limiter/memory-limiter.ts';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { correction, createRuleBook } from './call-rules.ts';
import { agreedDifference, createQueueCount } from './queue-count.ts';

describe('what several looks agree on', () => {
  it.each([
    {
      given: [
        [3, 3],
        [3, 3],
      ],
      then: 0,
      why: 'too few looks',
    },
    {
      given: [
        [3, 5],
        [2, 2],
        [4, 9],
      ],
      then: 2,
      why: 'the least surplus',
    },
    {
      given: [
        [-3, -3],
        [-9, -1],
        [-2, -2],
      ],
      then: -1,
      why: 'the least deficit',
    },
    {
      given: [
        [3, 3],
        [0, 2],
        [3, 3],
      ],
      then: 0,
      why: 'one look without',
    },
    {
      given: [
        [-1, 1],
        [-2, -2],
        [-1, -1],
      ],
      then: 0,
      why: 'one look that cannot tell',
    },
  ])('$why', ({ given, then }) => {
    expect(agreedDifference(given.map(([least, most]) => ({ least: least!, most: most! })))).toBe(then);
  });
});

function open(limitedKeys: string[]) {
  const limiter = memoryLimiter({ clock: systemClock });
  const settings = {
    ...{ addressLimitMinute: 0, wrongKeysMinute: 0, refusedCallsMinute: 0, writeLimitMinute: 0 },
    ...{ readLimitMinute: 0, adminLimitMinute: 0, maxQueued: 100 },
  };
  const book = createRuleBook(settings);
  const rows = new Map<string, number>();
  let asked = 0;
  const ledger = {
    lanes: {
      nameOf: async (id: number) => ({ queue: 'default', keyId: [...rows.keys()][id]!, band: 2, model: 'm' }),
    },
    sweeps: {
      unfinished: async () => {
        asked += 1;
        return [...rows.values()].map((count, laneId) => ({ laneId, count }));
      },
    },
  };
  const deps = { limiter, ledger, book, countsAll: () => limitedKeys.length > 0, logger: silentLogger };
  const count = createQueueCount({ ...deps, limitedKeys: async () => limitedKeys });
  const used = async (account: typeof book.held) => (await limiter.decide([account])).states[0]!.used;
  return { limiter, book, rows, count, used, asked: () => asked };
}

describe('the counts of the queue', () => {
  it('are brought to what the rows say, up and down, after three looks', async () => {
    const { limiter, book, rows, count, used } = open(['key_a', 'key_b']);
    rows.set('key_a', 5).set('key_b', 0).set('key_c', 2);
    await limiter.count({ name: 'key:key_b', rules: correction(4) });
    for (let look = 0; look < 2; look++) await count.look();
    expect(await used(book.heldBy('key_a'))).toBe(0);
    await count.look();
    expect(await used(book.heldBy('key_a'))).toBe(5);
    expect(await used(book.heldBy('key_b'))).toBe(0);
    expect(await used(book.held)).toBe(7);
  });

  it('are left alone when they are right, also while requests come and go', async () => {
    const { limiter, book, rows, count, used } = open(['key_a']);
    for (let look = 0; look < 9; look++) {
      // A place is taken a moment before its row is there.
      await limiter.count({ name: 'key:key_a', rules: correction(1) });
      await limiter.count({ name: 'queue', rules: correction(1) });
      if (look % 3 === 0) await count.look();
      rows.set('key_a', look + 1);
      await count.look();
    }
    expect(await used(book.heldBy('key_a'))).toBe(9);
  });

  it('cost no look at the rows when nothing is limited', async () => {
    const { count, asked } = open([]);
    await count.look();
    expect(asked()).toBe(0);
  });
});
