/** The slots of one loaded model: a first-come-first-served semaphore that any number of callers may wait at. */

export interface SlotPeaks {
  maxRunning: number;
  maxWaiting: number;
}

export interface Slots {
  readonly running: number;
  readonly waiting: number;
  /** True with a slot; false when the caller left before one was free. */
  take(signal: AbortSignal): Promise<boolean>;
  give(): void;
  /** Lets waiting callers in when the limit has grown. */
  admit(): void;
}

export function createSlots(limit: () => number, peaks: SlotPeaks): Slots {
  const line: (() => void)[] = [];
  let running = 0;

  function enter(): void {
    running += 1;
    peaks.maxRunning = Math.max(peaks.maxRunning, running);
  }

  function admit(): void {
    while (running < limit() && line.length > 0) line.shift()!();
  }

  function wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const leave = () => {
        line.splice(line.indexOf(proceed), 1);
        resolve(false);
      };
      const proceed = () => {
        signal.removeEventListener('abort', leave);
        enter();
        resolve(true);
      };
      signal.addEventListener('abort', leave, { once: true });
      line.push(proceed);
      peaks.maxWaiting = Math.max(peaks.maxWaiting, line.length);
    });
  }

  return {
    get running() {
      return running;
    },
    get waiting() {
      return line.length;
    },
    take: async (signal) => {
      if (signal.aborted) return false;
      if (running >= limit() || line.length > 0) return wait(signal);
      enter();
      return true;
    },
    give: () => {
      running -= 1;
      admit();
    },
    admit,
  };
}
