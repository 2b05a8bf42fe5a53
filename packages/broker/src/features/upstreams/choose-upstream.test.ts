import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseUpstream, explainChoice, freeSlots, type Candidate } from './choose-upstream.ts';

const idle: Candidate = {
  ...{ isUp: true, hasModel: true, isResident: true, loaded: 1, isDue: false },
  ...{ slots: 2, capacity: 2, limit: 2, running: 0, runningAll: 0, expectedMs: undefined },
};
const down = { ...idle, isUp: false };
const without = { ...idle, hasModel: false };
const full = { ...idle, running: 2, runningAll: 2 };
const half = { ...idle, running: 1, runningAll: 1 };
const closed = { ...idle, limit: 0 };
const cold = { ...idle, isResident: false };
const most = { ...idle, running: 3, runningAll: 3, slots: 4, limit: 4 };
const fast = { ...idle, expectedMs: 100 };
const slow = { ...idle, expectedMs: 500 };
const slower = { ...idle, expectedMs: 200 };
const due = { ...slow, isDue: true, limit: 1 };

describe('the choice of an upstream', () => {
  it.each([
    { given: [], turn: 0, then: -1, free: 0, when: 'there is none' },
    { given: [down], turn: 0, then: -1, free: 0, when: 'all are down' },
    { given: [down, idle], turn: 0, then: 1, free: 2, when: 'one is up' },
    { given: [without, half], turn: 0, then: 1, free: 1, when: 'one has the model' },
    { given: [without, full], turn: 0, then: -1, free: 0, when: 'the one that has it is full' },
    { given: [without, closed], turn: 0, then: -1, free: 0, when: 'the one that has it takes none' },
    {
      given: [without, down],
      turn: 0,
      then: -1,
      free: 0,
      when: 'the one that has it is down: it will come back',
    },
    { given: [without, without], turn: 1, then: 1, free: 4, when: 'none has it' },
    { given: [half, idle], turn: 0, then: 1, free: 3, when: 'one is less loaded' },
    {
      given: [half, { ...half, slots: 4, limit: 4 }],
      turn: 0,
      then: 1,
      free: 4,
      when: 'one has more slots',
    },
    {
      given: [{ ...idle, runningAll: 3 }, half],
      turn: 0,
      then: 1,
      free: 3,
      when: 'one works for another model',
    },
    { given: [idle, idle, idle], turn: 2, then: 2, free: 6, when: 'all are equal, in turn' },
    { given: [idle, full, full], turn: 2, then: 0, free: 2, when: 'the turn has to wrap around' },
    { given: [closed, idle], turn: 0, then: 1, free: 2, when: 'one takes none' },
    { given: [{ ...idle, limit: 1 }, half], turn: 0, then: 0, free: 2, when: 'one is recovering' },
    { given: [{ ...half, limit: 1 }, half], turn: 0, then: 1, free: 1, when: 'its recovery has no room' },
    { given: [cold, idle], turn: 0, then: 1, free: 4, when: 'one has the model loaded' },
    { given: [cold, half], turn: 0, then: 1, free: 3, when: 'it is half full' },
    { given: [cold, most], turn: 0, then: 0, free: 3, when: 'it is nearly full' },
    { given: [cold, { ...cold, loaded: 0 }], turn: 0, then: 1, free: 4, when: 'none has, and one is empty' },
    { given: [slow, fast], turn: 0, then: 1, free: 4, when: 'one is faster' },
    { given: [slow, { ...fast, ...half, expectedMs: 100 }], turn: 0, then: 1, free: 3, when: 'it still is' },
    { given: [slow, { ...fast, ...full, expectedMs: 100 }], turn: 0, then: 0, free: 2, when: 'it is full' },
    {
      given: [slower, { ...fast, ...half, expectedMs: 100 }],
      turn: 0,
      then: 0,
      free: 3,
      when: 'one is a bit slower',
    },
    { given: [{ ...fast, expectedMs: 140 }, fast], turn: 0, then: 0, free: 4, when: 'they differ by chance' },
    { given: [slow, fast, idle], turn: 2, then: 2, free: 6, when: 'nothing is known of one' },
    {
      given: [
        { ...idle, expectedMs: 15 },
        { ...idle, expectedMs: 1 },
      ],
      turn: 0,
      then: 0,
      free: 4,
      when: 'both are very fast',
    },
    { given: [fast, due], turn: 0, then: 1, free: 3, when: 'the breaker of one waits for a probe' },
  ])('is $then, with $free free, when $when', ({ given, turn, then, free }) => {
    expect(chooseUpstream(given, turn)).toBe(then);
    expect(freeSlots(given)).toBe(free);
  });

  const candidate = fc
    .record({
      isUp: fc.boolean(),
      hasModel: fc.boolean(),
      isResident: fc.boolean(),
      loaded: fc.nat(3),
      isDue: fc.boolean(),
      slots: fc.integer({ min: 1, max: 4 }),
      limit: fc.integer({ min: 0, max: 4 }),
      running: fc.integer({ min: 0, max: 4 }),
      runningAll: fc.integer({ min: 0, max: 8 }),
      expectedMs: fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: undefined }),
    })
    .map((one) => ({ ...one, limit: Math.min(one.limit, one.slots), capacity: one.slots }));
  const situations = fc.tuple(fc.array(candidate, { maxLength: 6 }), fc.nat(5));

  it('finds one exactly when there is a free slot', () => {
    fc.assert(
      fc.property(
        situations,
        ([given, turn]) => (chooseUpstream(given, turn) !== -1) === freeSlots(given) > 0,
      ),
    );
  });

  it('never chooses one that is down, without a free slot, or without a model that another one has', () => {
    fc.assert(
      fc.property(situations, ([given, turn]) => {
        const chosen = given[chooseUpstream(given, turn)];
        if (!chosen) return;
        expect(chosen.isUp).toBe(true);
        expect(chosen.running).toBeLessThan(chosen.limit);
        if (given.some(({ hasModel }) => hasModel)) expect(chosen.hasModel).toBe(true);
      }),
    );
  });

  /** Those that could have been chosen as well. */
  const rivals = (given: readonly Candidate[], chosen: Candidate): Candidate[] =>
    given.filter(
      (one) =>
        one.isUp && one.hasModel === chosen.hasModel && one.isDue === chosen.isDue && one.running < one.limit,
    );

  it('never passes over a less loaded one that is as fast', () => {
    fc.assert(
      fc.property(situations, ([some, turn]) => {
        const given = some.map((one) => ({ ...one, expectedMs: 100, isResident: true }));
        const chosen = given[chooseUpstream(given, turn)];
        if (!chosen) return;
        for (const rival of rivals(given, chosen))
          expect(rival.runningAll / rival.slots).toBeGreaterThanOrEqual(chosen.runningAll / chosen.slots);
      }),
    );
  });

  it('never passes over one that is clearly faster and not more loaded', () => {
    fc.assert(
      fc.property(situations, ([some, turn]) => {
        const given = some.map((one) => ({ ...one, isResident: true }));
        const chosen = given[chooseUpstream(given, turn)];
        if (chosen?.expectedMs === undefined) return;
        for (const rival of rivals(given, chosen)) {
          const isFaster = Math.max(20, rival.expectedMs ?? 10_000) * 1.6 < chosen.expectedMs;
          if (isFaster)
            expect(rival.runningAll / rival.slots).toBeGreaterThan(chosen.runningAll / chosen.slots);
        }
      }),
    );
  });

  it('spreads calls evenly over equal upstreams', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 4 }), (count, rounds) => {
        const all = Array.from({ length: count }, () => ({ ...idle, slots: 4, limit: 4 }));
        let turn = 0;
        for (let call = 0; call < count * rounds; call++) {
          const index = chooseUpstream(all, turn);
          all[index]!.running += 1;
          all[index]!.runningAll += 1;
          turn = (index + 1) % count;
        }
        expect(all.map(({ running }) => running)).toEqual(Array(count).fill(rounds));
      }),
    );
  });
});

describe('the reason of a choice', () => {
  const busySlow = { ...slow, running: 1, runningAll: 1 };
  it.each([
    { given: [], reason: 'none_up', index: -1 },
    { given: [down, closed], reason: 'none_up', index: -1 },
    { given: [closed, full], reason: 'no_free_slot', index: 1 },
    { given: [idle, down], reason: 'only_one', index: 0 },
    { given: [idle, full], reason: 'only_one', index: 0 },
    { given: [fast, due], reason: 'breaker_probe', index: 1 },
    { given: [slow, fast], reason: 'answers_first', index: 1 },
    { given: [fast, busySlow], reason: 'answers_first', index: 0 },
    { given: [cold, idle], reason: 'model_loaded', index: 1 },
    { given: [idle, idle], reason: 'next_in_turn', index: 0 },
    {
      given: [
        { ...half, runningAll: 2 },
        { ...idle, runningAll: 2 },
      ],
      reason: 'fewest_calls',
      index: 1,
    },
  ] as const)('is $reason', ({ given, reason, index }) => {
    expect(explainChoice(given, 0)).toEqual({ index, reason });
  });

  it('is given for what is chosen', () => {
    const candidate = fc.record({
      ...{ isUp: fc.boolean(), hasModel: fc.boolean(), isResident: fc.boolean(), isDue: fc.boolean() },
      ...{
        slots: fc.integer({ min: 1, max: 4 }),
        ...{ capacity: fc.nat(4), loaded: fc.nat(3) },
        limit: fc.nat(4),
        running: fc.nat(4),
        runningAll: fc.nat(8),
      },
      expectedMs: fc.option(fc.integer({ min: 1, max: 9_999 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 5 }), fc.nat(4), (given, turn) => {
        const chosen = chooseUpstream(given, turn);
        const { index, reason } = explainChoice(given, turn);
        if (chosen === -1) expect(reason).toBe(index === -1 ? 'none_up' : 'no_free_slot');
        else expect(index).toBe(chosen);
      }),
    );
  });
});
