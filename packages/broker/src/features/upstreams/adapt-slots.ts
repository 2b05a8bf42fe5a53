/**
 * Decides how many calls of one model run at once at an upstream that nobody has told how many; pure.
 *
 * Calls are looked at in rounds, only those that began at the present number and had all of it in use. After a round the
 * number is kept, or one more is tried. What is tried stays when all calls together got that much faster; otherwise it
 * goes back, and the next trial has to wait longer. It also goes back when calls begin to wait in Ollama's own queue or
 * get far slower than they were, and is halved when the server says that it is full.
 */

export type SlotReason = 'more_tokens' | 'no_more_tokens' | 'first_token_late' | 'calls_slow' | 'busy';

export interface SlotChange {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly reason: SlotReason | 'trial';
}

/** One call that was answered; loading the model is no part of it. */
export interface SlotSample {
  /** As it was when the call began. */
  readonly generation: number;
  readonly tokens: number;
  readonly tookMs: number;
  readonly firstTokenMs: number;
  /** Spent in the queue of the server. */
  readonly queuedMs: number;
  /** Calls of the model at once, this one included. */
  readonly running: number;
}

/** Means of a round. */
interface Measure {
  /** Of all calls together. */
  readonly tokensPerMs: number;
  readonly callTokensPerMs: number;
  readonly firstTokenMs: number;
  readonly tookMs: number;
  readonly queuedMs: number;
}

export interface AdaptiveSlots {
  readonly slots: number;
  /** Grows with each change. */
  readonly generation: number;
  readonly lastChange: SlotChange | null;
  readonly round: readonly SlotSample[];
  /** What the number came to that is known to be good; null while it is measured. */
  readonly good: Measure | null;
  readonly isTrial: boolean;
  /** Rounds until the next trial, and how many there will be after one that fails. */
  readonly rest: number;
  readonly nextRest: number;
}

export const SLOTS = { start: 1, least: 1, most: 16 };
const ROUND = { least: 6, perSlot: 3 };
const REST = { first: 8, longest: 64 };
/** Of what one more slot would bring if nothing was shared; less than 5 % is noise. */
const LEAST_GAIN = { share: 0.3, noise: 0.05 };
/** A first token may come so much later than with one slot less. */
const LATE = { times: 2, ms: 250 };
/** Of a call's time may be spent in Ollama's queue more than before. */
const QUEUED_SHARE = 0.05;
/** A call gets at least so much of what it got: less than a half would come of one more alone. */
const SLOW = { trial: 0.45, later: 0.4 };
/** How fast what is good follows what is measured, so that only a collapse is one. */
const NEWEST = 0.2;

export const FIRST_SLOTS: AdaptiveSlots = {
  ...{ slots: SLOTS.start, generation: 0, lastChange: null, round: [], good: null },
  ...{ isTrial: false, rest: 0, nextRest: REST.first },
};

/** After a call that was answered. */
export function slotsAfter(state: AdaptiveSlots, sample: SlotSample, nowMs: number): AdaptiveSlots {
  if (sample.generation !== state.generation || sample.running < state.slots) return state;
  const round = [...state.round, sample];
  if (round.length < Math.max(ROUND.least, ROUND.perSlot * state.slots)) return { ...state, round };
  const measure = measureOf(round, state.slots);
  return state.isTrial ? judgeTrial(state, measure, nowMs) : judge(state, measure, nowMs);
}

/** After the server said that it is full; what began before the last change says nothing. */
export function slotsAfterBusy(state: AdaptiveSlots, generation: number, nowMs: number): AdaptiveSlots {
  if (generation !== state.generation) return state;
  const resting = { ...state, ...restAfterFailure(state), isTrial: false, good: null, round: [] };
  const to = Math.max(SLOTS.least, Math.floor(state.slots / 2));
  return to === state.slots ? resting : changed(resting, to, 'busy', nowMs);
}

function judgeTrial(state: AdaptiveSlots, measure: Measure, nowMs: number): AdaptiveSlots {
  const good = state.good!;
  const before = state.slots - 1;
  const gain = measure.tokensPerMs / good.tokensPerMs - 1;
  const leastGain = Math.max(LEAST_GAIN.noise, LEAST_GAIN.share / before);
  const problem = problemOf(measure, good, SLOW.trial) ?? (gain < leastGain ? 'no_more_tokens' : null);
  if (problem) {
    const back = { ...state, ...restAfterFailure(state), isTrial: false };
    return changed(back, before, problem, nowMs);
  }
  const kept = { ...state, good: measure, nextRest: REST.first };
  if (state.slots < SLOTS.most) return changed(kept, state.slots + 1, 'more_tokens', nowMs);
  return { ...kept, isTrial: false, rest: REST.first, round: [] };
}

function judge(state: AdaptiveSlots, measure: Measure, nowMs: number): AdaptiveSlots {
  const { slots, rest } = state;
  const problem = state.good && problemOf(measure, state.good, SLOW.later);
  // Held against what was good before, down to one slot if need be: that is the new standard then.
  if (problem && slots > SLOTS.least)
    return changed({ ...state, rest: REST.first }, slots - 1, problem, nowMs);
  const good = state.good && !problem ? mixed(state.good, measure) : measure;
  if (rest > 0 || slots >= SLOTS.most) return { ...state, good, rest: Math.max(0, rest - 1), round: [] };
  return changed({ ...state, good, isTrial: true }, slots + 1, 'trial', nowMs);
}

function problemOf(measure: Measure, good: Measure, leastShare: number): SlotReason | null {
  const isLate = measure.firstTokenMs > LATE.times * good.firstTokenMs + LATE.ms;
  const isQueued = measure.queuedMs > good.queuedMs + QUEUED_SHARE * measure.tookMs;
  if (isLate || isQueued) return 'first_token_late';
  return measure.callTokensPerMs < leastShare * good.callTokensPerMs ? 'calls_slow' : null;
}

function restAfterFailure({ nextRest }: AdaptiveSlots): Pick<AdaptiveSlots, 'rest' | 'nextRest'> {
  return { rest: nextRest, nextRest: Math.min(REST.longest, 2 * nextRest) };
}

function changed(
  state: AdaptiveSlots,
  to: number,
  reason: SlotChange['reason'],
  nowMs: number,
): AdaptiveSlots {
  const lastChange = { at: nowMs, from: state.slots, to, reason };
  return { ...state, slots: to, generation: state.generation + 1, round: [], lastChange };
}

/** All slots were in use, so what all calls got together is what one of them got, as often as there are slots. */
function measureOf(round: readonly SlotSample[], slots: number): Measure {
  const sum = (of: (sample: SlotSample) => number): number => round.reduce((all, one) => all + of(one), 0);
  const callTokensPerMs =
    sum(({ tokens }) => Math.max(1, tokens)) /
    Math.max(
      1e-3,
      sum((one) => one.tookMs),
    );
  return {
    callTokensPerMs,
    tokensPerMs: slots * callTokensPerMs,
    firstTokenMs: sum((one) => one.firstTokenMs) / round.length,
    tookMs: sum((one) => one.tookMs) / round.length,
    queuedMs: sum((one) => one.queuedMs) / round.length,
  };
}

function mixed(good: Measure, newest: Measure): Measure {
  const mix = (name: keyof Measure): number => good[name] + NEWEST * (newest[name] - good[name]);
  return {
    ...{ tokensPerMs: mix('tokensPerMs'), callTokensPerMs: mix('callTokensPerMs') },
    ...{ firstTokenMs: mix('firstTokenMs'), tookMs: mix('tookMs'), queuedMs: mix('queuedMs') },
  };
}
