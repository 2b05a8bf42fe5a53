/** The algorithm of limits, held to what it promises: never over, never late by more than a part, and true waits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count, decide, forgive, newCounters, penaltyAt, type Counters } from './decide.ts';
import { BLOCK_MS, CALM_MS, PARTS, type Rule } from './limiter.ts';

const START = 1_800_000_000_000;
const MINUTE = 60_000;

const perMinute = (limit: number, cost = 1): Rule => ({
  ...{ kind: 'window', place: 0, limit, cost, windowMs: MINUTE },
});
const burst = (limit: number, refillUs: number): Rule => ({
  ...{ kind: 'burst', place: 3, limit, cost: 1, refillUs },
});
const gauge = (limit: number, cost = 1): Rule => ({ kind: 'gauge', place: 5, limit, cost });
const penalty = (limit: number, cost = 0): Rule => ({ kind: 'penalty', place: 6, limit, cost });

const ask = (counters: Counters, rules: readonly Rule[], nowMs: number) =>
  decide([{ counters, rules }], nowMs);

describe('a window', () => {
  it('lets exactly the limit pass at once, and tells how long to wait', () => {
    const counters = newCounters();
    for (let used = 1; used <= 100; used++)
      expect(ask(counters, [perMinute(100)], START)).toMatchObject({ isAllowed: true, states: [{ used }] });
    expect(ask(counters, [perMinute(100)], START)).toEqual({
      ...{ isAllowed: false, refusedBy: 0, retryMs: 61_000 },
      states: [{ used: 100, resetMs: 61_000 }],
    });
    expect(ask(counters, [perMinute(100)], START + 60_999).isAllowed).toBe(false);
    expect(ask(counters, [perMinute(100)], START + 61_000).isAllowed).toBe(true);
  });

  it.each([PARTS - 1, PARTS, PARTS + 1, 1000])('of %i parts ago counts or not, to the millisecond', (ago) => {
    const counters = newCounters();
    for (let i = 0; i < 3; i++) ask(counters, [perMinute(3)], START + i * 10);
    const { isAllowed } = ask(counters, [perMinute(3)], START + ago * 1000);
    expect(isAllowed).toBe(ago > PARTS);
  });

  const steps = fc.array(fc.record({ passMs: fc.integer({ min: 0, max: 9_000 }), calls: fc.nat(6) }), {
    minLength: 1,
    maxLength: 150,
  });

  it('is never over in any stretch of its length, and refuses only what would be over, give or take one part', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), fc.nat(999), (list, limit, offset) => {
        const counters = newCounters();
        const accepted: number[] = [];
        let now = START + offset;
        for (const { passMs, calls } of list) {
          now += passMs;
          for (let i = 0; i < calls; i++) {
            const { isAllowed, retryMs } = ask(counters, [perMinute(limit)], now);
            const within = (ms: number): number => accepted.filter((at) => at > now - ms).length;
            if (isAllowed) accepted.push(now);
            else expect(within(MINUTE + MINUTE / PARTS)).toBeGreaterThanOrEqual(limit);
            expect(within(MINUTE)).toBeLessThanOrEqual(limit);
            expect(retryMs > 0).toBe(!isAllowed);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('of which one waits as long as was said lets the same call pass, and not a moment earlier', () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        (list, limit, cost) => {
          const counters = newCounters();
          const rules = [perMinute(limit + cost, cost), burst(limit + cost, 700_000)];
          let now = START;
          for (const { passMs, calls } of list) {
            now += passMs;
            for (let i = 0; i < calls; i++) {
              const { isAllowed, retryMs } = ask(counters, rules, now);
              if (isAllowed) continue;
              const copy = structuredClone(counters);
              expect(ask(copy, rules, now + retryMs - 1).isAllowed).toBe(false);
              expect(ask(structuredClone(counters), rules, now + retryMs).isAllowed).toBe(true);
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('may be lowered: what was counted before still counts, and the wait is true for the new limit', () => {
    const counters = newCounters();
    for (let i = 0; i < 50; i++) ask(counters, [perMinute(100)], START + i * 1000);
    const { isAllowed, retryMs } = ask(counters, [perMinute(10)], START + 50_000);
    expect(isAllowed).toBe(false);
    expect(ask(counters, [perMinute(10)], START + 50_000 + retryMs - 1).isAllowed).toBe(false);
    expect(ask(counters, [perMinute(10)], START + 50_000 + retryMs).isAllowed).toBe(true);
  });

  it('of which the clock is set back stands still, and is never over', () => {
    const counters = newCounters();
    for (let i = 0; i < 5; i++) ask(counters, [perMinute(5)], START);
    expect(ask(counters, [perMinute(5)], START - 3_600_000).isAllowed).toBe(false);
    expect(ask(counters, [perMinute(5)], START + 61_000).isAllowed).toBe(true);
  });

  it('that costs nothing only says whether one more would pass', () => {
    const counters = newCounters();
    expect(ask(counters, [perMinute(5, 0)], START)).toMatchObject({ isAllowed: true, states: [{ used: 0 }] });
    count({ counters, rules: [perMinute(0, 900)] }, START);
    expect(ask(counters, [perMinute(1000, 0)], START)).toMatchObject({
      isAllowed: true,
      states: [{ used: 900 }],
    });
    expect(ask(counters, [perMinute(900, 0)], START).isAllowed).toBe(false);
  });

  it('of nothing refuses always', () => {
    expect(ask(newCounters(), [perMinute(0)], START)).toMatchObject({ isAllowed: false, retryMs: 61_000 });
  });
});

describe('several rules', () => {
  it('are all asked before anything is counted: a refused call costs nothing', () => {
    const counters = newCounters();
    const other = newCounters();
    const both = (now: number) =>
      decide(
        [
          { counters, rules: [perMinute(10)] },
          { counters: other, rules: [perMinute(2)] },
        ],
        now,
      );
    for (let i = 0; i < 9; i++) both(START);
    expect(both(START)).toMatchObject({
      ...{ isAllowed: false, refusedBy: 1 },
      states: [{ used: 2 }, { used: 2 }],
    });
  });

  it('name the one that refuses for the longest time', () => {
    const counters = newCounters();
    const rules = [burst(1, 1_000_000), perMinute(1)];
    ask(counters, rules, START);
    expect(ask(counters, rules, START)).toMatchObject({ refusedBy: 1, retryMs: 61_000 });
    expect(ask(counters, [rules[0]!], START)).toMatchObject({ refusedBy: 0, retryMs: 1_000 });
  });
});

describe('a burst', () => {
  it('of 20 at 60 a minute lets 20 pass at once, and the 21st after a second', () => {
    const counters = newCounters();
    const rules = [burst(20, 1_000_000)];
    for (let i = 0; i < 20; i++) expect(ask(counters, rules, START).isAllowed).toBe(true);
    expect(ask(counters, rules, START)).toMatchObject({ isAllowed: false, retryMs: 1_000 });
    expect(ask(counters, rules, START + 1_000)).toMatchObject({ isAllowed: true, states: [{ used: 20 }] });
    expect(ask(counters, rules, START + 1_000).isAllowed).toBe(false);
    expect(ask(counters, [{ ...rules[0]!, cost: 0 }], START + 60_000)).toMatchObject({
      states: [{ used: 0, resetMs: 0 }],
    });
  });
});

describe('a gauge', () => {
  it('is full at its limit, and free again when something is given back, never below nothing', () => {
    const counters = newCounters();
    expect(ask(counters, [gauge(2)], START).isAllowed).toBe(true);
    expect(ask(counters, [gauge(2)], START).isAllowed).toBe(true);
    expect(ask(counters, [gauge(2)], START)).toMatchObject({ isAllowed: false, states: [{ used: 2 }] });
    count({ counters, rules: [gauge(0, -1)] }, START);
    expect(ask(counters, [gauge(2)], START).isAllowed).toBe(true);
    count({ counters, rules: [gauge(0, -99)] }, START);
    expect(ask(counters, [gauge(2, 0)], START).states).toEqual([{ used: 0, resetMs: 0 }]);
  });
});

describe('a penalty', () => {
  /** Calls ten times a second until it is blocked; when the block ends. */
  function abuse(counters: Counters, from: number): number {
    for (let now = from; ; now += 100) {
      const { refusedBy, retryMs } = ask(counters, [perMinute(1), penalty(20)], now);
      if (refusedBy === 1) return now + retryMs;
    }
  }

  it('grows 1, 5, 15, 60 and 60 minutes with repeated abuse', () => {
    const counters = newCounters();
    let now = START;
    for (const [level, minutes] of [1, 5, 15, 60, 60].entries()) {
      const until = abuse(counters, now);
      expect(penaltyAt(counters, 6, until)).toEqual({ level: Math.min(level + 1, 4), blockedUntil: until });
      expect(until - now).toBeGreaterThanOrEqual(minutes * MINUTE);
      expect(until - now).toBeLessThan(minutes * MINUTE + 10_000);
      now = until;
    }
  });

  it('refuses all calls while it lasts, which change nothing, and none after', () => {
    const counters = newCounters();
    const until = abuse(counters, START);
    for (const now of [until - 30_000, until - 1])
      for (let i = 0; i < 100; i++)
        expect(ask(counters, [perMinute(99), penalty(20)], now)).toMatchObject({
          ...{ isAllowed: false, refusedBy: 1, retryMs: until - now },
        });
    expect(ask(counters, [perMinute(99), penalty(20)], until).isAllowed).toBe(true);
  });

  it('goes back a step for each calm hour', () => {
    const counters = newCounters();
    let until = abuse(counters, START);
    until = abuse(counters, until);
    expect(penaltyAt(counters, 6, until + CALM_MS - 1)?.level).toBe(2);
    expect(penaltyAt(counters, 6, until + CALM_MS)?.level).toBe(1);
    expect(abuse(counters, until + CALM_MS) - (until + CALM_MS)).toBeLessThan(BLOCK_MS[1] + 10_000);
    expect(penaltyAt(counters, 6, until + 20 * CALM_MS)).toBeNull();
  });

  it('does not come to those who are refused now and then', () => {
    const counters = newCounters();
    for (let i = 0; i < 2_000; i++)
      expect(ask(counters, [perMinute(1), penalty(20)], START + i * 3_100).refusedBy).not.toBe(1);
  });

  it('comes at once to the call that is one too many, when calls themselves are the offence', () => {
    const counters = newCounters();
    const verdicts = Array.from({ length: 22 }, () => ask(counters, [penalty(20, 1)], START));
    expect(verdicts.map(({ isAllowed }) => isAllowed)).toEqual([...Array(20).fill(true), false, false]);
    expect(verdicts[20]).toMatchObject({ refusedBy: 0, retryMs: MINUTE, states: [{ used: 1 }] });
  });

  it('can be lifted', () => {
    const counters = newCounters();
    const until = abuse(counters, START);
    forgive(counters, 6);
    expect(ask(counters, [perMinute(99), penalty(20)], until - 1).isAllowed).toBe(true);
    expect(penaltyAt(counters, 6, until)).toBeNull();
  });
});
