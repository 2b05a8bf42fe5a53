/** What other rooms tell of: counted always, and put into words only while somebody listens. */
import type { ClaimedRow, LaneName, Settlement } from '../../engines/ledger/ledger.ts';
import type { EventFeed, Telling } from './event-feed.ts';
import type { Flow } from './flow.ts';

/** How a webhook's attempt ended. */
export interface WebhookAttempt {
  readonly state: 'delivered' | 'failed' | 'pending';
  readonly deliveryId: string;
  readonly keyId: string;
  readonly requestId: string | null;
  readonly host: string;
  readonly attempts: number;
  readonly httpStatus: number | undefined;
  readonly error: string | null;
}

/** Calls return at once and never throw. */
export interface Told {
  accepted(row: { readonly id: string; readonly laneId: number }, lane: LaneName): void;
  started(row: ClaimedRow, lane: LaneName, upstream: string): void;
  /** A processing has ended, and the outcome is written. */
  settled(settlement: Settlement, row: ClaimedRow, lane: LaneName): void;
  cancelled(id: string, keyId: string): void;
  /** A sweep has ended it, of whom nothing more is known here. */
  expired(id: string): void;
  refused(code: string, keyId: string | null): void;
  keyExpiring(keyId: string, expiresAt: string): void;
  webhook(attempt: WebhookAttempt): void;
}

const SETTLED = {
  completed: 'request.completed',
  failed: 'request.failed',
  expired: 'request.expired',
  delayed: 'request.retrying',
  pending: 'request.returned',
} as const;
const COUNTED = {
  completed: 'completed',
  failed: 'failed',
  expired: 'cancelled',
  delayed: 'retried',
} as const;
const WEBHOOK = {
  delivered: 'webhook.delivered',
  failed: 'webhook.failed',
  pending: 'webhook.retrying',
} as const;

/** Refusals come in floods: each of a key and kind is told once in this time, with their number. */
const REFUSALS_EVERY_MS = 1_000;
const MOST_REFUSED = 1_000;

export interface TellRefusals extends Told {
  /** Since the start, by code. */
  readonly refusals: ReadonlyMap<string, number>;
}

export function createTold(flow: Flow, feed: EventFeed): TellRefusals {
  const refusals = new Map<string, number>();
  const untold = new Map<string, { code: string; keyId: string | null; count: number }>();
  let timer: NodeJS.Timeout | null = null;

  function tellRefusals(): void {
    timer = null;
    for (const { code, keyId, count } of untold.values())
      feed.tell({ type: 'limit.refused', error_code: code, count, ...(keyId ? { key_id: keyId } : {}) });
    untold.clear();
  }

  const named = (id: string, { keyId, model, queue, band }: LaneName): Omit<Telling, 'type'> => ({
    ...{ request_id: id, key_id: keyId, model, queue, band },
  });

  return {
    refusals,
    accepted: (row, lane) => {
      flow.count('accepted');
      flow.countLane(row.laneId, lane, 'accepted');
      if (feed.isOn) feed.tell({ type: 'request.accepted', ...named(row.id, lane) });
    },
    started: (row, lane, upstream) => {
      if (feed.isOn)
        feed.tell({ type: 'request.started', ...named(row.id, lane), upstream, attempts: row.attempts });
    },
    settled: (settlement, row, lane) => {
      const { to, promptTokens = 0, completionTokens = 0 } = settlement;
      if (to !== 'pending') flow.count(COUNTED[to]);
      if (to !== 'pending' && to !== 'delayed') flow.countLane(row.laneId, lane, 'ended');
      if (completionTokens > 0) flow.count('tokens', completionTokens);
      if (!feed.isOn) return;
      const { upstream, processingMs, delayMs, error } = settlement;
      feed.tell({
        type: SETTLED[to],
        ...named(row.id, lane),
        ...(upstream === undefined ? {} : { upstream }),
        ...(processingMs === undefined ? {} : { processing_ms: processingMs }),
        ...(error ? { error_code: error.code } : {}),
        ...(delayMs === undefined ? {} : { delay_ms: delayMs }),
        ...(to === 'completed' ? { tokens: promptTokens + completionTokens } : {}),
        attempts: row.attempts + Number(settlement.countsAttempt),
      });
    },
    cancelled: (id, keyId) => {
      flow.count('cancelled');
      if (feed.isOn) feed.tell({ type: 'request.cancelled', request_id: id, key_id: keyId });
    },
    expired: (id) => {
      flow.count('cancelled');
      if (feed.isOn) feed.tell({ type: 'request.expired', request_id: id });
    },
    refused: (code, keyId) => {
      flow.count('refused');
      refusals.set(code, (refusals.get(code) ?? 0) + 1);
      if (!feed.isOn || untold.size >= MOST_REFUSED) return;
      const name = `${code} ${keyId ?? ''}`;
      const one = untold.get(name);
      if (one) one.count += 1;
      else untold.set(name, { code, keyId, count: 1 });
      timer ??= setTimeout(tellRefusals, REFUSALS_EVERY_MS).unref();
    },
    keyExpiring: (keyId, expiresAt) => {
      if (feed.isOn) feed.tell({ type: 'key.expiring', key_id: keyId, detail: expiresAt });
    },
    webhook: ({ state, deliveryId, keyId, requestId, host, attempts, httpStatus, error }) => {
      if (!feed.isOn) return;
      feed.tell({
        ...{ type: WEBHOOK[state], delivery_id: deliveryId, key_id: keyId, host, attempts },
        ...(requestId === null ? {} : { request_id: requestId }),
        ...(httpStatus === undefined ? {} : { http_status: httpStatus }),
        ...(error === null ? {} : { error_code: error }),
      });
    },
  };
}
