/** What a caller is told when a limit refuses a call: the code, which limit it was, and how long to wait. */
import type { Verdict } from '../../engines/limiter/limiter.ts';
import { fail, type FilaError } from '../../kernel/errors.ts';
import type { LimitName, NamedRule } from './call-rules.ts';
import { seconds } from './limit-headers.ts';

/** `drainMs`: how long until a place in a full queue is free, as far as one can tell; asked for only then. */
export function refusalOf(
  named: readonly NamedRule[],
  verdict: Verdict,
  drainMs: () => number,
): FilaError | null {
  const refusing = named[verdict.refusedBy];
  if (!refusing) return null;
  const { name, limit, windowMs } = refusing;
  // Whatever else refuses: a blocked key is told that it is.
  if (named.some((one, index) => one.name === 'penalty' && verdict.states[index]!.resetMs > 0))
    return blocked('The key', verdict.retryMs);
  const retryAfter = Math.max(1, seconds(windowMs === null ? drainMs() : verdict.retryMs));
  if (name === 'queue')
    return fail('queue_full', {
      detail: `${limit} requests have not ended, and more are not taken.`,
      limit: name,
      retryAfter,
    });
  return fail('rate_limited', { detail: SENTENCES[name]!(limit), limit: name, retryAfter });
}

/** No time is named after which to try again: there is none. */
export function neverFits({ name, limit }: NamedRule, requests: number): FilaError {
  const why = name === 'queue' ? `${limit} requests may wait at once.` : SENTENCES[name]!(limit);
  return fail('validation_failed', { detail: `${why} ${requests} together never fit.`, limit: name });
}

export function blocked(who: 'The key' | 'The address', forMs: number): FilaError {
  const retryAfter = Math.max(1, seconds(forMs));
  return fail('blocked', {
    detail: `${who} is blocked for another ${retryAfter} s: too many of its calls were refused.`,
    limit: 'penalty',
    retryAfter,
  });
}

const SENTENCES: Partial<Record<LimitName, (limit: number) => string>> = {
  minute: (n) => `The key may send ${n} requests in any 60 seconds.`,
  hour: (n) => `The key may send ${n} requests in any hour.`,
  day: (n) => `The key may send ${n} requests in any 24 hours.`,
  burst: (n) => `The key may send ${n} requests at once above its even rate.`,
  tokens: (n) => `The key may use ${n} tokens in any 24 hours.`,
  queued: (n) => `The key may have ${n} requests that have not ended.`,
  writes: (n) => `The key may make ${n} calls that change something in any 60 seconds.`,
  reads: (n) => `The key may make ${n} calls that read in any 60 seconds.`,
  address: (n) => `The address may make ${n} calls in any 60 seconds.`,
  admin: (n) => `Operators may make ${n} calls from one address in any 60 seconds.`,
};
