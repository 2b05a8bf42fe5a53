/** The log of deliveries as a key's owner sees it; tests of an endpoint, and deliveries that are made again. */
import { VaultError, type Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type {
  ListWebhookDeliveriesQuery,
  WebhookDelivery,
  WebhookDeliveryDetails,
  WebhookDeliveryList,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { WebhookEndpoints } from './webhook-endpoints.ts';
import { CALLBACK, messageIdOf, testBody } from './webhook-events.ts';
import { openExcerpt, sealBody } from './webhook-secrets.ts';
import type {
  NewDelivery,
  StoredAttempt,
  StoredDelivery,
  StoredEndpoint,
  WebhookStore,
} from './webhook-store.ts';

export interface WebhookDeliveries {
  /** To endpoints and to callback URLs, newest first. */
  list(keyId: string, query: ListWebhookDeliveriesQuery): Promise<WebhookDeliveryList>;
  get(keyId: string, id: string): Promise<WebhookDeliveryDetails>;
  /** Sends webhook.test: signed like any other, and tried once. */
  test(keyId: string, endpointId: string): Promise<WebhookDelivery>;
  /** One delivery again, whatever came of it: a new row under the same message id. */
  redeliver(keyId: string, id: string): Promise<WebhookDelivery>;
  /** Every message made at `since` (milliseconds since 1970) or later whose last delivery failed; how many. */
  redeliverSince(keyId: string, endpointId: string, since: number): Promise<number>;
}

interface DeliveryDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly endpoints: WebhookEndpoints;
  /** There is something due. */
  readonly onNew: () => void;
}

const DEFAULT_PAGE = 50;
/** What is said of a new delivery, however soon somebody takes it. */
const NOT_TRIED = {
  ...{ state: 'pending' as const, attempts: 0, lastAttemptAt: null, completedAt: null },
  ...{ responseStatus: null, latencyMs: null, error: null, excerpt: null },
};

export function createDeliveries(deps: DeliveryDeps): WebhookDeliveries {
  const { store, vault, clock, logger, endpoints, onNew } = deps;

  async function enabled(keyId: string, id: string): Promise<StoredEndpoint> {
    const endpoint = await endpoints.own(keyId, id);
    if (endpoint.status === 'enabled') return endpoint;
    throw fail('conflict', { detail: 'The webhook is disabled; enable it first.' });
  }

  async function stored(keyId: string, id: string): Promise<StoredDelivery> {
    const delivery = isId('dlv', id) ? await store.deliveries.byId(id) : null;
    if (delivery?.keyId !== keyId) throw fail('not_found', { detail: 'There is no such delivery.' });
    return delivery;
  }

  async function addOne(delivery: NewDelivery): Promise<WebhookDelivery> {
    await store.deliveries.add([delivery]);
    onNew();
    return view({ ...delivery, ...NOT_TRIED, nextAt: delivery.createdAt });
  }

  function again(from: StoredDelivery, host: string): NewDelivery {
    const { messageId, requestId, keyId, receiver, type, url, body } = from;
    const same = { messageId, requestId, keyId, receiver, type, url, body };
    const now = clock.now();
    return { ...same, id: newId('dlv', now), replayedFrom: from.id, host, createdAt: now };
  }

  async function redeliver(keyId: string, id: string): Promise<WebhookDelivery> {
    const from = await stored(keyId, id);
    if (from.state === 'pending') throw fail('conflict', { detail: 'The delivery is still on its way.' });
    const host = from.receiver === CALLBACK ? from.host : (await enabled(keyId, from.receiver)).host;
    logger.info({ deliveryId: id, keyId, host }, 'a webhook is delivered again');
    return addOne(again(from, host));
  }

  async function redeliverSince(keyId: string, endpointId: string, since: number): Promise<number> {
    const { id: receiver, host } = await enabled(keyId, endpointId);
    // What is made anew here, and fails at once, is not looked at again.
    const before = newId('dlv', clock.now());
    let count = 0;
    let after = '';
    for (;;) {
      const page = await store.deliveries.lost({ receiver, since, after, before });
      if (page.length === 0) break;
      await store.deliveries.add(page.map((from) => again(from, host)));
      count += page.length;
      after = page.at(-1)!.id;
      onNew();
    }
    logger.info({ endpointId, keyId, host, count }, 'failed webhooks are delivered again');
    return count;
  }

  async function test(keyId: string, endpointId: string): Promise<WebhookDelivery> {
    const { id: receiver, host } = await enabled(keyId, endpointId);
    const now = clock.now();
    const id = newId('dlv', now);
    const messageId = messageIdOf(id);
    return addOne({
      ...{ id, messageId, requestId: null, keyId, receiver, host, url: null, createdAt: now },
      ...{ type: 'webhook.test', replayedFrom: null },
      body: sealBody(vault, messageId, testBody(receiver, now)),
    });
  }

  async function view(delivery: StoredDelivery): Promise<WebhookDelivery> {
    const { id, excerpt } = delivery;
    return {
      id,
      message_id: delivery.messageId,
      webhook_id: delivery.receiver === CALLBACK ? null : delivery.receiver,
      type: delivery.type,
      request_id: delivery.requestId,
      status: delivery.state,
      attempts: delivery.attempts,
      next_attempt_at: iso(delivery.nextAt),
      response_status: delivery.responseStatus,
      latency_ms: delivery.latencyMs,
      error: delivery.error,
      response_excerpt: excerpt && (await openExcerpt(vault, id, excerpt).catch(nothing)),
      replayed_from: delivery.replayedFrom,
      created_at: new Date(delivery.createdAt).toISOString(),
      last_attempt_at: iso(delivery.lastAttemptAt),
      completed_at: iso(delivery.completedAt),
    };
  }

  return {
    test,
    redeliver,
    redeliverSince,
    list: async (keyId, { limit = DEFAULT_PAGE, cursor, ...query }) => {
      if (cursor !== undefined && !isId('dlv', cursor)) throw fail('invalid_cursor');
      const { endpoint_id: receiver, request_id: requestId, status: state, event: type } = query;
      const page = { keyId, limit: limit + 1, before: cursor };
      const rows = await store.deliveries.list({ ...page, receiver, requestId, state, type });
      const items = await Promise.all(rows.slice(0, limit).map(view));
      return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : null };
    },
    get: async (keyId, id) => {
      const delivery = await stored(keyId, id);
      const attempts = await store.deliveries.attempts(delivery);
      return { ...(await view(delivery)), history: attempts.map(attemptView) };
    },
  };
}

/** One broken excerpt must not take the log away. */
function nothing(error: unknown): null {
  if (error instanceof VaultError) return null;
  throw error;
}

function attemptView({ attempt, endedAt, responseStatus, latencyMs, error }: StoredAttempt) {
  return {
    ...{ attempt, ended_at: new Date(endedAt).toISOString() },
    ...{ response_status: responseStatus, latency_ms: latencyMs, error },
  };
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
