/** The one ticker: runs something again and again, never twice at once, until stopped. */
import type { Service } from './service.ts';

/** Waits `intervalMs` between the end of one run and the start of the next. `onError` hears of the first failure of a row: one trouble, one line in the log. */
export function every(
  name: string,
  intervalMs: number,
  run: () => Promise<unknown>,
  onError: (error: unknown) => void,
): Service {
  let timer: NodeJS.Timeout | undefined;
  let stopped = true;
  let current: Promise<void> = Promise.resolve();
  let isFailing = false;

  function failed(error: unknown): void {
    if (!isFailing) onError(error);
    isFailing = true;
  }

  function schedule(): void {
    timer = setTimeout(() => {
      current = run()
        .then(() => {
          isFailing = false;
        }, failed)
        .then(() => {
          if (!stopped) schedule();
        });
    }, intervalMs);
    timer.unref();
  }

  return {
    name,
    start: async () => {
      if (!stopped) return;
      stopped = false;
      schedule();
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}
