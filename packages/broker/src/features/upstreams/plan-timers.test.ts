import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLOORS, MARGIN, planTimers, promptTokensOf, sizeOf, type TimerFacts } from './plan-timers.ts';
import { NO_SPEED, speedAfter, speedAfterGivenUp, type Speed, type SpeedSample } from './speed.ts';

const CEILINGS = { connectMs: 5_000, firstTokenMs: 300_000, gapMs: 60_000, totalMs: 1_800_000 };
const SAMPLE: SpeedSample = {
  ...{ connectMs: 2, firstTokenMs: 2_300, tookMs: 12_300, longestGapMs: 1_500, loadMs: 0 },
  ...{ promptMs: 300, promptTokens: 100, tokens: 101, calls: 1 },
};

function speedOf(samples: readonly Partial<SpeedSample>[]): Speed {
  return samples.reduce<Speed>((speed, one) => speedAfter(speed, { ...SAMPLE, ...one }), NO_SPEED);
}

const KNOWN = speedOf(Array.from({ length: 5 }, () => ({})));

function factsWith(more: Partial<TimerFacts> = {}): TimerFacts {
  return {
    ...{ size: { promptBytes: 300, maxTokens: 100, isMaxGiven: true }, speed: KNOWN, running: 1, slots: 1 },
    ...{ isWarm: true, isAdaptive: true, ceilings: CEILINGS, floors: FLOORS },
    ...more,
  };
}

const timersOf = (more: Partial<TimerFacts> = {}) => planTimers(factsWith(more));

describe('the timers of a call', () => {
  it('follow from what calls took, with a margin', () => {
    expect(timersOf()).toEqual({
      connectMs: 2_500,
      // 2 s of waiting, 100 tokens of 3 ms.
      firstTokenMs: MARGIN * 2_300,
      gapMs: MARGIN * 1_500,
      // And 100 tokens of 100 ms, and one gap.
      totalMs: MARGIN * (2_300 + 10_000 + 1_500),
    });
  });

  it('are the ceilings while too little is known', () => {
    expect(timersOf({ speed: NO_SPEED })).toEqual(CEILINGS);
    expect(timersOf({ speed: speedOf([{}, {}, {}, {}]) })).toEqual(CEILINGS);
  });

  it('are the ceilings when they are not to adapt', () => {
    expect(timersOf({ isAdaptive: false })).toEqual(CEILINGS);
  });

  it('are never below the floors of a quick model', () => {
    const quick = { firstTokenMs: 3, tookMs: 9, longestGapMs: 1, promptMs: 0 };
    const size = { promptBytes: 3, maxTokens: 10, isMaxGiven: true };
    expect(timersOf({ size, speed: speedOf(Array.from({ length: 9 }, () => quick)) })).toEqual(FLOORS);
  });

  it('are the ceilings where these are below the floors', () => {
    const ceilings = { connectMs: 100, firstTokenMs: 100, gapMs: 100, totalMs: 100 };
    expect(timersOf({ ceilings })).toEqual(ceilings);
  });

  it('allow for a load, as long as loads took, unless the model is loaded for certain', () => {
    const speed = speedOf([...Array.from({ length: 5 }, () => ({})), { firstTokenMs: 6_300, loadMs: 4_000 }]);
    const warm = timersOf({ speed }).firstTokenMs;
    expect(timersOf({ speed, isWarm: false }).firstTokenMs).toBe(warm + MARGIN * 4_000);
  });

  it('are the ceilings for a load when none was seen', () => {
    const cold = timersOf({ isWarm: false });
    expect(cold.firstTokenMs).toBe(CEILINGS.firstTokenMs);
    expect(cold.totalMs).toBe(CEILINGS.totalMs);
    expect(cold.gapMs).toBe(timersOf().gapMs);
  });

  it('grow when the upstream is shared by more calls than it was measured with', () => {
    expect(timersOf({ running: 3 }).gapMs).toBe(3 * timersOf().gapMs);
    expect(timersOf({ slots: 2 }).gapMs).toBe(2 * timersOf().gapMs);
    expect(timersOf({ speed: speedOf(Array.from({ length: 5 }, () => ({ calls: 4 }))), running: 3 })).toEqual(
      timersOf(),
    );
  });

  it('take a text for 50 tokens a second while reading was not measured', () => {
    const speed = speedOf(Array.from({ length: 5 }, () => ({ promptTokens: 5, firstTokenMs: 1_000 })));
    const firstTokenMsOf = (promptBytes: number): number =>
      timersOf({ speed, size: { promptBytes, maxTokens: 1, isMaxGiven: true } }).firstTokenMs;
    expect(firstTokenMsOf(900) - firstTokenMsOf(600)).toBe(MARGIN * 100 * 20);
  });
});

const ms = fc.integer({ min: 1, max: 40_000 });
const sample = fc.record({
  ...{ connectMs: ms, longestGapMs: ms, promptMs: ms, loadMs: fc.constantFrom(0, 2_000) },
  ...{ promptTokens: fc.integer({ min: 1, max: 4_000 }), tokens: fc.integer({ min: 1, max: 500 }) },
  ...{ firstTokenMs: ms, tookMs: ms.map((more) => 40_000 + more), calls: fc.integer({ min: 1, max: 8 }) },
});
const someFacts = fc.record({
  size: fc.record({
    promptBytes: fc.nat(100_000),
    maxTokens: fc.integer({ min: 1, max: 8_192 }),
    isMaxGiven: fc.boolean(),
  }),
  speed: fc.array(sample, { maxLength: 12 }).map(speedOf),
  running: fc.integer({ min: 1, max: 32 }),
  slots: fc.integer({ min: 1, max: 16 }),
  isWarm: fc.boolean(),
});

describe('whatever was measured', () => {
  it('every timer is between its floor and its ceiling', () => {
    fc.assert(
      fc.property(someFacts, (facts) => {
        const timers = timersOf(facts);
        for (const name of Object.keys(CEILINGS) as (keyof typeof CEILINGS)[]) {
          expect(timers[name]).toBeGreaterThanOrEqual(Math.min(FLOORS[name], CEILINGS[name]));
          expect(timers[name]).toBeLessThanOrEqual(CEILINGS[name]);
        }
      }),
    );
  });

  it('the whole call has at least the time of its first token', () => {
    fc.assert(
      fc.property(someFacts, (facts) => {
        const { firstTokenMs, totalMs } = timersOf(facts);
        expect(totalMs).toBeGreaterThanOrEqual(firstTokenMs);
      }),
    );
  });

  it('more to read, more to write, more company or a load never make a timer shorter', () => {
    fc.assert(
      fc.property(someFacts, someFacts, (one, other) => {
        const more = {
          ...one,
          size: {
            promptBytes: one.size.promptBytes + other.size.promptBytes,
            maxTokens: one.size.maxTokens + other.size.maxTokens,
            isMaxGiven: true,
          },
          running: one.running + other.running,
          isWarm: one.isWarm && other.isWarm,
        };
        const [less, longer] = [timersOf(one), timersOf(more)];
        for (const name of Object.keys(CEILINGS) as (keyof typeof CEILINGS)[])
          expect(longer[name]).toBeGreaterThanOrEqual(less[name]);
      }),
    );
  });

  it('a call that is ten times slower than the slowest before is waited for', () => {
    fc.assert(
      fc.property(fc.array(ms, { minLength: 5, maxLength: 40 }), (waits) => {
        const speed = speedOf(waits.map((firstTokenMs) => ({ firstTokenMs, promptTokens: 5 })));
        const { firstTokenMs } = timersOf({ speed, ceilings: { ...CEILINGS, firstTokenMs: 9e9 } });
        expect(firstTokenMs).toBeGreaterThan(10 * waits.at(-1)!);
      }),
    );
  });
});

describe('a model that gets a hundred times slower', () => {
  /** Calls one after the other, `slots` of them at once, each as slow as the model is then; how many were given up. */
  function givenUp(slowness: (call: number) => number, { calls = 2_000, slots = 4 } = {}): number[] {
    let speed = NO_SPEED;
    const lost: number[] = [];
    for (let call = 0; call < calls; call += slots) {
      const { firstTokenMs: timerMs } = timersOf({
        speed,
        ceilings: { ...CEILINGS, firstTokenMs: 3_600_000 },
      });
      for (let slot = 0; slot < slots; slot++) {
        const firstTokenMs = 2_000 * slowness(call + slot);
        if (firstTokenMs < timerMs) speed = speedAfter(speed, { ...SAMPLE, firstTokenMs, promptMs: 0 });
        else {
          lost.push(call + slot);
          speed = speedAfterGivenUp(speed, {
            ...{ connectMs: 1, firstTokenMs: undefined, tookMs: timerMs, silentMs: timerMs },
            ...{ promptTokens: 100, maxTokens: 100, isWarm: true },
          });
        }
      }
    }
    return lost;
  }

  it('costs the calls that were under way, and none after them', () => {
    expect(givenUp((call) => (call < 200 ? 1 : 100))).toEqual([200, 201, 202, 203]);
  });

  it('costs nothing when it is ten times', () => {
    expect(givenUp((call) => (call < 200 ? 1 : 10))).toEqual([]);
  });

  it('now and then, by chance, costs less than one call in a hundred', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (chances) => {
        const lost = givenUp(() => {
          const { value } = chances.next();
          return value < 0.02 ? 40 * (1 + value) : 0.5 + value;
        });
        expect(lost.length).toBeLessThan(20);
      }),
      { numRuns: 20 },
    );
  });
});

describe('the size of a call', () => {
  it('counts the bytes of all that the model reads', () => {
    const messages = [{ role: 'user' as const, content: 'Grüße' }];
    expect(sizeOf({ messages, system: 'abc' }, 64)).toEqual({
      ...{ promptBytes: 10, maxTokens: 64, isMaxGiven: false },
    });
    const size = { promptBytes: 5, maxTokens: 0, isMaxGiven: true };
    expect(sizeOf({ input: ['abc', 'de'] }, 64)).toEqual(size);
    expect(sizeOf({ prompt: 'abc', parameters: { max_tokens: 5 } }, 64)).toEqual({
      promptBytes: 3,
      maxTokens: 5,
      isMaxGiven: true,
    });
  });

  it('takes three bytes for a token, rounded up', () => {
    expect(promptTokensOf({ promptBytes: 10 })).toBe(4);
  });
});
