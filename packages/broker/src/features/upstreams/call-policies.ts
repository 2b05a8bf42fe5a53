/** The circuit breaker of one model at one upstream. The only file that knows cockatiel. */
import {
  circuitBreaker,
  ConsecutiveBreaker,
  CountBreaker,
  handleWhenResult,
  type IBackoff,
  type IBreaker,
  type ICircuitBreakerOptions,
} from 'cockatiel';

/** `half_open`: one call at a time may show whether it works again. */
export type BreakerState = 'closed' | 'open' | 'half_open';

export interface CallBreaker {
  readonly state: BreakerState;
  /** Of the last change between closed and not closed, in milliseconds since 1970. */
  readonly since: number;
  /**
   * What a call showed, once it has ended; of the failures in a row of one request only the first counts. While open nothing is learned from calls that began before. Resolves when
   * `state` says what follows.
   */
  record(lesson: 'good' | 'bad', requestId?: string): Promise<void>;
  /** Forgets its timer. */
  stop(): void;
}

export interface BreakerPauses {
  /** From opening to the first probe; doubles with each probe that fails. */
  readonly firstMs: number;
  readonly longestMs: number;
}

export interface CallBreakerOptions {
  readonly pauses?: BreakerPauses;
  /** Hears `open` only when it was closed before: a failed probe changes nothing. */
  readonly onChange: (state: BreakerState) => void;
}

const PAUSES: BreakerPauses = { firstMs: 5_000, longestMs: 60_000 };
/** In a row, however long that takes: what opens it where calls are few. */
const MOST_IN_A_ROW = 5;
/** Half of the last 20 calls, once there are 10; cockatiel opens above its threshold, not at it. */
const SHARE = { threshold: 0.499, size: 20, minimumNumberOfCalls: 10 };

/**
 * cockatiel counts and decides; it is told the outcome of calls rather than given the calls, because it would make
 * others wait for a probe that may last minutes. The pause is a timer of ours: cockatiel would measure it with the
 * wall clock, which may step back.
 */
export function createCallBreaker({ pauses = PAUSES, onChange }: CallBreakerOptions): CallBreaker {
  let timer: NodeJS.Timeout | undefined;
  let state: BreakerState = 'closed';
  let since = Date.now();
  /** Requests that failed since the last good call. */
  const troubled = new Set<string>();

  const pause = (attempt: number): IBackoff<{ attempt: number }> => {
    const pauseMs = Math.min(pauses.longestMs, pauses.firstMs * 2 ** Math.min(attempt - 1, 30));
    timer = setTimeout(() => change('half_open'), pauseMs);
    timer.unref();
    return { duration: Number.NEGATIVE_INFINITY, next: (context) => pause(context.attempt) };
  };
  const halfOpenAfter: ICircuitBreakerOptions['halfOpenAfter'] = { next: ({ attempt }) => pause(attempt) };
  const policy = circuitBreaker(
    handleWhenResult((lesson) => lesson === 'bad'),
    { breaker: either(new ConsecutiveBreaker(MOST_IN_A_ROW), new CountBreaker(SHARE)), halfOpenAfter },
  );
  policy.onBreak(() => {
    if (state === 'closed') change('open');
    else state = 'open';
  });
  policy.onReset(() => change('closed'));

  /** A request that fails in each of its attempts speaks against itself, and would stop the model for everybody. */
  function isKnownTrouble(lesson: 'good' | 'bad', requestId: string | undefined): boolean {
    if (lesson === 'good') troubled.clear();
    if (lesson === 'good' || requestId === undefined) return false;
    const isKnown = troubled.has(requestId);
    troubled.add(requestId);
    return isKnown;
  }

  function change(next: BreakerState): void {
    if (next !== 'half_open') since = Date.now();
    state = next;
    onChange(next);
  }

  return {
    get state() {
      return state;
    },
    get since() {
      return since;
    },
    record: async (lesson, requestId) => {
      if (state === 'open' || (state === 'closed' && isKnownTrouble(lesson, requestId))) return;
      await policy.execute(() => lesson);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Opens when one of the two would. Both see every call. */
function either(one: IBreaker, other: IBreaker): IBreaker {
  return {
    state: undefined,
    success: (state) => {
      one.success(state);
      other.success(state);
    },
    failure: (state) => {
      const opens = [one.failure(state), other.failure(state)];
      return opens.includes(true);
    },
  };
}
