/** What clients did and saw, in the order it happened: the only thing besides the final state that the checker believes. */

/** A request as a client saw it. */
export interface Seen {
  readonly id: string;
  readonly status: string;
  readonly text: string | null;
  readonly errorCode: string | null;
  readonly completedAt: string | null;
  readonly attempts: number;
}

export type Intent =
  | {
      readonly f: 'accept';
      /** Number of the request in the run; travels in its metadata, so that it is found again without an id. */
      readonly n: number;
      readonly model: string;
      readonly prompt: string;
      readonly idempotencyKey?: string;
      /** Whether it names a receiver for a webhook. */
      readonly isReceived: boolean;
    }
  | { readonly f: 'read'; readonly id: string }
  | { readonly f: 'cancel'; readonly id: string };

/**
 * As in Jepsen: an operation is invoked and then ends as `ok` (it happened), `fail` (it did not) or `info` (nobody
 * knows: no answer came, or one that does not say). One that never ends counts as info.
 */
export type HistoryEvent =
  | {
      readonly type: 'invoke';
      readonly op: number;
      readonly atMs: number;
      readonly client: string;
      readonly intent: Intent;
    }
  | { readonly type: 'ok'; readonly op: number; readonly atMs: number; readonly seen: Seen }
  | {
      readonly type: 'fail';
      readonly op: number;
      readonly atMs: number;
      readonly status: number;
      readonly why: string;
    }
  | { readonly type: 'info'; readonly op: number; readonly atMs: number; readonly why: string }
  | {
      readonly type: 'webhook';
      readonly atMs: number;
      readonly messageId: string;
      readonly requestId: string;
      readonly isSigned: boolean;
    };

/** Ends once; what comes later is ignored. */
export interface Operation {
  ok(seen: Seen): void;
  fail(status: number, why: string): void;
  info(why: string): void;
}

export interface History {
  readonly events: readonly HistoryEvent[];
  begin(client: string, intent: Intent): Operation;
  receive(webhook: { messageId: string; requestId: string; isSigned: boolean }): void;
}

/** `nowMs` must never go back. */
export function recordHistory(nowMs: () => number = () => performance.now()): History {
  const events: HistoryEvent[] = [];
  let ops = 0;

  function begin(client: string, intent: Intent): Operation {
    const op = (ops += 1);
    let isOpen = true;
    events.push({ type: 'invoke', op, atMs: nowMs(), client, intent });
    const end = (event: HistoryEvent): void => {
      if (isOpen) events.push(event);
      isOpen = false;
    };
    return {
      ok: (seen) => end({ type: 'ok', op, atMs: nowMs(), seen }),
      fail: (status, why) => end({ type: 'fail', op, atMs: nowMs(), status, why }),
      info: (why) => end({ type: 'info', op, atMs: nowMs(), why }),
    };
  }

  return {
    events,
    begin,
    receive: (webhook) => void events.push({ type: 'webhook', atMs: nowMs(), ...webhook }),
  };
}

export const TERMINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'expired']);

/** An operation with its end, or without one. */
export interface Op {
  readonly op: number;
  readonly client: string;
  readonly intent: Intent;
  readonly fromMs: number;
  /** Infinity when it never ended. */
  readonly toMs: number;
  readonly end: Extract<HistoryEvent, { type: 'ok' | 'fail' | 'info' }> | undefined;
}

/** Joins invocations with their ends. */
export function opsOf(events: readonly HistoryEvent[]): Op[] {
  const ends = new Map<number, NonNullable<Op['end']>>();
  for (const event of events)
    if (event.type === 'ok' || event.type === 'fail' || event.type === 'info') ends.set(event.op, event);
  return events.flatMap((event) => {
    if (event.type !== 'invoke') return [];
    const { op, client, intent, atMs } = event;
    const end = ends.get(op);
    return [{ op, client, intent, fromMs: atMs, toMs: end?.atMs ?? Infinity, end }];
  });
}
