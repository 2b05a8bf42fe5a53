/** The load as scenarios use it; it is made in a process of its own, see generator.ts. */
import { startChild } from './child.ts';
import type { Summary } from './histogram.ts';
import type { RequestPlan } from './request-plan.ts';

/** Numbers are given by the load, so that prompts differ over a whole run. */
export type NumberedRequests = RequestPlan & { readonly firstNumber?: number };

export interface ClosedPlan {
  readonly requests: NumberedRequests;
  readonly connections: number;
  /** One of the two. */
  readonly count?: number;
  readonly durationMs?: number;
  readonly keepIds?: boolean;
}

export interface OpenPlan {
  readonly requests: NumberedRequests;
  /** The most that are open at once; arrivals beyond wait, and their wait counts. */
  readonly connections: number;
  readonly perSecond: number;
  readonly count: number;
}

export interface FollowPlan {
  readonly requests: NumberedRequests;
  readonly count: number;
  /** Between the end of one request and the next. */
  readonly pauseMs: number;
}

export interface LoadResult {
  /** Answers; the first of each connection of a closed loop has no part in `latency`. */
  readonly count: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly latency: Summary;
  /** How often each status came; 0 is a broken connection. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly ids: readonly string[];
  /** From sending to the end of the request; of `follow` only. */
  readonly end: Summary | null;
}

export interface LoadOrder {
  readonly kind: 'closed' | 'open' | 'follow';
  readonly plan: ClosedPlan | OpenPlan | FollowPlan;
  readonly number: number;
}

export interface Load {
  closed(plan: ClosedPlan): Promise<LoadResult>;
  open(plan: OpenPlan): Promise<LoadResult>;
  follow(plan: FollowPlan): Promise<LoadResult>;
  readonly pid: number;
  stop(): Promise<void>;
}

/** More than any plan with a duration can send. */
const NUMBERS_OF_A_TIMED_PLAN = 2_000_000;

export async function startLoad(): Promise<Load> {
  const child = await startChild(new URL('./generator.ts', import.meta.url));
  let next = 0;
  const order = (kind: LoadOrder['kind'], plan: LoadOrder['plan']): Promise<LoadResult> => {
    const firstNumber = next;
    next += plan.count ?? NUMBERS_OF_A_TIMED_PLAN;
    return child.ask({ kind, plan: { ...plan, requests: { firstNumber, ...plan.requests } } });
  };
  return {
    closed: (plan) => order('closed', plan),
    open: (plan) => order('open', plan),
    follow: (plan) => order('follow', plan),
    pid: child.pid,
    stop: child.stop,
  };
}
