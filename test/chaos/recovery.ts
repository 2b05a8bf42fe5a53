/** How long it takes after a fault until work flows again: a pure function of probes and of what clients saw. */
import { type HistoryEvent, opsOf, type Seen } from './history.ts';
import type { Mark } from './nemesis.ts';
import type { Probe } from './prober.ts';

/** Milliseconds, of the worst fault of the run. */
export interface Recovery {
  /** Until every broker has completed a request that was sent after the fault, and the backlog moves; null: never. */
  readonly flowsMs: number | null;
  /** Until everything that waited when the fault was over has ended. */
  readonly drainedMs: number;
  /** The longest that a broker let a caller wait for its 202 or its refusal. */
  readonly slowestAnswerMs: number;
}

export interface Evidence {
  readonly brokers: readonly string[];
  readonly marks: readonly Mark[];
  readonly probes: readonly Probe[];
  readonly events: readonly HistoryEvent[];
  /** As they are after the run. */
  readonly requests: readonly Seen[];
  /** What `atMs` of an event is at 0, in milliseconds since 1970. */
  readonly epochMs: number;
}

/** A fault without a hold is over when it is done; another is over when its healing begins: a start is part of it. */
export const overAt = ({ injectedAt, healingAt, healedAt }: Mark): number =>
  healedAt - injectedAt < 1 ? injectedAt : healingAt;

export function recoveryOf(evidence: Evidence): Recovery {
  const moments = evidence.marks.map(overAt);
  const flows = moments.map((since) => flowsAfter(since, evidence));
  const spans = moments.flatMap((since) => backlog(since, evidence));
  return {
    flowsMs: flows.reduce<number | null>(
      (worst, ms) => (worst === null || ms === null ? null : Math.max(worst, ms)),
      0,
    ),
    drainedMs: Math.max(0, ...spans),
    slowestAnswerMs: Math.max(0, ...evidence.probes.map(({ sentAt, answeredAt }) => answeredAt - sentAt)),
  };
}

function flowsAfter(since: number, { brokers, probes, ...rest }: Evidence): number | null {
  const waits = brokers.map((name) => {
    const answers = probes.flatMap(({ broker, sentAt, completedAt }) =>
      broker === name && sentAt >= since && completedAt !== null ? [completedAt - since] : [],
    );
    return Math.min(...answers);
  });
  const moved = backlog(since, { brokers, probes, ...rest });
  const worst = Math.max(...waits, moved.length === 0 ? 0 : Math.min(...moved));
  return worst === Infinity ? null : Math.round(worst);
}

/** How long after `since` each request ended that had been accepted before and was still open. */
function backlog(since: number, { events, requests, epochMs }: Evidence): number[] {
  const accepted = new Set(
    opsOf(events).flatMap(({ intent, end, toMs }) =>
      intent.f === 'accept' && end?.type === 'ok' && toMs + epochMs < since ? [end.seen.id] : [],
    ),
  );
  return requests.flatMap(({ id, completedAt }) => {
    const lateMs = completedAt === null ? 0 : Date.parse(completedAt) - since;
    return accepted.has(id) && lateMs > 0 ? [lateMs] : [];
  });
}
