import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  longestOf,
  NO_SPEED,
  speedAfter,
  speedAfterGivenUp,
  type GivenUp,
  type SpeedSample,
} from './speed.ts';

const ANSWERED: SpeedSample = {
  ...{ connectMs: 1, firstTokenMs: 500, tookMs: 1_400, longestGapMs: 40, loadMs: 0 },
  ...{ promptMs: 300, promptTokens: 100, tokens: 10, calls: 2 },
};
const SILENT: GivenUp = {
  ...{ connectMs: 1, firstTokenMs: undefined, tookMs: 60_001, silentMs: 60_000 },
  ...{ promptTokens: 100, maxTokens: 50, isWarm: true },
};

describe('an answered call', () => {
  it('is taken apart into waiting, reading, writing and sharing', () => {
    const speed = speedAfter(NO_SPEED, ANSWERED);
    expect(longestOf(speed.waitMs)).toBe(200);
    expect(longestOf(speed.promptTokenMs)).toBe(3);
    expect(longestOf(speed.tokenMs)).toBe(100);
    expect(longestOf(speed.gapMs)).toBe(40);
    expect(longestOf(speed.calls)).toBe(2);
  });

  it('does not count the load of the model as waiting', () => {
    const speed = speedAfter(NO_SPEED, { ...ANSWERED, firstTokenMs: 8_500, loadMs: 8_000 });
    expect(longestOf(speed.waitMs)).toBe(200);
    expect(longestOf(speed.loadMs)).toBe(8_000);
  });

  it('says nothing of a load when the model was there', () => {
    expect(speedAfter(NO_SPEED, { ...ANSWERED, loadMs: 20 }).loadMs.samples).toBe(0);
  });

  it('says nothing of reading when the prompt was short', () => {
    const speed = speedAfter(NO_SPEED, { ...ANSWERED, promptTokens: 5 });
    expect(speed.promptTokenMs.samples).toBe(0);
    expect(longestOf(speed.waitMs)).toBe(500);
  });

  it('of one token says nothing of writing', () => {
    expect(speedAfter(NO_SPEED, { ...ANSWERED, tokens: 1 }).tokenMs.samples).toBe(0);
  });

  it('that was slow is remembered over a hundred quick ones', () => {
    let speed = speedAfter(NO_SPEED, { ...ANSWERED, firstTokenMs: 30_000 });
    for (let i = 0; i < 100; i++) speed = speedAfter(speed, ANSWERED);
    expect(longestOf(speed.waitMs)).toBeGreaterThan(5_000);
  });

  it('never raises what is known above the longest there was', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 300, max: 100_000 }), { minLength: 1 }), (firsts) => {
        const speed = firsts.reduce(
          (known, firstTokenMs) => speedAfter(known, { ...ANSWERED, firstTokenMs }),
          NO_SPEED,
        );
        expect(longestOf(speed.waitMs)).toBeLessThanOrEqual(Math.max(...firsts) - 300 + 1e-6);
        expect(longestOf(speed.waitMs)).toBeGreaterThanOrEqual(firsts.at(-1)! - 300);
      }),
    );
  });
});

describe('a call that was given up', () => {
  it('only says that it takes at least so long', () => {
    const slow = speedAfter(NO_SPEED, { ...ANSWERED, firstTokenMs: 90_000 });
    expect(longestOf(speedAfterGivenUp(slow, SILENT).waitMs)).toBe(longestOf(slow.waitMs));
    const fast = speedAfter(NO_SPEED, ANSWERED);
    // 60 s less the 100 tokens of 3 ms.
    expect(longestOf(speedAfterGivenUp(fast, SILENT).waitMs)).toBe(59_700);
  });

  it('is no measurement', () => {
    const speed = speedAfterGivenUp(NO_SPEED, SILENT);
    expect(speed.waitMs.samples).toBe(0);
  });

  it('is soon forgotten once calls are answered', () => {
    let speed = speedAfterGivenUp(speedAfter(NO_SPEED, ANSWERED), { ...SILENT, tookMs: 300_000 });
    for (let i = 0; i < 25; i++) speed = speedAfter(speed, ANSWERED);
    expect(longestOf(speed.waitMs)).toBeLessThan(1_000);
  });

  it('may have been loading its model, if that was not there for certain', () => {
    const speed = speedAfterGivenUp(NO_SPEED, { ...SILENT, isWarm: false });
    expect(longestOf(speed.loadMs)).toBe(60_000);
    expect(longestOf(speed.waitMs)).toBe(0);
  });

  it('before the connection stood says nothing of the model', () => {
    const speed = speedAfterGivenUp(NO_SPEED, { ...SILENT, connectMs: undefined, tookMs: 5_000 });
    expect(speed).toEqual({ ...NO_SPEED, connectMs: { measured: 0, atLeast: 5_000, samples: 0 } });
  });

  it('in the middle of its answer says how long it was silent, and how slow its tokens were at least', () => {
    const speed = speedAfterGivenUp(NO_SPEED, { ...SILENT, firstTokenMs: 10_001, silentMs: 9_000 });
    expect(longestOf(speed.gapMs)).toBe(9_000);
    expect(longestOf(speed.tokenMs)).toBe(1_000);
  });

  it('never makes anything look faster', () => {
    const ms = fc.integer({ min: 0, max: 400_000 });
    fc.assert(
      fc.property(ms, ms, fc.option(ms, { nil: undefined }), fc.boolean(), (first, took, told, isWarm) => {
        const before = speedAfter(NO_SPEED, { ...ANSWERED, firstTokenMs: first });
        const call = { ...SILENT, tookMs: took, firstTokenMs: told, silentMs: took, isWarm };
        const after = speedAfterGivenUp(before, call);
        for (const part of Object.keys(before) as (keyof typeof before)[])
          expect(longestOf(after[part])).toBeGreaterThanOrEqual(longestOf(before[part]));
      }),
    );
  });
});
