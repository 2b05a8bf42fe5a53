/** Waits; the one place that does, so that tests can put another in its place. */

/** Resolves after `ms`, or at once when the signal says stop: whoever waits looks at the signal afterwards. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** What a timer can hold; with more it would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export const sleep: Sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(done, Math.min(ms, MAX_TIMER_MS));
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    if (signal?.aborted) done();
    else signal?.addEventListener('abort', done);
  });
