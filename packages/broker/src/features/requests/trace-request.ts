/** Everything that happened to one request in the order of time, from the rows that tell of it; nothing that is sealed. */
import type { AttemptRow, Ledger, RequestRow } from '../../engines/ledger/ledger.ts';
import type {
  AuditList,
  AuditRow,
  ListAuditQuery,
  ListWebhookDeliveriesQuery,
  RequestTrace,
  TraceStep,
  WebhookDeliveryDetails,
  WebhookDeliveryList,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { idTime, isId } from '../../kernel/ids.ts';
import { hasEnded, statusOf } from './request-states.ts';

interface TraceDeps {
  readonly ledger: Pick<Ledger, 'find' | 'attempts' | 'lanes'>;
  readonly deliveries: {
    list(keyId: string, query: ListWebhookDeliveriesQuery): Promise<WebhookDeliveryList>;
    get(keyId: string, id: string): Promise<WebhookDeliveryDetails>;
  };
  readonly acts: (query: ListAuditQuery) => Promise<AuditList>;
}

const MOST_DELIVERIES = 50;
const MOST_ACTS = 200;

export function createTraceRequest({ ledger, deliveries, acts }: TraceDeps) {
  return async (id: string): Promise<RequestTrace> => {
    const row = isId('req', id) ? await ledger.find(id) : null;
    if (!row) throw fail('not_found', { detail: 'There is no such request.' });
    const { keyId, laneId, firstLaneId } = row;
    const lane = await ledger.lanes.nameOf(laneId);
    const first = firstLaneId === null ? lane : await ledger.lanes.nameOf(firstLaneId);
    const [attempts, sent, audit] = await Promise.all([
      ledger.attempts(id),
      deliveries.list(keyId, { request_id: id, limit: MOST_DELIVERIES }),
      acts({ target: id, order: 'oldest', limit: MOST_ACTS }),
    ]);
    const details = await Promise.all(sent.items.map((one) => deliveries.get(keyId, one.id)));
    const steps = [
      ...beginning(row, `in ${lane.queue}, ${first.model}, priority ${row.priority}`),
      ...attempts.map(failedAttempt),
      ...end(row, firstLaneId === null ? null : `by the fallback model ${lane.model}`),
      ...details.flatMap(deliverySteps),
      ...actSteps(audit.items),
    ];
    return {
      ...{ id, key_id: keyId, status: statusOf(row.state), model: lane.model, queue: lane.queue },
      complete: sent.next_cursor === null && audit.next_cursor === null,
      steps: steps.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)),
    };
  };
}

/** Those of one time stay in this order. */
function step(kind: TraceStep['step'], at: number | string, more: Partial<TraceStep> = {}): TraceStep {
  const nothing = { detail: null, upstream: null, code: null, took_ms: null, actor: null, ref: null };
  return { at: typeof at === 'string' ? at : new Date(at).toISOString(), step: kind, ...nothing, ...more };
}

function beginning(row: RequestRow, where: string): TraceStep[] {
  const { createdAt, retryOf, runAt, startedAt, fence, deliveries } = row;
  const died = deliveries > 0 ? `, after ${deliveries} on whose hands a worker died` : '';
  return [
    step('accepted', createdAt, { detail: retryOf === null ? where : `${where}, again`, ref: retryOf }),
    ...(runAt === null ? [] : [step('due', runAt)]),
    ...(startedAt === null ? [] : [step('claimed', startedAt, { detail: `claim ${fence}${died}` })]),
  ];
}

function failedAttempt({ fence, upstream, errorCode: code, endedAt }: AttemptRow): TraceStep {
  return step('attempt_failed', endedAt, { detail: `claim ${fence}`, upstream, code });
}

function end(row: RequestRow, degraded: string | null): TraceStep[] {
  const { id, state, completedAt, upstream, errorCode: code, processingMs, retriedAs, discardedAt } = row;
  const outcome = statusOf(state) as 'completed' | 'failed' | 'expired' | 'cancelled';
  const how = { detail: degraded, upstream, code, took_ms: processingMs };
  return [
    ...(hasEnded(state) && completedAt !== null ? [step(outcome, completedAt, how)] : []),
    ...(retriedAs === null ? [] : [step('retried', idTime(retriedAs), { ref: retriedAs })]),
    ...(discardedAt === null ? [] : [step('discarded', discardedAt, { ref: id })]),
  ];
}

function deliverySteps(delivery: WebhookDeliveryDetails): TraceStep[] {
  const { id: ref, type, webhook_id, replayed_from, created_at, history } = delivery;
  const to = `${type} to ${webhook_id ?? 'its callback'}${replayed_from === null ? '' : ', again'}`;
  return [
    step('webhook', created_at, { detail: to, ref }),
    ...history.map(({ attempt, ended_at, response_status: status, latency_ms, error }) =>
      step('webhook_attempt', ended_at, {
        detail: `attempt ${attempt}, ${status === null ? 'no answer' : `answered ${status}`}`,
        ...{ code: error, took_ms: latency_ms, ref },
      }),
    ),
  ];
}

/** What was only intended is left out where a later row says what came of it. */
function actSteps(rows: readonly AuditRow[]): TraceStep[] {
  const followed = new Set(rows.map((row) => row.of));
  return rows
    .filter(({ seq }) => !followed.has(seq))
    .map(({ seq, at, act, outcome, code, actor }) =>
      step('act', at, {
        detail: `${act}, ${outcome}`,
        ...{ code, actor: actor.name ?? actor.kind, ref: String(seq) },
      }),
    );
}
