/** Runs one thing at a time: whoever asks during a run gets one more run after it, however many ask. */

/** The promise resolves once a run has ended that began after the call. Errors go to `onError`. */
export function coalesced(work: () => Promise<void>, onError: (error: unknown) => void): () => Promise<void> {
  let current: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  function run(): Promise<void> {
    next = null;
    const running = work()
      .catch(onError)
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
