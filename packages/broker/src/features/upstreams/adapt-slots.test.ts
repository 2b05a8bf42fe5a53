import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FIRST_SLOTS,
  SLOTS,
  slotsAfter,
  slotsAfterBusy,
  type AdaptiveSlots,
  type SlotSample,
} from './adapt-slots.ts';

const TOKENS = 100;

/** How long calls take when so many run at once. */
type Machine = (atOnce: number) => Pick<SlotSample, 'tookMs' | 'firstTokenMs' | 'queuedMs'>;

/** Runs so many side by side, each as fast as alone; the rest waits in its queue. */
const ofSlots =
  (parallel: number, tookMs = 2_000): Machine =>
  (atOnce) => {
    const queuedMs = tookMs * Math.max(0, atOnce / parallel - 1);
    return { tookMs: tookMs + queuedMs, firstTokenMs: 200 + queuedMs, queuedMs };
  };

/** Shares all it has: more at once are slower by as much. */
const shared: Machine = (atOnce) => ({ tookMs: 2_000 * atOnce, firstTokenMs: 200, queuedMs: 0 });

/** Gains ever less from one more. */
const saturating =
  (knee: number): Machine =>
  (atOnce) => ({ tookMs: 2_000 * (1 + atOnce / knee), firstTokenMs: 200, queuedMs: 0 });

function run(machine: Machine, calls: number, noise: () => number = () => 1) {
  let state: AdaptiveSlots = FIRST_SLOTS;
  const seen: number[] = [];
  for (let call = 0; call < calls; call++) {
    const { slots: running, generation } = state;
    const { tookMs, ...rest } = machine(running);
    const sample = { ...rest, tookMs: tookMs * noise(), tokens: TOKENS, running, generation };
    state = slotsAfter(state, sample, call);
    seen.push(state.slots);
  }
  return { state, seen };
}

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const share = (numbers: readonly number[], is: (n: number) => boolean): number =>
  numbers.filter(is).length / numbers.length;

describe('the slots of a model', () => {
  it('begin where they always did', () => {
    expect(FIRST_SLOTS.slots).toBe(1);
  });

  it.each([1, 2, 4, 8])('grow to what a server of %i slots carries, and stay there', (parallel) => {
    const { seen } = run(ofSlots(parallel), 6_000);
    const late = seen.slice(3_000);
    expect(Math.max(...late)).toBeLessThanOrEqual(parallel + 1);
    expect(share(late, (slots) => slots === parallel)).toBeGreaterThan(0.9);
  });

  it('grow to the most there may be where everything runs side by side', () => {
    expect(run(ofSlots(64), 4_000).state.slots).toBe(SLOTS.most);
  });

  it('stay at one where more at once only share what there is', () => {
    const { seen } = run(shared, 6_000);
    expect(Math.max(...seen)).toBe(2);
    expect(share(seen.slice(1_000), (slots) => slots === 1)).toBeGreaterThan(0.9);
  });

  it('stop growing where one more brings hardly anything', () => {
    const { seen } = run(saturating(3), 6_000);
    expect(mean(seen.slice(3_000))).toBeGreaterThan(3);
    expect(mean(seen.slice(3_000))).toBeLessThan(13);
  });

  it('go back when the server gets other work and calls begin to wait', () => {
    const grown = run(ofSlots(8), 3_000).state;
    expect(grown.slots).toBeGreaterThanOrEqual(8);
    let state = grown;
    for (let call = 0; call < 3_000; call++) {
      const sample = { ...ofSlots(3)(state.slots), tokens: TOKENS, running: state.slots };
      state = slotsAfter(state, { ...sample, generation: state.generation }, call);
    }
    expect(state.slots).toBeLessThanOrEqual(4);
    expect(state.lastChange?.reason).toMatch(/first_token_late|calls_slow|trial/);
  });

  it('go down when the model gets slow, and come back when that was not because of them', () => {
    let state = run(ofSlots(4), 3_000).state;
    let least = state.slots;
    for (let call = 0; call < 6_000; call++) {
      const sample = { ...ofSlots(4, 20_000)(state.slots), tokens: TOKENS, running: state.slots };
      state = slotsAfter(state, { ...sample, generation: state.generation }, call);
      least = Math.min(least, state.slots);
    }
    expect(least).toBe(1);
    expect(state.slots).toBeGreaterThanOrEqual(4);
  });

  it('are halved when the server is full, once for all calls that began before, and grow again', () => {
    const grown = run(ofSlots(8), 3_000).state;
    let state = grown;
    for (let call = 0; call < 8; call++) state = slotsAfterBusy(state, grown.generation, 5);
    expect(state.slots).toBe(Math.floor(grown.slots / 2));
    expect(state.lastChange).toEqual({ at: 5, from: grown.slots, to: state.slots, reason: 'busy' });
    for (let call = 0; call < 6_000; call++) {
      const sample = { ...ofSlots(8)(state.slots), tokens: TOKENS, running: state.slots };
      state = slotsAfter(state, { ...sample, generation: state.generation }, call);
    }
    expect(state.slots).toBeGreaterThanOrEqual(8);
  });

  it('do not fall below one', () => {
    const state = slotsAfterBusy(FIRST_SLOTS, 0, 1);
    expect(state).toMatchObject({ slots: 1, lastChange: null });
    expect(state.rest).toBeGreaterThan(0);
  });

  it('learn nothing from calls that did not have all slots in use, or began at another number', () => {
    const state = { ...FIRST_SLOTS, slots: 4, generation: 3 };
    const sample = { ...ofSlots(8)(4), tokens: TOKENS, running: 4, generation: 3 };
    expect(slotsAfter(state, { ...sample, running: 3 }, 1)).toBe(state);
    expect(slotsAfter(state, { ...sample, generation: 2 }, 1)).toBe(state);
    expect(slotsAfter(state, sample, 1).round).toHaveLength(1);
  });

  it('say why they changed', () => {
    const reasons = new Set<string>();
    let state = FIRST_SLOTS;
    for (let call = 0; call < 200; call++) {
      const sample = { ...shared(state.slots), tokens: TOKENS, running: state.slots };
      state = slotsAfter(state, { ...sample, generation: state.generation }, call);
      if (state.lastChange) reasons.add(state.lastChange.reason);
    }
    expect([...reasons]).toEqual(['trial', 'no_more_tokens']);
  });
});

describe('whatever calls take', () => {
  const event = fc.record({
    ...{ tokens: fc.nat(500), tookMs: fc.nat(60_000), firstTokenMs: fc.nat(60_000) },
    ...{ queuedMs: fc.nat(60_000), running: fc.nat(20), isBusy: fc.boolean(), isOld: fc.boolean() },
  });

  it('slots stay between one and sixteen, and move by one, or by half when the server is full', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 400 }), (events) => {
        let state = FIRST_SLOTS;
        for (const [at, { isBusy, isOld, ...rest }] of events.entries()) {
          const generation = state.generation - Number(isOld);
          const before = state.slots;
          state = isBusy
            ? slotsAfterBusy(state, generation, at)
            : slotsAfter(state, { ...rest, running: rest.running + state.slots, generation }, at);
          expect(state.slots).toBeGreaterThanOrEqual(SLOTS.least);
          expect(state.slots).toBeLessThanOrEqual(SLOTS.most);
          const allowed = isBusy ? [before, Math.floor(before / 2)] : [before - 1, before, before + 1];
          expect(allowed).toContain(state.slots);
        }
      }),
    );
  });

  it('a server of some slots is not overrun for long, though calls differ', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer(), (parallel, seed) => {
        const random = fc.sample(fc.double({ min: 0.6, max: 1.4, noNaN: true }), { numRuns: 8_000, seed });
        let turn = 0;
        const { seen } = run(ofSlots(parallel), 8_000, () => random[turn++]!);
        expect(share(seen.slice(2_000), (slots) => slots > parallel + 1)).toBeLessThan(0.2);
        expect(mean(seen.slice(4_000))).toBeGreaterThan(0.7 * parallel);
      }),
      { numRuns: 25 },
    );
  });
});
