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
  /** Absent while it runs. */
  end?: AttemptEnd;
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
  /** All that are kept, and the place of the oldest: a map that loses its first entry again and again finds it slowly. */
  const ring: { readonly requestId: string; readonly attempt: Attempt }[] = [];
  let oldest = 0;

  function keep(requestId: string, attempt: Attempt): void {
    attempts.set(requestId, attempt);
    const gone = ring[oldest];
    if (gone && attempts.get(gone.requestId) === gone.attempt) attempts.delete(gone.requestId);
    ring[oldest] = { requestId, attempt };
    oldest = (oldest + 1) % MOST_KEPT;
  }

  return {
    begun: ({ requestId, upstream, facts, timers }) => {
      if (requestId === undefined) return undefined;
      const attempt: Attempt = { upstream, at: now(), facts, timers };
      keep(requestId, attempt);
      return (timed) => {
        attempt.end = endOf(timed);
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
