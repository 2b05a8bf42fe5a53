/** Decides whether a failed call is tried again, and after how long; does nothing itself. */
import { HTTP_ERRORS } from './error-codes.generated.ts';

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;
const MAX_RETRY_AFTER_MS = 60_000;

/** The contract's table decides about the codes in it; any other answer is judged by its status. */
export function isRetryable(status: number, code: string): boolean {
  if (Object.hasOwn(HTTP_ERRORS, code)) return HTTP_ERRORS[code as keyof typeof HTTP_ERRORS].retryable;
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Milliseconds until the next attempt. What the server asked for is honoured up to a minute; without that, or with
 * more than that, any time between 0 and a limit that doubles from 0.5 s to 8 s, so that callers spread out.
 * `chance` is in [0, 1).
 */
export function retryDelayMs(retriesDone: number, retryAfterMs: number | undefined, chance: number): number {
  if (retryAfterMs !== undefined && retryAfterMs > 0 && retryAfterMs <= MAX_RETRY_AFTER_MS)
    return retryAfterMs;
  return Math.floor(chance * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** retriesDone));
}

/** A limit that was reached says how long it will refuse; to come back before is of no use. */
export function isWorthTrying(status: number | undefined, retryAfterMs: number | undefined): boolean {
  return status !== 429 || retryAfterMs === undefined || retryAfterMs <= MAX_RETRY_AFTER_MS;
}

/** Reads a Retry-After header, seconds or an HTTP date, as milliseconds from now; nothing if it is neither. */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const at = text.endsWith('GMT') ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
