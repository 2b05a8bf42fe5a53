import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseUpstream, freeSlots, type Candidate } from './choose-upstream.ts';

const idle: Candidate = { isUp: true, hasModel: true, slots: 2, running: 0, runningAll: 0 };
const down = { ...idle, isUp: false };
const without = { ...idle, hasModel: false };
const full = { ...idle, running: 2, runningAll: 2 };
const half = { ...idle, running: 1, runningAll: 1 };

describe('the choice of an upstream', () => {
  it.each([
    { given: [], turn: 0, then: -1, free: 0, when: 'there is none' },
    { given: [down], turn: 0, then: -1, free: 0, when: 'all are down' },
    { given: [down, idle], turn: 0, then: 1, free: 2, when: 'one is up' },
    { given: [without, half], turn: 0, then: 1, free: 1, when: 'one has the model' },
    { given: [without, full], turn: 0, then: -1, free: 0, when: 'the one that has it is full' },
    { given: [without, down], turn: 0, then: 0, free: 2, when: 'the one that has it is down' },
    { given: [without, without], turn: 1, then: 1, free: 4, when: 'none has it' },
    { given: [half, idle], turn: 0, then: 1, free: 3, when: 'one is less loaded' },
    { given: [half, { ...half, slots: 4 }], turn: 0, then: 1, free: 4, when: 'one has more slots' },
    {
      given: [{ ...idle, runningAll: 3 }, half],
      turn: 0,
      then: 1,
      free: 3,
      when: 'one works for another model',
    },
    { given: [idle, idle, idle], turn: 2, then: 2, free: 6, when: 'all are equal, in turn' },
    { given: [idle, full, full], turn: 2, then: 0, free: 2, when: 'the turn has to wrap around' },
  ])('is $then, with $free free, when $when', ({ given, turn, then, free }) => {
    expect(chooseUpstream(given, turn)).toBe(then);
    expect(freeSlots(given)).toBe(free);
  });

  const candidate = fc.record({
    isUp: fc.boolean(),
    hasModel: fc.boolean(),
    slots: fc.integer({ min: 1, max: 4 }),
    running: fc.integer({ min: 0, max: 4 }),
    runningAll: fc.integer({ min: 0, max: 8 }),
  });
  const situations = fc.tuple(fc.array(candidate, { maxLength: 6 }), fc.nat(5));

  it('finds one exactly when there is a free slot', () => {
    fc.assert(
      fc.property(
        situations,
        ([given, turn]) => (chooseUpstream(given, turn) !== -1) === freeSlots(given) > 0,
      ),
    );
  });

  it('never chooses one that is down, full, or without a model that another one has', () => {
    fc.assert(
      fc.property(situations, ([given, turn]) => {
        const chosen = given[chooseUpstream(given, turn)];
        if (!chosen) return;
        expect(chosen.isUp).toBe(true);
        expect(chosen.running).toBeLessThan(chosen.slots);
        if (given.some(({ isUp, hasModel }) => isUp && hasModel)) expect(chosen.hasModel).toBe(true);
      }),
    );
  });

  it('never passes over a less loaded one', () => {
    fc.assert(
      fc.property(situations, ([given, turn]) => {
        const chosen = given[chooseUpstream(given, turn)];
        if (!chosen) return;
        const rivals = given.filter(
          (one) => one.isUp && one.hasModel === chosen.hasModel && one.running < one.slots,
        );
        for (const rival of rivals)
          expect(rival.runningAll / rival.slots).toBeGreaterThanOrEqual(chosen.runningAll / chosen.slots);
      }),
    );
  });

  it('spreads calls evenly over equal upstreams', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 4 }), (count, rounds) => {
        const all = Array.from({ length: count }, () => ({ ...idle, slots: 4 }));
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
