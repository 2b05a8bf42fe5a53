/** When a delivery that failed is tried again. Pure. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Before attempt 1, 2, 3 and so on: about 75 hours in all, as Standard Webhooks recommends. */
export const RETRY_DELAYS_MS: readonly number[] = [
  ...[0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR],
  ...[10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR],
];
const JITTER = 0.1;
const LONGEST_RETRY_AFTER_MS = DAY;

export interface RetryCircumstances {
  /** In [0, 1). */
  readonly random: number;
  /** What the receiver asked for. */
  readonly retryAfterMs?: number | null;
}

/** The wait after so many attempts; null when that was the last. Never earlier than the receiver asked, up to a day. */
export function retryDelayMs(
  attempts: number,
  { random, retryAfterMs }: RetryCircumstances,
  delaysMs: readonly number[] = RETRY_DELAYS_MS,
): number | null {
  const delayMs = delaysMs[attempts];
  if (delayMs === undefined) return null;
  const spread = Math.round(delayMs * (1 - JITTER + 2 * JITTER * random));
  return Math.max(spread, Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS));
}

/** Seconds or a date (RFC 9110); null for anything else. */
export function parseRetryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * SECOND;
  const date = /[A-Za-z]/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
