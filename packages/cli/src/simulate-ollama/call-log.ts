/** What a simulated server remembers of the calls it saw. */
import type { FaultName } from './faults.ts';

export type CallOutcome =
  | 'running'
  /** Answered as a healthy server would. */
  | 'completed'
  /** An empty call that only loaded or unloaded a model. */
  | 'loaded'
  | 'unloaded'
  /** Turned away before any work: the call is wrong, or the server is full. */
  | 'refused'
  /** Went wrong, by a fault or for want of context. */
  | 'failed'
  /** The caller left before the end. */
  | 'cancelled';

export interface CallRecord {
  /** 1 for the first since the start or the last reset. */
  readonly id: number;
  readonly route: string;
  /** As it came, if it was JSON; undefined once the bodies kept exceed 64 MiB, the oldest first. */
  body: unknown;
  /** This and the other moments: since 1970, in fractions of a millisecond. */
  readonly startedAtMs: number;
  endedAtMs: number | undefined;
  /** From here to `slotGivenAtMs` it held a slot; undefined if it never did. */
  slotTakenAtMs: number | undefined;
  slotGivenAtMs: number | undefined;
  outcome: CallOutcome;
  /** The HTTP status sent; undefined when none was. */
  status: number | undefined;
  fault: FaultName | undefined;
  /** Calls of its model that held a slot when this one got its own, itself included; 0 if it never got one. */
  concurrency: number;
}

/** How often one prompt was asked for, and how often it was answered to the end. */
export interface PromptCount {
  calls: number;
  completed: number;
}

export type CallCounters = Record<CallOutcome, number> & { calls: number };

export interface Call {
  readonly record: CallRecord;
  /** The prompts it asks about: the one of generate or chat, every input of an embedding. */
  asks(hashes: readonly string[]): void;
  /** Only the first word counts. */
  end(outcome: CallOutcome, status?: number): void;
}

export interface CallLog {
  begin(route: string, body: unknown, bodyBytes: number): Call;
  /** The last `count` calls, the oldest first. */
  recent(count?: number): CallRecord[];
  counters(): CallCounters;
  promptCalls(): Record<string, PromptCount>;
  reset(): void;
}

/** How many calls are kept. Counters and prompt counts have no such end. */
export const KEPT_CALLS = 10_000;
const CLOCK_STARTED_MS = performance.timeOrigin;
const KEPT_BODY_BYTES = 64 * 1024 * 1024;

const NO_CALLS: Readonly<CallCounters> = Object.freeze({
  calls: 0,
  running: 0,
  completed: 0,
  loaded: 0,
  unloaded: 0,
  refused: 0,
  failed: 0,
  cancelled: 0,
});

/** A moment by performance.now() on the clock of the records. */
export function sinceEpochMs(momentMs: number): number {
  return CLOCK_STARTED_MS + momentMs;
}

export function createCallLog(): CallLog {
  let ring: CallRecord[] = [];
  let bodySizes: number[] = [];
  let keptBytes = 0;
  let oldestBody = 1;
  let counters: CallCounters = { ...NO_CALLS };
  let prompts = new Map<string, PromptCount>();

  function keepBody(id: number, bytes: number): void {
    const place = (id - 1) % KEPT_CALLS;
    if (id > KEPT_CALLS && oldestBody <= id - KEPT_CALLS) {
      keptBytes -= bodySizes[place]!;
      oldestBody = id - KEPT_CALLS + 1;
    }
    bodySizes[place] = bytes;
    keptBytes += bytes;
    for (; keptBytes > KEPT_BODY_BYTES && oldestBody <= id; oldestBody++) {
      keptBytes -= bodySizes[(oldestBody - 1) % KEPT_CALLS]!;
      ring[(oldestBody - 1) % KEPT_CALLS]!.body = undefined;
    }
  }

  function begin(route: string, body: unknown, bodyBytes: number): Call {
    counters.calls += 1;
    counters.running += 1;
    const record: CallRecord = {
      id: counters.calls,
      route,
      body,
      startedAtMs: sinceEpochMs(performance.now()),
      endedAtMs: undefined,
      slotTakenAtMs: undefined,
      slotGivenAtMs: undefined,
      outcome: 'running',
      status: undefined,
      fault: undefined,
      concurrency: 0,
    };
    ring[(record.id - 1) % KEPT_CALLS] = record;
    keepBody(record.id, bodyBytes);
    // A call that outlives a reset must count where it began.
    const ownCounters = counters;
    let asked: PromptCount[] = [];
    return {
      record,
      asks: (hashes) => {
        asked = hashes.map((promptKey) => {
          const count = prompts.get(promptKey) ?? { calls: 0, completed: 0 };
          prompts.set(promptKey, count);
          count.calls += 1;
          return count;
        });
      },
      end: (outcome, status) => {
        if (record.outcome !== 'running') return;
        record.outcome = outcome;
        record.status = status;
        record.endedAtMs = sinceEpochMs(performance.now());
        ownCounters.running -= 1;
        ownCounters[outcome] += 1;
        if (outcome === 'completed') for (const count of asked) count.completed += 1;
      },
    };
  }

  return {
    begin,
    recent: (count = KEPT_CALLS) => {
      const newest = counters.calls;
      const length = Math.min(count, newest, KEPT_CALLS);
      return Array.from({ length }, (_, index) => ({ ...ring[(newest - length + index) % KEPT_CALLS]! }));
    },
    counters: () => ({ ...counters }),
    promptCalls: () => Object.fromEntries([...prompts].map(([key, count]) => [key, { ...count }])),
    reset: () => {
      ring = [];
      bodySizes = [];
      keptBytes = 0;
      oldestBody = 1;
      counters = { ...NO_CALLS };
      prompts = new Map();
    },
  };
}
