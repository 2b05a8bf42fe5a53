/** How long a request waits for its next attempt. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryDelayMs } from './retry-delay.ts';

const POLICY = { maxAttempts: 5, baseMs: 1_000, capMs: 30_000 };

describe('the wait before the next attempt', () => {
  it.each([
    { given: 'the first attempt', attempt: 1, chance: 0.5, then: 500 },
    { given: 'the second attempt', attempt: 2, chance: 0.5, then: 1_000 },
    { given: 'the fourth attempt', attempt: 4, chance: 0.5, then: 4_000 },
    { given: 'an attempt beyond the cap', attempt: 9, chance: 0.5, then: 15_000 },
    { given: 'the luckiest draw', attempt: 4, chance: 0, then: 0 },
    { given: 'an attempt no power of two can hold', attempt: 5_000, chance: 0.5, then: 15_000 },
    { given: 'a draw between two milliseconds', attempt: 1, chance: 0.0015, then: 1 },
  ])('after $given is $then ms', ({ attempt, chance, then }) => {
    expect(retryDelayMs(attempt, POLICY, chance)).toBe(then);
  });

  it('is a whole number from 0 to the cap, and its bound never shrinks from one attempt to the next', () => {
    const policies = fc.record({
      maxAttempts: fc.constant(5),
      baseMs: fc.integer({ min: 0, max: 100_000 }),
      capMs: fc.integer({ min: 0, max: 86_400_000 }),
    });
    const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), policies, chances, (attempt, policy, chance) => {
        const delayMs = retryDelayMs(attempt, policy, chance);
        expect(Number.isSafeInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(policy.capMs);
        expect(retryDelayMs(attempt + 1, policy, chance)).toBeGreaterThanOrEqual(delayMs);
      }),
    );
  });
});
