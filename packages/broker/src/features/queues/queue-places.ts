/** Counts the requests of each queue that have not ended, so that a queue takes as many as it may and no more. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueWork } from '../../engines/ledger/ledger.ts';

export interface QueuePlaces {
  /**
   * Runs `accept` with `count` places of the queue taken, and gives them back when nothing new came of it. False,
   * without running it, when more than `most` would not have ended; 0 is no limit. The answer's `isNew` says whether
   * the places are used.
   */
  take<T>(
    queue: string,
    most: number,
    accept: () => Promise<{ readonly isNew: boolean; readonly answer: T }>,
    count?: number,
  ): Promise<{ readonly answer: T } | false>;
  /** A request has ended; to be told once for each. */
  ended(queue: string): void;
  /** Compares with the rows; for queues with a limit. */
  look(queue: string, most: number): Promise<void>;
}

interface Count {
  /** Null until the rows were counted. */
  held: number | null;
  /** Places of requests that are being accepted now. */
  open: number;
  /** Since the start of this process. */
  taken: number;
  ended: number;
  lookAt: number;
  looking: Promise<void> | null;
}

/** Beyond the limit, so that a queue that holds far more does not look nearly empty after a few have ended. */
const BEYOND = 10_000;
/** Time for the end of a row, which the count of rows shows already, to be heard of here. */
const HEARD_MS = 100;
/** Of the time between two looks, the share that the counting may take. */
const LOOK_SHARE = 20;

/**
 * On one broker the count is exact: it hears of every request that comes and nearly every one that ends. The rows only
 * say between which bounds it must lie, and that mends what was not heard: what other brokers took and ended, what
 * expired, what a crash left behind. A look cannot move a count that is right, whatever happens while it counts.
 */
export function createQueuePlaces(workOf: (queue: string, most: number) => Promise<QueueWork>): QueuePlaces {
  const counts = new Map<string, Count>();

  function countOf(queue: string): Count {
    const known = counts.get(queue);
    if (known) return known;
    const count: Count = { held: null, open: 0, taken: 0, ended: 0, lookAt: 0, looking: null };
    counts.set(queue, count);
    return count;
  }

  async function compare(queue: string, most: number, count: Count): Promise<void> {
    const { open, taken, ended } = count;
    const startedMs = performance.now();
    const { pending, delayed, processing } = await workOf(queue, most + BEYOND);
    count.lookAt = performance.now() + LOOK_SHARE * (performance.now() - startedMs);
    await sleep(HEARD_MS);
    const rows = pending + delayed + processing;
    const atLeast = rows - (count.ended - ended);
    const atMost = rows + open + (count.taken - taken);
    count.held = count.held === null ? atMost : Math.min(Math.max(count.held, atLeast), atMost);
  }

  function looking(queue: string, most: number, count: Count): Promise<void> {
    count.looking ??= compare(queue, most, count).finally(() => (count.looking = null));
    return count.looking;
  }

  return {
    take: async (queue, most, accept, places = 1) => {
      const count = countOf(queue);
      if (most > 0 && count.held === null) await looking(queue, most, count);
      if (most > 0 && count.held! + places > most) return false;
      count.taken += places;
      count.open += places;
      if (count.held !== null) count.held += places;
      let isUsed = false;
      try {
        const { isNew, answer } = await accept();
        isUsed = isNew;
        return { answer };
      } finally {
        count.open -= places;
        if (!isUsed && count.held !== null) count.held -= places;
      }
    },
    ended: (queue) => {
      const count = countOf(queue);
      count.ended += 1;
      if (count.held !== null && count.held > 0) count.held -= 1;
    },
    look: async (queue, most) => {
      const count = countOf(queue);
      if (performance.now() >= count.lookAt) await looking(queue, most, count);
    },
  };
}
