/** The few formulas that the scenarios share. */

/** The middle one, or the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}

/** The least value that `share` (0 to 1) of all stay within. NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** Jain's index of fairness: 1 when all got the same, 1/n when one got everything. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return squares === 0 ? NaN : (sum * sum) / (shares.length * squares);
}

/** The time a call held a slot, by the clock of whoever ran it. */
export interface Occupation {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

export interface SlotUse {
  /** Time calls ran, of the time that all slots were there from the first start to the last end; 0 to 1. */
  readonly busyShare: number;
  /** The time without the tail, when there is nothing left to start: up to the last start. 0 to 1. */
  readonly busyShareWhileWaiting: number;
  /** From the end of a call to the start of the one that took its slot. */
  readonly gapsMs: readonly number[];
  readonly mostAtOnce: number;
  readonly makespanMs: number;
}

/** A slot that was freed first is taken first; which slot it was nobody can see. */
export function slotUse(calls: readonly Occupation[], slots: number): SlotUse {
  const starts = calls.map(({ startedAtMs }) => startedAtMs).sort((a, b) => a - b);
  const ends = calls.map(({ endedAtMs }) => endedAtMs).sort((a, b) => a - b);
  const [firstMs, lastMs, lastStartMs] = [starts[0]!, ends.at(-1)!, starts.at(-1)!];
  const busyUntil = (untilMs: number): number =>
    calls.reduce((sum, call) => sum + Math.min(call.endedAtMs, untilMs) - call.startedAtMs, 0) /
    (slots * Math.max(1, untilMs - firstMs));
  let ended = 0;
  let mostAtOnce = 0;
  for (const [started, startMs] of starts.entries()) {
    while (ends[ended]! <= startMs) ended += 1;
    mostAtOnce = Math.max(mostAtOnce, started + 1 - ended);
  }
  return {
    busyShare: busyUntil(lastMs),
    busyShareWhileWaiting: busyUntil(lastStartMs),
    gapsMs: starts.slice(slots).map((startMs, n) => Math.max(0, startMs - ends[n]!)),
    mostAtOnce,
    makespanMs: lastMs - firstMs,
  };
}
