/** How fast requests end here, from those that ended lately: when a place in a full queue will be free. */

export interface DrainRate {
  ended(nowMs: number): void;
  /** Until one more has ended, as far as one can tell. */
  waitMs(nowMs: number): number;
}

const SECONDS = 30;
const UNKNOWN_MS = 10_000;
const LEAST_MS = 1_000;
const MOST_MS = 60_000;

export function createDrainRate(): DrainRate {
  const counts = new Map<number, number>();

  function forget(second: number): void {
    for (const old of counts.keys()) if (old <= second - SECONDS) counts.delete(old);
  }

  return {
    ended: (nowMs) => {
      const second = Math.floor(nowMs / 1000);
      if (!counts.has(second)) forget(second);
      counts.set(second, (counts.get(second) ?? 0) + 1);
    },
    waitMs: (nowMs) => {
      forget(Math.floor(nowMs / 1000));
      const ended = [...counts.values()].reduce((sum, count) => sum + count, 0);
      if (ended === 0) return UNKNOWN_MS;
      return Math.min(MOST_MS, Math.max(LEAST_MS, (SECONDS * 1000) / ended));
    },
  };
}
