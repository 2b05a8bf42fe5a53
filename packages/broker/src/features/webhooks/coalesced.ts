/** Runs one thing at a time: whoever asks during a run gets one more run after it, however many ask. */

/**
 * The promise resolves once a run has ended that began after the call. `onError` hears of the first failure of a row.
 * `restMs` pass after a run before the next begins, so that what comes thick and fast is done many at a time; after a
 * longer rest a run begins at once.
 */
export function coalesced(
  work: () => Promise<void>,
  onError: (error: unknown) => void,
  restMs = 0,
): () => Promise<void> {
  let current: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let isFailing = false;
  let endedMs = -Infinity;

  const restLeftMs = (): number => (restMs === 0 ? 0 : endedMs + restMs - performance.now());

  function failed(error: unknown): void {
    if (!isFailing) onError(error);
    isFailing = true;
  }

  function run(): Promise<void> {
    next = null;
    const running = work()
      .then(() => {
        isFailing = false;
      }, failed)
      .finally(() => {
        current = null;
        if (restMs > 0) endedMs = performance.now();
      });
    current = running;
    return running;
  }

  function runRested(): Promise<void> {
    const leftMs = restLeftMs();
    if (leftMs <= 0) return run();
    return new Promise((resolve) => setTimeout(resolve, Math.ceil(leftMs))).then(run);
  }

  return () => {
    if (next) return next;
    if (!current && restLeftMs() <= 0) return run();
    next = (current ?? Promise.resolve()).then(runRested);
    return next;
  };
}
