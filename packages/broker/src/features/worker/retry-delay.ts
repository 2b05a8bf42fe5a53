/** How long a request waits for its next attempt: exponential, with full jitter. */

export interface RetryPolicy {
  readonly maxAttempts: number;
  /** Upper bound of the first wait; doubles with each attempt. */
  readonly baseMs: number;
  readonly capMs: number;
}

/** Anywhere between 0 and the bound, so that requests that failed together do not come back together. `chance` is in [0, 1). */
export function retryDelayMs(attempt: number, policy: RetryPolicy, chance: number): number {
  const bound = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.floor(bound * chance);
}
