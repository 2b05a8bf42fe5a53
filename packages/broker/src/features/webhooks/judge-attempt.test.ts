import { describe, expect, it } from 'vitest';
import { judgeAttempt, reasonToDisable } from './judge-attempt.ts';
import type { SendResult } from './send-webhook.ts';

const S = 1_000;
const DAY = 86_400_000;

function answered(status: number, retryAfterMs: number | null = null): SendResult {
  return { kind: 'answered', status, retryAfterMs, excerpt: Buffer.alloc(0), latencyMs: 1 };
}
const failed = (error: 'timeout' | 'unreachable' | 'address_refused'): SendResult => ({
  ...{ kind: 'failed', error, latencyMs: 1 },
});
const first = { attempts: 1, isRepeatable: true, random: 0.5 };
const again = (error: string, delayMs = 5 * S) => ({ state: 'pending', delayMs, error });
const lost = (error: string) => ({ state: 'failed', delayMs: 0, error });
const DELIVERED = { state: 'delivered', delayMs: 0, error: null };

describe('an attempt', () => {
  it.each([
    ['200', answered(200), DELIVERED],
    ['204', answered(204), DELIVERED],
    ['299', answered(299), DELIVERED],
    ['301, which is never followed', answered(301), again('redirect')],
    ['307', answered(307), again('redirect')],
    ['304', answered(304), again('redirect')],
    ['400', answered(400), again('status')],
    ['404', answered(404), again('status')],
    ['410, which wants nothing any more', answered(410), lost('status')],
    ['500', answered(500), again('status')],
    ['429 that asks for a minute', answered(429, 60 * S), again('status', 60 * S)],
    ['502 that asks for a minute', answered(502, 60 * S), again('status', 60 * S)],
    ['503 that asks for two days', answered(503, 2 * DAY), again('status', DAY)],
    ['504 that asks for a minute', answered(504, 60 * S), again('status', 60 * S)],
    ['500 that asks for a minute, in vain', answered(500, 60 * S), again('status')],
    ['301 that asks for a minute, in vain', answered(301, 60 * S), again('redirect')],
    ['no answer in time', failed('timeout'), again('timeout')],
    ['no connection', failed('unreachable'), again('unreachable')],
    ['a refused address', failed('address_refused'), again('address_refused')],
  ])('with %s', (_what, result, verdict) => {
    expect(judgeAttempt(result, first)).toEqual(verdict);
  });

  it('that was the tenth is the last', () => {
    expect(judgeAttempt(answered(500), { ...first, attempts: 9 })).toMatchObject({ state: 'pending' });
    expect(judgeAttempt(answered(500), { ...first, attempts: 10 })).toEqual(lost('status'));
    expect(judgeAttempt(answered(200), { ...first, attempts: 10 })).toEqual(DELIVERED);
  });

  it('of a test is not repeated', () => {
    expect(judgeAttempt(answered(503, 5), { ...first, isRepeatable: false })).toEqual(lost('status'));
  });
});

describe('a failed attempt disables its endpoint', () => {
  const when = { now: 10 * DAY, failingMs: 5 * DAY };
  it.each([
    ['at once with 410', answered(410), null, 'gone'],
    ['after five days of failures', failed('timeout'), 5 * DAY, 'failing'],
    ['not a moment before', failed('timeout'), 5 * DAY + 1, null],
    ['not at the first failure', answered(500), null, null],
  ])('%s', (_what, result, failingSince, reason) => {
    expect(reasonToDisable(result, { failingSince }, when)).toBe(reason);
  });
});
