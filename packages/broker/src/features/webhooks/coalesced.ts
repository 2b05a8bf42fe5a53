/** Runs one thing at a time: whoever asks during a run gets one more run after it, however many ask. */

/** The promise resolves once a run has ended that began after the call. `onError` hears of the first failure of a row. */
export function coalesced(work: () => Promise<void>, onError: (error: unknown) => void): () => Promise<void> {
  let current: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let isFailing = false;

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
      });
    current = running;
    return running;
  }

  return () => {
    if (next) return next;
    if (!current) return run();
    next = current.then(run);
    return next;
  };
}
