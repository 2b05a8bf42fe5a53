import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedMs, paceAfter, paceAfterTimeout } from './pace.ts';

const NOW = 1_000_000;

describe('the pace of an upstream', () => {
  it('is unknown before the first answer', () => {
    expect(expectedMs(undefined, NOW)).toBeUndefined();
  });

  it('is the first token and a hundred tokens, whatever the length of the answers', () => {
    const short = paceAfter(undefined, { firstTokenMs: 200, restMs: 90, tokens: 10 }, NOW);
    const long = paceAfter(undefined, { firstTokenMs: 200, restMs: 9_990, tokens: 1_000 }, NOW);
    expect(expectedMs(short, NOW)).toBeCloseTo(1_200);
    expect(expectedMs(long, NOW)).toBeCloseTo(1_200);
  });

  it('follows a change within a few answers', () => {
    let pace = paceAfter(undefined, { firstTokenMs: 100, restMs: 0, tokens: 1 }, NOW);
    for (let call = 0; call < 8; call++)
      pace = paceAfter(pace, { firstTokenMs: 500, restMs: 0, tokens: 1 }, NOW);
    expect(expectedMs(pace, NOW)).toBeGreaterThan(450);
  });

  it('is halved by each half minute without an answer, so that a slow one is tried again', () => {
    const pace = paceAfter(undefined, { firstTokenMs: 800, restMs: 0, tokens: 1 }, NOW);
    expect(expectedMs(pace, NOW + 30_000)).toBeCloseTo(400);
    expect(expectedMs(pace, NOW + 90_000)).toBeCloseTo(100);
    expect(expectedMs(pace, NOW - 90_000)).toBeCloseTo(800);
  });

  it('is not forgotten within the time its own answers take', () => {
    const pace = paceAfter(undefined, { firstTokenMs: 300_000, restMs: 0, tokens: 1 }, NOW);
    expect(expectedMs(pace, NOW + 300_000)).toBeGreaterThan(230_000);
    expect(expectedMs(pace, NOW + 900_000)).toBeCloseTo(150_000);
  });

  it('is never made faster by a call that was given up', () => {
    const known = fc.record({
      firstTokenMs: fc.integer({ min: 0, max: 100_000 }),
      tokenMs: fc.integer({ min: 0, max: 1_000 }),
      at: fc.constant(NOW),
    });
    fc.assert(
      fc.property(fc.option(known, { nil: undefined }), fc.nat(100_000), (pace, waitedMs) => {
        const after = expectedMs(paceAfterTimeout(pace, waitedMs, NOW), NOW)!;
        expect(after).toBeGreaterThanOrEqual(expectedMs(pace, NOW) ?? waitedMs);
      }),
    );
    expect(expectedMs(paceAfterTimeout(undefined, 5_000, NOW), NOW)).toBe(5_000);
  });
});
