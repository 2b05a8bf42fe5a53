/** What every adapter of the limiter has to do; each adapter's test runs it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, count, newCounters, type Counters } from './decide.ts';
import type { Account, Limiter, Rule, Verdict } from './limiter.ts';

/** Three brokers on one fresh store, at a time that the test sets. */
export interface LimitersUnderTest {
  readonly brokers: readonly [Limiter, Limiter, Limiter];
  setTime(nowMs: number): void;
}

const START = 1_800_000_000_000;
const HOUR = 3_600_000;
const MANY = 1_000;

const perMinute = (limit: number): Rule => ({
  ...{ kind: 'window', place: 0, limit, cost: 1, windowMs: 60_000 },
});
const perHour = (limit: number): Rule => ({
  ...{ kind: 'window', place: 1, limit, cost: 1, windowMs: HOUR },
});
const penalty = (limit: number, cost: number): Rule => ({ kind: 'penalty', place: 6, limit, cost });

export function describeLimiter(name: string, make: () => Promise<LimitersUnderTest>, runs: number): void {
  describe(`limiter: ${name}`, () => {
    describeExactness(make);
    describePenalties(make);

    it('a call is counted against the accounts it names, and against no other', async () => {
      const { brokers, setTime } = await make();
      setTime(START);
      const a = { name: 'a', rules: [perMinute(1)] };
      const b = { name: 'b', rules: [perMinute(5)] };
      expect((await brokers[0].decide([a, b])).states.map(({ used }) => used)).toEqual([1, 1]);
      expect(await brokers[1].decide([b, a])).toMatchObject({ isAllowed: false, refusedBy: 1 });
      expect((await brokers[2].decide([b])).states).toMatchObject([{ used: 2 }]);
    });

    it('what is counted without asking is counted whatever the limit, and given back', async () => {
      const { brokers, setTime } = await make();
      setTime(START);
      const held = (cost: number): Account => ({
        name: 'a',
        rules: [{ kind: 'gauge', place: 5, limit: 2, cost }],
      });
      for (let i = 0; i < 3; i++) await brokers[0].count(held(1));
      expect(await brokers[1].decide([held(0)])).toMatchObject({ isAllowed: false, states: [{ used: 3 }] });
      await brokers[2].count(held(-2));
      expect(await brokers[1].decide([held(1)])).toMatchObject({ isAllowed: true, states: [{ used: 2 }] });
    });

    it('any sequence of calls is decided as the algorithm says', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
          const { brokers, setTime } = await make();
          const model = new Map<string, Counters>();
          let now = START;
          for (const { passMs, by, calls } of steps) {
            now += passMs;
            setTime(now);
            const verdicts = await Promise.all(
              calls.map(({ accounts, isCount }) =>
                isCount ? brokers[by]!.count(accounts[0]!) : brokers[by]!.decide(accounts),
              ),
            );
            expect(verdicts).toEqual(calls.map((one) => decideByModel(model, one, now)));
          }
        }),
        { numRuns: runs },
      );
    }, 120_000);
  });
}

function describeExactness(make: () => Promise<LimitersUnderTest>): void {
  it('1,000 calls at once over three brokers, at 100 a minute: exactly 100 pass, 20 times, at the edges of windows too', async () => {
    const { brokers, setTime } = await make();
    for (let round = 0; round < 20; round++) {
      // Just before, at, and just after the turn of a minute, and far from it.
      const now = START + round * 3 * HOUR + [-1, 0, 1, 30_017][round % 4]!;
      setTime(now);
      const account = { name: 'exact', rules: [perMinute(100), perHour(1_000)] };
      const ask = async (_: unknown, n: number): Promise<Verdict> => brokers[n % 3]!.decide([account]);
      const verdicts = await Promise.all(Array.from({ length: MANY }, ask));
      const refused = verdicts.filter(({ isAllowed }) => !isAllowed);
      expect(refused).toHaveLength(MANY - 100);
      for (const { retryMs } of refused) expect(retryMs).toBeLessThanOrEqual(61_000);

      setTime(now + 59_999);
      expect((await ask(0, round)).isAllowed).toBe(false);
      setTime(now + refused[0]!.retryMs);
      const later = await Promise.all(Array.from({ length: 150 }, ask));
      expect(later.filter(({ isAllowed }) => isAllowed)).toHaveLength(100);
    }
  });
}

function describePenalties(make: () => Promise<LimitersUnderTest>): void {
  const wrong = { name: 'address', rules: [penalty(5, 1)] };
  const offend = async ({ brokers }: LimitersUnderTest): Promise<Verdict> => {
    for (;;) {
      const verdict = await brokers[0].decide([wrong]);
      if (!verdict.isAllowed) return verdict;
    }
  };

  it('every broker knows who is blocked, until when, and can lift it', async () => {
    const under = await make();
    const { brokers, setTime } = under;
    setTime(START);
    expect(await brokers[1].penalties()).toEqual([]);
    expect(await offend(under)).toMatchObject({ retryMs: 60_000, states: [{ used: 1, resetMs: 60_000 }] });
    expect(await brokers[0].penalties()).toEqual([
      { account: 'address', level: 1, blockedUntil: START + 60_000 },
    ]);
    setTime(START + 60_000);
    expect((await brokers[0].decide([wrong])).isAllowed).toBe(true);
    expect(await brokers[0].penalties()).toMatchObject([{ level: 1 }]);
    expect((await offend(under)).retryMs).toBe(300_000);
    expect(await brokers[0].lift('nobody', 6)).toBe(false);
    expect(await brokers[0].lift('address', 6)).toBe(true);
    expect(await brokers[0].lift('address', 6)).toBe(false);
    expect(await brokers[0].penalties()).toEqual([]);
    expect((await offend(under)).retryMs).toBe(60_000);
  });

  it('a block is known also when another rule refuses for longer', async () => {
    const { brokers, setTime } = await make();
    setTime(START);
    const account = { name: 'key', rules: [perHour(1), penalty(5, 0)] };
    for (let i = 0; i < 10; i++)
      expect((await brokers[0].decide([account])).refusedBy).toBe(i === 0 ? -1 : 0);
    expect(await brokers[0].penalties()).toEqual([
      { account: 'key', level: 1, blockedUntil: START + 60_000 },
    ]);
  });

  it('what was forgotten is shown no more', async () => {
    const under = await make();
    under.setTime(START);
    await offend(under);
    under.setTime(START + 60_000 + HOUR);
    expect(await under.brokers[0].penalties()).toEqual([]);
  });
}

interface Call {
  readonly accounts: readonly Account[];
  readonly isCount: boolean;
}

function decideByModel(model: Map<string, Counters>, { accounts, isCount }: Call, now: number) {
  const asks = accounts.map(({ name, rules }) => {
    const counters = model.get(name) ?? newCounters();
    model.set(name, counters);
    return { counters, rules };
  });
  if (!isCount) return decide(asks, now);
  count(asks[0]!, now);
  return undefined;
}

/** A few values, so that limits are met, parts are hit and windows end. */
const limits = fc.constantFrom(0, 1, 2, 3, 7);
const costs = fc.constantFrom(0, 1, 1, 1, 2, 5);
const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({
    kind: fc.constant('window' as const),
    place: fc.constant(0),
    limit: limits,
    cost: costs,
    windowMs: fc.constant(60_000),
  }),
  fc.record({
    kind: fc.constant('window' as const),
    place: fc.constant(2),
    limit: limits,
    cost: costs,
    windowMs: fc.constant(600),
  }),
  fc.record({
    kind: fc.constant('burst' as const),
    place: fc.constant(3),
    limit: limits,
    cost: costs,
    refillUs: fc.constantFrom(1_000_000, 333_333, 8_571_429),
  }),
  fc.record({
    kind: fc.constant('gauge' as const),
    place: fc.constant(5),
    limit: limits,
    cost: fc.constantFrom(-1, 0, 1, 1),
  }),
  fc.record({
    kind: fc.constant('penalty' as const),
    place: fc.constant(6),
    limit: fc.constantFrom(1, 3, 7),
    cost: fc.constantFrom(0, 0, 1),
  }),
);
const account: fc.Arbitrary<Account> = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  rules: fc.uniqueArray(rule, { minLength: 1, maxLength: 4, selector: (one) => one.place }),
});
const call: fc.Arbitrary<Call> = fc.record({
  accounts: fc.uniqueArray(account, { minLength: 1, maxLength: 2, selector: ({ name }) => name }),
  isCount: fc.constantFrom(false, false, false, true),
});
const step = fc.record({
  passMs: fc.constantFrom(0, 0, 1, 10, 590, 999, 1_000, 7_777, 60_000, 61_000, 61_001, 2 * HOUR),
  by: fc.nat(2),
  calls: fc.array(call, { minLength: 1, maxLength: 8 }),
});
