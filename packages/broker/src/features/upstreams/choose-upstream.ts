/** Decides which upstream takes a call, from what is known of each; pure. */

export interface Candidate {
  readonly isUp: boolean;
  readonly hasModel: boolean;
  /** Calls of one model it may carry at once. */
  readonly slots: number;
  /** Calls of this model it carries now. */
  readonly running: number;
  /** Calls of all models it carries now. */
  readonly runningAll: number;
}

/**
 * Upstreams that are up and have the model; when none has it, all that are up, because one of them will say so. An
 * upstream that has the model but no free slot keeps the call waiting: the others could only refuse it.
 */
function eligible(candidates: readonly Candidate[]): (candidate: Candidate) => boolean {
  const isKnown = candidates.some(({ isUp, hasModel }) => isUp && hasModel);
  return ({ isUp, hasModel }) => isUp && (hasModel || !isKnown);
}

/** How many calls of the model could start now. */
export function freeSlots(candidates: readonly Candidate[]): number {
  return candidates
    .filter(eligible(candidates))
    .reduce((sum, { slots, running }) => sum + Math.max(0, slots - running), 0);
}

/**
 * The index of the least loaded upstream with a free slot, or -1. Load is counted against slots: over all models first,
 * as they share the machine, then of this model. Among equals the first at or after `turn`, wrapping around.
 */
export function chooseUpstream(candidates: readonly Candidate[], turn: number): number {
  const isEligible = eligible(candidates);
  let best = -1;
  for (let step = 0; step < candidates.length; step++) {
    const index = (turn + step) % candidates.length;
    const candidate = candidates[index]!;
    if (!isEligible(candidate) || candidate.running >= candidate.slots) continue;
    if (best === -1 || isLessLoaded(candidate, candidates[best]!)) best = index;
  }
  return best;
}

/** Compares fractions crosswise, so that no rounding decides. */
function isLessLoaded(one: Candidate, other: Candidate): boolean {
  const all = one.runningAll * other.slots - other.runningAll * one.slots;
  return all < 0 || (all === 0 && one.running * other.slots < other.running * one.slots);
}
