/** What is known of one model at one upstream: calls under way, its breaker, how it recovers, how fast it is. */
import type { Clock } from '../../kernel/clock.ts';
import {
  createCallBreaker,
  type BreakerPauses,
  type BreakerState,
  type CallBreaker,
} from './call-policies.ts';
import { lessonOf } from './judge-outcome.ts';
import { expectedMs, paceAfter, paceAfterTimeout, type Pace } from './pace.ts';
import { FIRST_SLOTS, slotsAfter, slotsAfterBusy, type SlotChange } from './adapt-slots.ts';
import { promptTokensOf, type TimerFacts } from './plan-timers.ts';
import { startRecovery, type Recovery } from './recovery.ts';
import { NO_SPEED, speedAfter, speedAfterGivenUp, type Speed } from './speed.ts';
import type { TimedOutcome } from './time-call.ts';
import type { BreakerMode } from './upstream-store.ts';

/** One call that has ended. */
export interface EndedCall extends TimedOutcome {
  readonly requestId?: string;
  /** What its timers were made of. */
  readonly facts: TimerFacts;
  /** Calls of all models at the upstream, this one included. */
  readonly calls: number;
  /** Calls of the model when it began. */
  readonly ofModel: number;
  /** Of the slots, as it was when the call began. */
  readonly slotGeneration: number;
}

export interface ModelRecord {
  readonly key: string;
  readonly running: number;
  readonly breaker: BreakerState;
  /** When the breaker last opened or closed, in milliseconds since 1970. */
  readonly since: number;
  /** What the last failure that counts was. */
  readonly lastError: string | undefined;
  readonly speed: Speed;
  /** Calls of the model that may run at once: as it was fixed, or as they turned out to be best. */
  readonly slots: number;
  readonly slotGeneration: number;
  readonly slotsChange: SlotChange | null;
  /** Time an answer of usual length takes, undefined when nothing is known. */
  expectedMs(): number | undefined;
  /** How many of the slots may be used, of `limit` that the upstream as a whole has to give. */
  limit(limit: number): number;
  /** Takes a slot; true when the call is the one that shows whether the model works again. */
  enter(): boolean;
  leave(isProbe: boolean): void;
  learn(call: EndedCall, isProbe: boolean): Promise<void>;
  /** The mode has changed: what the breaker knew is forgotten. */
  resetBreaker(): void;
  stop(): void;
}

export interface ModelRecordDeps {
  readonly clock: Clock;
  readonly mode: () => BreakerMode;
  readonly slots: () => number | 'auto';
  readonly pauses?: BreakerPauses;
  readonly recoveryStepMs?: number;
  readonly onSlots: (change: SlotChange) => void;
  readonly onBreaker: (state: BreakerState, lastError: string | undefined) => void;
  /** More calls may start than before. */
  readonly onFree: () => void;
}

export function createModelRecord(key: string, deps: ModelRecordDeps): ModelRecord {
  const { clock, mode, pauses, recoveryStepMs, onBreaker, onSlots, onFree } = deps;
  let breaker = newBreaker();
  let recovery: Recovery | null = null;
  let pace: Pace | undefined;
  let speed = NO_SPEED;
  let adaptive = FIRST_SLOTS;
  let lastError: string | undefined;
  let running = 0;
  let isProbing = false;

  function newBreaker(): CallBreaker {
    return createCallBreaker({ pauses, onChange: breakerChanged });
  }

  function breakerChanged(state: BreakerState): void {
    recovery?.stop();
    recovery = state === 'closed' ? startRecovery(onFree, recoveryStepMs) : null;
    onBreaker(state, lastError);
    if (state !== 'open') onFree();
  }

  function state(): BreakerState {
    const forced = mode();
    return forced === 'auto' ? breaker.state : forced;
  }

  function notePace({ outcome, firstTokenMs, tookMs }: TimedOutcome): void {
    if (outcome.kind === 'answered') {
      const beforeMs = firstTokenMs ?? tookMs;
      const sample = {
        firstTokenMs: Math.max(0, beforeMs - outcome.durations.loadMs),
        restMs: tookMs - beforeMs,
        tokens: outcome.completionTokens,
      };
      pace = paceAfter(pace, sample, clock.now());
    } else if (outcome.kind === 'failed' && outcome.code === 'upstream_timeout')
      pace = paceAfterTimeout(pace, tookMs, clock.now());
  }

  function noteSpeed(call: EndedCall): void {
    const { outcome, facts, connectMs, firstTokenMs, tookMs, longestGapMs, silentMs, calls } = call;
    if (outcome.kind === 'answered') {
      const { promptTokens, completionTokens: tokens, durations } = outcome;
      const { loadMs, promptMs } = durations;
      const timed = { connectMs, firstTokenMs: firstTokenMs ?? tookMs, tookMs, longestGapMs };
      speed = speedAfter(speed, { ...timed, calls, promptTokens, tokens, loadMs, promptMs });
    } else if (outcome.kind === 'cancelled' || (outcome.kind === 'failed' && outcome.timer)) {
      const { size, isWarm } = facts;
      const timed = { connectMs, firstTokenMs, tookMs, silentMs };
      const promptTokens = promptTokensOf(size);
      speed = speedAfterGivenUp(speed, { ...timed, promptTokens, maxTokens: size.maxTokens, isWarm });
    }
  }

  function slots(): number {
    const fixed = deps.slots();
    return fixed === 'auto' ? adaptive.slots : fixed;
  }

  function noteSlots({ outcome, ofModel, slotGeneration, firstTokenMs, tookMs }: EndedCall): void {
    if (deps.slots() !== 'auto') return;
    const before = adaptive;
    if (outcome.kind === 'busy') adaptive = slotsAfterBusy(before, slotGeneration, clock.now());
    else if (outcome.kind === 'answered') {
      const { durations, embeddings, promptTokens, completionTokens } = outcome;
      const tokens = embeddings ? promptTokens : completionTokens;
      const sample = {
        ...{ generation: slotGeneration, tokens, running: Math.max(ofModel, running) },
        tookMs: Math.max(0, tookMs - durations.loadMs),
        // Vectors come all at once: how long they take hangs on how many there are.
        firstTokenMs: embeddings ? 0 : Math.max(0, (firstTokenMs ?? tookMs) - durations.loadMs),
        queuedMs: durations.hiddenQueueMs,
      };
      adaptive = slotsAfter(before, sample, clock.now());
    }
    if (adaptive.lastChange && adaptive.lastChange !== before.lastChange) onSlots(adaptive.lastChange);
  }

  function stop(): void {
    breaker.stop();
    recovery?.stop();
    recovery = null;
  }

  return {
    key,
    get running() {
      return running;
    },
    get breaker() {
      return state();
    },
    get since() {
      return breaker.since;
    },
    get lastError() {
      return lastError;
    },
    get speed() {
      return speed;
    },
    get slots() {
      return slots();
    },
    get slotGeneration() {
      return adaptive.generation;
    },
    get slotsChange() {
      return deps.slots() === 'auto' ? adaptive.lastChange : null;
    },
    expectedMs: () => expectedMs(pace, clock.now()),
    limit: (limit) => {
      const now = state();
      if (now === 'open' || (now === 'half_open' && isProbing)) return 0;
      if (now === 'half_open') return Math.min(limit, running + 1);
      return Math.min(limit, recovery?.limit(slots()) ?? limit);
    },
    enter: () => {
      const isProbe = state() === 'half_open';
      if (isProbe) isProbing = true;
      running += 1;
      return isProbe;
    },
    leave: (isProbe) => {
      if (isProbe) isProbing = false;
      running -= 1;
    },
    learn: async (call, isProbe) => {
      notePace(call);
      noteSpeed(call);
      noteSlots(call);
      const lesson = lessonOf(call.outcome);
      if (lesson === 'good') recovery?.succeeded();
      if (lesson === 'bad' && call.outcome.kind === 'failed') lastError = call.outcome.message;
      if (lesson === 'none' || mode() !== 'auto') return;
      // While it is not closed only the probe counts: the others began before it opened.
      if (isProbe || breaker.state === 'closed') await breaker.record(lesson, call.requestId);
    },
    resetBreaker: () => {
      stop();
      breaker = newBreaker();
    },
    stop,
  };
}
