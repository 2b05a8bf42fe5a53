/** A limit on how long somebody waits for work; the work itself goes on. */

const STEPS = 4;

/**
 * Rejects with what `late` makes when `work` takes longer than this. A process that stood still meanwhile has not read
 * the answers yet, so the time is counted in steps between which the event loop gets to read.
 */
export function inTime<T>(work: Promise<T>, limitMs: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    let left = STEPS;
    let timer: NodeJS.Timeout;
    const step = (): void => {
      if (left === 0) return reject(late());
      left -= 1;
      timer = setTimeout(step, limitMs / STEPS);
    };
    step();
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
