/** Decides which upstream takes a call, from what is known of each; pure. */

export interface Candidate {
  /** It answers; whether it is switched off shows in `limit`. */
  readonly isUp: boolean;
  readonly hasModel: boolean;
  /** Whether the model is loaded there now. */
  readonly isResident: boolean;
  /** How many models are. */
  readonly loaded: number;
  /** Its breaker waits for one call that shows whether it works again. */
  readonly isDue: boolean;
  /** Calls of one model it may carry at once. */
  readonly slots: number;
  /** How many of its slots calls of this model may use: fewer while it recovers, 0 while it takes none. */
  readonly capacity: number;
  /** The same for now: fewer while the model is loaded, or another one has its turn. */
  readonly limit: number;
  /** Calls of this model it carries now. */
  readonly running: number;
  /** Calls of all models it carries now. */
  readonly runningAll: number;
  /** Time an answer of usual length takes there; undefined when nothing is known. */
  readonly expectedMs: number | undefined;
}

/** Below this all are equally fast: the rest is noise. */
const FAST_MS = 20;
/** So many times slower than the fastest counts as equal, so that chance does not decide. */
const EQUALLY_FAST = 1.5;
/**
 * How much a full upstream counts against an idle one: one that is five times slower is filled only after it. One that
 * would have to load the model first counts as half full.
 */
const LOAD_WEIGHT = 4;

/**
 * Upstreams that are up and have the model; when none has it, all that are up, because one of them will say so. An
 * upstream that has the model but no free slot keeps the call waiting: the others could only refuse it.
 */
function eligible(candidates: readonly Candidate[]): (candidate: Candidate) => boolean {
  const isKnown = candidates.some(({ hasModel }) => hasModel);
  return ({ isUp, hasModel }) => isUp && (hasModel || !isKnown);
}

/** How many calls of the model could start now. */
export function freeSlots(candidates: readonly Candidate[]): number {
  const isEligible = eligible(candidates);
  let free = 0;
  for (const one of candidates) if (isEligible(one)) free += Math.max(0, one.limit - one.running);
  return free;
}

/** How many calls of the model could run at once, those that run now included. */
export function allSlots(candidates: readonly Candidate[]): number {
  const isEligible = eligible(candidates);
  let all = 0;
  for (const one of candidates) if (isEligible(one)) all += Math.max(0, one.capacity);
  return all;
}

/**
 * The index of the best upstream with a free slot, or -1: one whose breaker is due, or else the one where the call
 * should be answered first. Among equals one that has the model loaded, or fewer others, then the one with fewer calls
 * of it, then the first at or after `turn`, wrapping around.
 */
export function chooseUpstream(candidates: readonly Candidate[], turn: number): number {
  const isEligible = eligible(candidates);
  const fastestMs = fastestOf(candidates);
  let best = -1;
  for (let step = 0; step < candidates.length; step++) {
    const index = (turn + step) % candidates.length;
    const candidate = candidates[index]!;
    if (!isEligible(candidate) || candidate.running >= candidate.limit) continue;
    if (best === -1 || isBetter(candidate, candidates[best]!, fastestMs)) best = index;
  }
  return best;
}

function fastestOf(candidates: readonly Candidate[]): number {
  return candidates
    .filter(eligible(candidates))
    .reduce((least, { expectedMs }) => Math.min(least, expectedMs ?? least), Number.POSITIVE_INFINITY);
}

/** How many times slower than the fastest; one that nothing is known of counts as the fastest, so that it is tried. */
function slowness({ expectedMs }: Candidate, fastestMs: number): number {
  if (expectedMs === undefined || fastestMs === Number.POSITIVE_INFINITY) return 1;
  const ratio = Math.max(expectedMs, FAST_MS) / Math.max(fastestMs, FAST_MS);
  return ratio < EQUALLY_FAST ? 1 : ratio;
}

function isBetter(one: Candidate, other: Candidate, fastestMs: number): boolean {
  if (one.isDue !== other.isDue) return one.isDue;
  const wait = waitOf(one, other.slots, fastestMs) - waitOf(other, one.slots, fastestMs);
  if (wait !== 0) return wait < 0;
  if (one.isResident !== other.isResident) return one.isResident;
  if (!one.isResident && one.loaded !== other.loaded) return one.loaded < other.loaded;
  return one.running * other.slots < other.running * one.slots;
}

/**
 * Slowness times (1 + 4 · load), so that one which only seems slow still gets calls, and its pace is seen again. Load is
 * counted over all models, as they share the machine. Multiplied by both slots instead of divided, so that no rounding
 * decides among equally fast ones.
 */
function waitOf(candidate: Candidate, otherSlots: number, fastestMs: number): number {
  const { slots, runningAll, isResident } = candidate;
  const load = isResident ? runningAll : runningAll + slots / 2;
  return slowness(candidate, fastestMs) * (slots + LOAD_WEIGHT * load) * otherSlots;
}

export type ChoiceReason =
  | 'breaker_probe'
  | 'only_one'
  | 'answers_first'
  | 'model_loaded'
  | 'fewest_calls'
  | 'next_in_turn'
  | 'no_free_slot'
  | 'none_up';

/** What `chooseUpstream` chooses and why; while no slot is free, where the call would go if one became free everywhere. */
export function explainChoice(
  candidates: readonly Candidate[],
  turn: number,
): { readonly index: number; readonly reason: ChoiceReason } {
  const index = chooseUpstream(candidates, turn);
  if (index === -1) {
    const freed = candidates.map((one) =>
      one.limit > 0 ? { ...one, running: Math.min(one.running, one.limit - 1) } : one,
    );
    const first = chooseUpstream(freed, turn);
    return { index: first, reason: first === -1 ? 'none_up' : 'no_free_slot' };
  }
  const isEligible = eligible(candidates);
  const fastestMs = fastestOf(candidates);
  const chosen = candidates[index]!;
  const others = candidates.filter((one, at) => at !== index && isEligible(one) && one.running < one.limit);
  // Whether the model is loaded there is a reason of its own.
  const slower = (one: Candidate): boolean =>
    waitOf(chosen, one.slots, fastestMs) <
    waitOf({ ...one, isResident: chosen.isResident }, chosen.slots, fastestMs);
  const equals = others.filter((one) => !slower(one));
  if (chosen.isDue) return { index, reason: 'breaker_probe' };
  if (others.length === 0) return { index, reason: 'only_one' };
  if (equals.length === 0) return { index, reason: 'answers_first' };
  if (chosen.isResident && !equals.some((one) => one.isResident)) return { index, reason: 'model_loaded' };
  const isBusier = (one: Candidate): boolean => one.running * chosen.slots > chosen.running * one.slots;
  return { index, reason: equals.every(isBusier) ? 'fewest_calls' : 'next_in_turn' };
}
