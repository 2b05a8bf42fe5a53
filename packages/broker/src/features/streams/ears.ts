/** Those who listen to a request here: woken by everything new, by its end, and by nothing for a while. */

export interface Ear {
  /** Whether the request was said to have ended since this was last asked. */
  takeEnd(): boolean;
  /** Until something is new, or `ms` are over, or the signal fires. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  readonly ring: () => void;
  close(): void;
}

export interface Ears {
  open(id: string): Ear;
  ended(id: string): void;
}

export function createEars(): Ears {
  const ears = new Map<string, Set<() => void>>();

  function open(id: string): Ear {
    let isRung = false;
    let hasEnded = false;
    let wake = (): void => {};
    const ring = (): void => {
      isRung = true;
      wake();
    };
    const end = (): void => {
      hasEnded = true;
      ring();
    };
    const all = ears.get(id) ?? new Set();
    ears.set(id, all);
    all.add(end);

    function wait(ms: number, signal: AbortSignal): Promise<void> {
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          wake = () => {};
          isRung = false;
          resolve();
        };
        const timer = setTimeout(done, ms);
        if (isRung || signal.aborted) return done();
        wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
    }

    return {
      ...{ ring, wait },
      takeEnd: () => {
        const had = hasEnded;
        hasEnded = false;
        return had;
      },
      close: () => {
        all.delete(end);
        if (all.size === 0 && ears.get(id) === all) ears.delete(id);
      },
    };
  }

  return {
    open,
    ended: (id) => {
      for (const end of ears.get(id) ?? []) end();
    },
  };
}
