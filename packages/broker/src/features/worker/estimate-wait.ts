/** Estimates when a waiting request starts, from what stands before it in line; pure. */

/** Requests of one key that wait for the same model. */
export interface Waiting {
  /** The band after ageing. */
  readonly rank: number;
  readonly rows: number;
  /** Slot time the key had, by its weight. */
  readonly hadMs: number;
  readonly weight: number;
  /** Slot time that one of its rows takes. */
  readonly costMs: number;
  /** Slots that it has used lately: so much more will come of it. */
  readonly uses: number;
}

export interface Line {
  /** Calls of the model that can run at once, and those that could start now. */
  readonly slots: number;
  readonly free: number;
  /** Rows that are claimed already and wait for a slot. */
  readonly claimed: number;
  /** `rows`: those before the request in its own lane; `atOnce`: how many of its key may run at once. */
  readonly mine: Waiting & { readonly atOnce: number };
  /** Other lanes of the same key: they take turns with its own. */
  readonly siblings: readonly Waiting[];
  readonly others: readonly Waiting[];
}

export interface WaitEstimate {
  /** How many start before it as things stand, and it: 1 is next. */
  readonly position: number;
  /** Until it starts; null while nothing can start. */
  readonly etaMs: number | null;
}

/** Estimates are settled after so many steps; each one brings what comes meanwhile nearer to a share. */
const STEPS = 12;

/**
 * As the slots are shared out: all rows of a higher rank come before; of the same rank each key gets as much slot time
 * by its weight as this one until its row starts, and the more or less that it had before; of a lower rank none. The place counts
 * what waits now. The time counts what will come as well, because others go on sending.
 */
export function estimateWait({ slots, free, claimed, mine, siblings, others }: Line): WaitEstimate {
  const own = mine.rows + sum(siblings.map((one) => rowsBefore(one, mine.rank, mine.rows)));
  const ownMs = own * mine.costMs;
  const shareMs = ({ hadMs, weight }: Waiting): number =>
    Math.max(0, ownMs / mine.weight + mine.hadMs - hadMs) * weight;
  const theirs = others.map((one) => rowsBefore(one, mine.rank, Math.floor(shareMs(one) / one.costMs)));
  const before = claimed + own + sum(theirs);
  return { position: before + 1, etaMs: slots > 0 ? Math.round(waitMs()) : null };

  function waitMs(): number {
    const capMs = mine.atOnce < slots && own >= mine.atOnce ? ownMs / mine.atOnce : 0;
    // Calls that run now are half over, on the average.
    if (before < free) return capMs;
    const restMs = (0.5 - free) * mine.costMs;
    let ms = 0;
    for (let step = 0; step < STEPS; step++) {
      const theirMs = sum(others.map((one) => slotMsWithin(one, ms)));
      ms = Math.max(0, (claimed * mine.costMs + ownMs + theirMs + restMs) / slots);
    }
    return Math.max(ms, capMs);
  }

  /** What a key gets of the slots until so much time has passed. */
  function slotMsWithin(one: Waiting, ms: number): number {
    if (one.rank < mine.rank) return 0;
    const wantedMs = one.rows * one.costMs + one.uses * ms;
    return one.rank > mine.rank ? wantedMs : Math.min(wantedMs, shareMs(one));
  }
}

function rowsBefore({ rank, rows }: Waiting, ownRank: number, share: number): number {
  if (rank !== ownRank) return rank > ownRank ? rows : 0;
  return Math.min(rows, share);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
