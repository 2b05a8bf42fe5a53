/** Keeps retries in proportion to successes, so that a fault of many calls does not multiply the load. */
import type { Clock } from '../../kernel/clock.ts';

export interface RetryBudget {
  succeeded(): void;
  /** Takes one retry; false when there is none left. */
  spend(): boolean;
}

/** One retry for so many successes: 20 %. */
const SUCCESSES_PER_RETRY = 5;
/** What there is without any success, and how fast it comes back; keeps a quiet house from losing its retries. */
const LEAST = 10;
const LEAST_PER_SECOND = 1;
/** What a long good time saves up for a bad one. */
const MOST = 100;

/** A token bucket, counted in fifths of a retry so that sums stay exact. */
export function createRetryBudget(clock: Clock): RetryBudget {
  let fifths = LEAST * SUCCESSES_PER_RETRY;
  let refilledAt = clock.now();

  function refill(): void {
    const now = clock.now();
    const seconds = Math.floor((now - refilledAt) / 1_000);
    if (seconds < 0) refilledAt = now;
    if (seconds <= 0) return;
    refilledAt += seconds * 1_000;
    const least = LEAST * SUCCESSES_PER_RETRY;
    if (fifths < least) fifths = Math.min(least, fifths + seconds * LEAST_PER_SECOND * SUCCESSES_PER_RETRY);
  }

  return {
    succeeded: () => {
      fifths = Math.min(MOST * SUCCESSES_PER_RETRY, fifths + 1);
    },
    spend: () => {
      refill();
      if (fifths < SUCCESSES_PER_RETRY) return false;
      fifths -= SUCCESSES_PER_RETRY;
      return true;
    },
  };
}
