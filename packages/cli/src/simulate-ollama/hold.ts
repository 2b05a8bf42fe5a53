/** Where calls stop before their first token while the simulation is held, each in its slot. */
export interface Hold {
  /** Resolves when nothing is held, or the caller has left. */
  pass(signal: AbortSignal): Promise<void>;
  /** Call it when `isHeld` may have changed. */
  changed(): void;
}

export function createHold(isHeld: () => boolean): Hold {
  const stopped = new Set<() => void>();

  return {
    pass: async (signal) => {
      if (!isHeld() || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const proceed = () => {
          signal.removeEventListener('abort', proceed);
          stopped.delete(proceed);
          resolve();
        };
        signal.addEventListener('abort', proceed, { once: true });
        stopped.add(proceed);
      });
    },
    changed: () => {
      if (!isHeld()) for (const proceed of [...stopped]) proceed();
    },
  };
}
