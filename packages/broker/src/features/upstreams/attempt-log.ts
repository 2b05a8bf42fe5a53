/** Remembers what the timers of the last calls were made of, for operators who ask why. In this process only. */
import type { CallOutcome, CallTimers } from './ollama-client.ts';
import type { TimerName } from './ollama-errors.ts';
import type { TimerFacts } from './plan-timers.ts';
import type { TimedOutcome } from './time-call.ts';

/** One call of a request, at one upstream. */
export interface Attempt {
  readonly upstream: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly facts: TimerFacts;
  readonly timers: CallTimers;
  /** Undefined while it runs. */
  readonly end?: AttemptEnd;
}

/** Nothing of the answer itself. */
export interface AttemptEnd extends Pick<TimedOutcome, 'firstTokenMs' | 'tookMs'> {
  readonly kind: CallOutcome['kind'];
  readonly code?: string;
  /** The timer that ran out. */
  readonly timer?: TimerName;
}

export interface AttemptLog {
  /** What it returns is called when the call has ended; undefined for a call of no request. */
  begun(
    attempt: Omit<Attempt, 'at' | 'end'> & { readonly requestId: string | undefined },
  ): ((result: TimedOutcome) => void) | undefined;
  /** Of this request, if it is not too long ago. */
  last(requestId: string): Attempt | undefined;
}

const MOST_KEPT = 2_000;

export function createAttemptLog(now: () => number): AttemptLog {
  const attempts = new Map<string, Attempt>();
  return {
    begun: ({ requestId, ...begun }) => {
      if (requestId === undefined) return undefined;
      const attempt: Attempt = { ...begun, at: now() };
      attempts.delete(requestId);
      attempts.set(requestId, attempt);
      if (attempts.size > MOST_KEPT) attempts.delete(attempts.keys().next().value!);
      return (timed) => {
        if (attempts.get(requestId) === attempt) attempts.set(requestId, { ...attempt, end: endOf(timed) });
      };
    },
    last: (requestId) => attempts.get(requestId),
  };
}

function endOf({ outcome, firstTokenMs, tookMs }: TimedOutcome): AttemptEnd {
  const { kind } = outcome;
  if (kind !== 'failed') return { kind, firstTokenMs, tookMs };
  const { code, timer } = outcome;
  return { kind, code, timer, firstTokenMs, tookMs };
}
