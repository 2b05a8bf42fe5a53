/** A limit on how long somebody waits for work; the work itself goes on. */

const STEPS = 4;

interface Waiting {
  left: number;
  readonly giveUp: () => void;
}

/** All that wait equally long share one timer: one of its own for each would cost more than what most of them wait for. */
interface Ticker {
  readonly waiting: Set<Waiting>;
  timer: NodeJS.Timeout | null;
}

const tickers = new Map<number, Ticker>();

/**
 * Rejects with what `late` makes when `work` takes longer than this, and a quarter of it at most. A process that stood
 * still meanwhile has not read the answers yet, so the time is counted in steps between which the event loop gets to
 * read.
 */
export function inTime<T>(work: Promise<T>, limitMs: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const ticker = tickers.get(limitMs) ?? newTicker(limitMs);
    // The step that runs already is not counted.
    const waiting = { left: ticker.timer ? STEPS + 1 : STEPS, giveUp: () => reject(late()) };
    ticker.waiting.add(waiting);
    ticker.timer ??= setInterval(step, limitMs / STEPS, limitMs);
    const done = (): void => leave(limitMs, waiting);
    work.then(
      (value) => {
        done();
        resolve(value);
      },
      (error: unknown) => {
        done();
        reject(error as Error);
      },
    );
  });
}

function newTicker(limitMs: number): Ticker {
  const ticker = { waiting: new Set<Waiting>(), timer: null };
  tickers.set(limitMs, ticker);
  return ticker;
}

function step(limitMs: number): void {
  for (const waiting of tickers.get(limitMs)!.waiting) {
    waiting.left -= 1;
    if (waiting.left > 0) continue;
    leave(limitMs, waiting);
    waiting.giveUp();
  }
}

/** An idle process has no timer. */
function leave(limitMs: number, waiting: Waiting): void {
  const ticker = tickers.get(limitMs)!;
  ticker.waiting.delete(waiting);
  if (ticker.waiting.size > 0) return;
  clearInterval(ticker.timer ?? undefined);
  ticker.timer = null;
}
