import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HTTP_ERRORS } from './error-codes.generated.ts';
import { isRetryable, parseRetryAfterMs, retryDelayMs } from './retry.ts';

describe('isRetryable', () => {
  it.each([
    { status: 503, code: 'unavailable', retryable: true },
    { status: 500, code: 'internal_error', retryable: true },
    { status: 409, code: 'conflict', retryable: false },
    { status: 422, code: 'validation_failed', retryable: false },
    { status: 502, code: 'http_502', retryable: true },
    { status: 429, code: 'http_429', retryable: true },
    { status: 429, code: 'a_code_of_tomorrow', retryable: true },
    { status: 408, code: 'http_408', retryable: true },
    { status: 409, code: 'http_409', retryable: false },
    { status: 404, code: 'http_404', retryable: false },
    { status: 301, code: 'http_301', retryable: false },
    { status: 500, code: 'constructor', retryable: true },
  ])('$status with $code: $retryable', ({ status, code, retryable }) => {
    expect(isRetryable(status, code)).toBe(retryable);
  });

  it('says of every code in the contract what the contract says, whatever the status', () => {
    const codes = fc.constantFrom(...(Object.keys(HTTP_ERRORS) as (keyof typeof HTTP_ERRORS)[]));
    fc.assert(
      fc.property(codes, fc.integer({ min: 300, max: 599 }), (code, status) => {
        expect(isRetryable(status, code)).toBe(HTTP_ERRORS[code].retryable);
      }),
    );
  });
});

describe('retryDelayMs', () => {
  it.each([
    { retriesDone: 0, chance: 0.999, delayMs: 499 },
    { retriesDone: 1, chance: 0.999, delayMs: 999 },
    { retriesDone: 4, chance: 0.999, delayMs: 7992 },
    { retriesDone: 9, chance: 0.999, delayMs: 7992 },
    { retriesDone: 3, chance: 0, delayMs: 0 },
    { retriesDone: 0, retryAfterMs: 7_000, chance: 0.5, delayMs: 7_000 },
    { retriesDone: 0, retryAfterMs: 60_000, chance: 0.5, delayMs: 60_000 },
    { retriesDone: 0, retryAfterMs: 60_001, chance: 0.5, delayMs: 250 },
    { retriesDone: 0, retryAfterMs: 0, chance: 0.5, delayMs: 250 },
  ])(
    'retry $retriesDone, asked for $retryAfterMs, chance $chance: $delayMs ms',
    ({ retriesDone, retryAfterMs, chance, delayMs }) => {
      expect(retryDelayMs(retriesDone, retryAfterMs, chance)).toBe(delayMs);
    },
  );

  it('never waits longer than eight seconds on its own, however often it has tried', () => {
    const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(5_000), chances, (retriesDone, chance) => {
        const delayMs = retryDelayMs(retriesDone, undefined, chance);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(Math.min(8_000, 500 * 2 ** retriesDone));
      }),
    );
  });
});

describe('parseRetryAfterMs', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    { header: '3', afterMs: 3_000 },
    { header: ' 0 ', afterMs: 0 },
    { header: '1.5', afterMs: 1_500 },
    { header: 'Thu, 01 Jan 2026 00:00:10 GMT', afterMs: 10_000 },
    { header: 'Wed, 31 Dec 2025 23:59:00 GMT', afterMs: 0 },
    { header: '-3', afterMs: undefined },
    { header: 'soon', afterMs: undefined },
    { header: '5 apples', afterMs: undefined },
    { header: 'GMT', afterMs: undefined },
    { header: '', afterMs: undefined },
    { header: null, afterMs: undefined },
  ])('reads $header as $afterMs', ({ header, afterMs }) => {
    expect(parseRetryAfterMs(header, nowMs)).toBe(afterMs);
  });

  it('reads back every HTTP date', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (seconds) => {
        const date = new Date(nowMs + seconds * 1000).toUTCString();
        expect(parseRetryAfterMs(date, nowMs)).toBe(seconds * 1000);
      }),
    );
  });
});
