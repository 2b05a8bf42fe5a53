import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRetryAfterMs, RETRY_DELAYS_MS, retryDelayMs } from './retry-schedule.ts';

const S = 1_000;
const M = 60 * S;
const H = 60 * M;
const exactly = { random: 0.5 };

describe('the schedule of attempts', () => {
  it.each([
    [0, 0],
    [1, 5 * S],
    [2, 5 * M],
    [3, 30 * M],
    [4, 2 * H],
    [5, 5 * H],
    [6, 10 * H],
    [7, 14 * H],
    [8, 20 * H],
    [9, 24 * H],
    [10, null],
    [11, null],
  ])('after %i attempts waits %s ms', (attempts, delayMs) => {
    expect(retryDelayMs(attempts, exactly)).toBe(delayMs);
  });

  it('spreads each wait by a tenth to both sides, and no further', () => {
    fc.assert(
      fc.property(
        fc.nat(RETRY_DELAYS_MS.length - 1),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, random) => {
          const delayMs = retryDelayMs(attempts, { random })!;
          const base = RETRY_DELAYS_MS[attempts]!;
          expect(delayMs).toBeGreaterThanOrEqual(Math.round(base * 0.9));
          expect(delayMs).toBeLessThanOrEqual(Math.round(base * 1.1));
          expect(Number.isInteger(delayMs)).toBe(true);
        },
      ),
    );
    expect(retryDelayMs(2, { random: 0 })).toBe(4.5 * M);
    expect(retryDelayMs(2, { random: 0.999_999_999 })).toBe(5.5 * M);
  });

  it('is never earlier than the receiver asked, nor does it wait more than a day for that', () => {
    expect(retryDelayMs(1, { random: 0.5, retryAfterMs: 60 * S })).toBe(60 * S);
    expect(retryDelayMs(2, { random: 0.5, retryAfterMs: 60 * S })).toBe(5 * M);
    expect(retryDelayMs(1, { random: 0.5, retryAfterMs: 100 * H })).toBe(24 * H);
    expect(retryDelayMs(10, { random: 0.5, retryAfterMs: 60 * S })).toBeNull();
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2027-01-01T00:00:00Z');
  it.each([
    ['120', 120 * S],
    ['0', 0],
    ['Fri, 01 Jan 2027 00:01:00 GMT', 60 * S],
    ['Thu, 31 Dec 2026 23:00:00 GMT', 0],
    ['-5', null],
    ['1.5', null],
    ['soon', null],
    ['', null],
    ['99999999999', null],
    [undefined, null],
  ])('%s is %s ms', (header, ms) => {
    expect(parseRetryAfterMs(header, now)).toBe(ms);
  });
});
