import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createModelLoads } from './model-loads.ts';
import { play, TICK_MS } from './testing/model-world.ts';

const BOUNDS = { requests: 8, ms: 3_000 };
const SLOTS = 4;

/** Told by hand what runs. */
function loadsOf(more: { maxModels?: number; canTake?: (key: string) => boolean } = {}) {
  const clock = { nowMs: 1_000_000, now: () => clock.nowMs };
  const loads = createModelLoads({
    ...{ clock, bounds: BOUNDS, maxModels: () => more.maxModels, canTake: more.canTake ?? (() => true) },
  });
  const start = loads.began;
  const end = (key: string, isLoader = false): void => loads.ended(key, isLoader);
  const waits = (...keys: string[]): void =>
    loads.told({ waiting: new Map(keys.map((key) => [key, clock.nowMs])), elsewhere: new Set() });
  const saw = (...keys: string[]): void => loads.saw(keys, clock.nowMs);
  const limits = (...keys: string[]): number[] => keys.map((key) => loads.limit(key, SLOTS));
  return { loads, clock, start, end, waits, saw, limits };
}

describe('a model that is not loaded', () => {
  it('is loaded by one call, while its others and all of other models that are not loaded wait', () => {
    const { loads, start, saw, limits } = loadsOf();
    saw('there');
    expect(limits('a', 'b', 'there')).toEqual([1, 1, SLOTS]);
    expect(start('a')).toBe(true);
    expect(limits('a', 'b', 'there')).toEqual([1, 0, SLOTS]);
    saw('a', 'there');
    expect([limits('a', 'b'), loads.loading]).toEqual([[SLOTS, 1], undefined]);
  });

  it('is loaded when a call hears from it, even if the list cannot be had', () => {
    const { loads, start, saw, limits } = loadsOf();
    start('a');
    expect(loads.heard('a')).toBe(false);
    expect(limits('a')).toEqual([SLOTS]);
    saw('a');
    start('b');
    expect(loads.heard('b')).toBe(true);
    expect(loads.heard('b')).toBe(false);
    loads.saw([...loads.loaded, 'b'], 2_000_000);
    expect(limits('a', 'b')).toEqual([SLOTS, SLOTS]);
  });

  it('may be loaded by the next call when the first one failed', () => {
    const { start, end, limits } = loadsOf();
    expect(start('a')).toBe(true);
    end('a', true);
    expect(limits('a', 'b')).toEqual([1, 1]);
    expect(start('b')).toBe(true);
  });

  it('is not thought to be gone by a list that was asked for before a call heard from it', () => {
    const { loads, clock, start, saw, limits } = loadsOf();
    saw('other');
    const askedAtMs = clock.nowMs;
    start('a');
    clock.nowMs += 5;
    loads.heard('a');
    loads.saw(['other'], askedAtMs);
    expect(loads.loading).toBe('a');
    saw('a', 'other');
    loads.saw(['other'], askedAtMs);
    expect(limits('a')).toEqual([SLOTS]);
  });

  it('is not loaded where none of its calls could start', () => {
    const { start, waits, saw, limits } = loadsOf({ maxModels: 1, canTake: (key) => key !== 'off' });
    saw('a');
    waits('off');
    expect(limits('a', 'off')).toEqual([SLOTS, SLOTS]);
    expect(start('off')).toBe(false);
  });
});

describe('two models that do not fit together', () => {
  it('are known by one that is gone when the other has come, until both are seen together', () => {
    const { start, end, saw, waits, limits } = loadsOf();
    saw('a');
    start('b');
    saw('b');
    end('b', true);
    waits('a', 'b');
    expect(limits('a', 'b')).toEqual([0, SLOTS]);
    saw('a', 'b');
    expect(limits('a', 'b')).toEqual([SLOTS, SLOTS]);
    saw('b');
    expect(limits('a', 'b')).toEqual([1, SLOTS]);
  });

  it('are swapped at once when nothing waits for the one that is loaded, after its calls', () => {
    const { start, end, saw, waits, limits } = loadsOf({ maxModels: 1 });
    saw('a');
    start('a');
    waits('b');
    expect(limits('a', 'b')).toEqual([1, 0]);
    end('a');
    expect(limits('a', 'b')).toEqual([0, 1]);
  });

  it('are swapped after so many calls, or after so long', () => {
    const { clock, start, end, saw, waits, limits, loads } = loadsOf({ maxModels: 1 });
    saw('a');
    waits('a', 'b');
    expect(loads.nextLookMs()).toBe(clock.nowMs + BOUNDS.ms);
    for (let call = 0; call < BOUNDS.requests; call++) {
      expect(limits('a', 'b')).toEqual([SLOTS, 0]);
      start('a');
      end('a');
    }
    expect(limits('a', 'b')).toEqual([0, 1]);
    start('b');
    saw('b');
    waits('a', 'b');
    clock.nowMs += BOUNDS.ms - 1;
    expect(limits('a', 'b')[0]).toBe(0);
    clock.nowMs += 1;
    expect(limits('a', 'b')).toEqual([0, 1]);
  });

  it('leave the place to the loaded one when the turn of the other came and none of its calls starts', () => {
    const { clock, saw, waits, limits, loads } = loadsOf({ maxModels: 1 });
    saw('a');
    const tell = (): void =>
      loads.told({ waiting: new Map(['a', 'b'].map((k) => [k, 1])), elsewhere: new Set() });
    tell();
    clock.nowMs += BOUNDS.ms;
    tell();
    expect(limits('a', 'b')).toEqual([0, 1]);
    clock.nowMs += 1_000;
    tell();
    expect(limits('a', 'b')).toEqual([SLOTS, 0]);
    waits('b');
    expect(limits('b')).toEqual([1]);
  });

  it('do not wait for each other for ever when nobody knew that they do not fit', () => {
    const { start, end, saw, limits } = loadsOf();
    saw('a');
    start('b');
    for (let call = 0; call <= BOUNDS.requests; call++) {
      expect(limits('a')).toEqual([SLOTS]);
      start('a');
      end('a');
    }
    expect(limits('a')).toEqual([0]);
  });
});

describe('models in turns', () => {
  it('are loaded a tenth as often as they would be first in first out, or less', () => {
    const arrivals = Array.from({ length: 200 }, (_, n) => ({
      ...{ atMs: n * 5, model: n % 2 === 0 ? 'a' : 'b', tookMs: 20 },
    }));
    const bounds = { requests: 32, ms: 30_000 };
    for (const maxModels of [undefined, 1]) {
      const { swaps } = play({ bounds, fit: 1, maxModels, slots: SLOTS, loadMs: 2_000, arrivals });
      expect(swaps.length).toBeLessThanOrEqual(20);
    }
  });

  const LONGEST_MS = 200;
  const worlds = fc.record({
    models: fc.integer({ min: 2, max: 4 }),
    fit: fc.integer({ min: 1, max: 2 }),
    isTold: fc.boolean(),
    bounds: fc.constantFrom(BOUNDS, { requests: 1_000, ms: 500 }),
    loadMs: fc.integer({ min: 0, max: 1_000 }),
    requests: fc.array(
      fc.tuple(fc.nat(3), fc.integer({ min: 0, max: 120 }), fc.integer({ min: 10, max: LONGEST_MS })),
      { minLength: 40, maxLength: 150 },
    ),
  });
  const storyOf = ({
    models,
    fit,
    isTold,
    bounds,
    loadMs,
    requests,
  }: typeof worlds extends fc.Arbitrary<infer T> ? T : never) => {
    let atMs = 0;
    const arrivals = requests.map(([model, gapMs, tookMs]) => {
      atMs += gapMs;
      return { atMs, model: `m${model % models}`, tookMs };
    });
    return play({ bounds, fit, maxModels: isTold ? fit : undefined, slots: 2, loadMs, arrivals });
  };

  it('all come in, one load at a time, and nothing stands still while something waits', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { coldCalls, idleMs, swaps, waits } = storyOf(world);
        expect(waits).toHaveLength(world.requests.length);
        // Which of several models has to go is the server's choice, and a call may just have been sent to that one.
        if (world.isTold) expect(coldCalls).toBeLessThanOrEqual(world.fit === 1 ? 0 : 2 * swaps.length);
        expect(idleMs).toBeLessThanOrEqual(TICK_MS);
      }),
    );
  });

  it('wait no longer than the bound and the running calls, once the one before them is loaded', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { swaps } = storyOf(world);
        for (const { waitedMs } of swaps)
          expect(waitedMs).toBeLessThanOrEqual(world.bounds.ms + LONGEST_MS + 2 * TICK_MS);
      }),
    );
  });
});
