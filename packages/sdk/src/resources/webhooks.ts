/** Webhooks of the own key: the endpoints that hear when requests end, what was delivered, and checking what came. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import type {
  CreatedWebhook,
  CreateWebhook,
  ListWebhookDeliveriesQuery,
  ListWebhooksQuery,
  RedeliverWebhook,
  RotateWebhookQuery,
  UpdateWebhook,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryDetails,
  WebhookDeliveryList,
  WebhookEvent,
  WebhookList,
  WebhookRedelivery,
} from '../types.generated.ts';
import { unwrapWebhook, verifyWebhook, type UnwrapOptions, type WebhookHeaders } from './unwrap-webhook.ts';

const WEBHOOKS = '/api/v1/webhooks';
const WEBHOOK = `${WEBHOOKS}/{id}`;
const DELIVERIES = `${WEBHOOKS}/deliveries`;
const DELIVERY = `${DELIVERIES}/{id}`;

export interface CreateWebhookOptions extends CallOptions {
  /** Default: a new one for each call, the same over its retries. */
  idempotencyKey?: string;
}

export interface WebhookDeliveries {
  /**
   * Own deliveries, newest first.
   * @example for await (const { type, error } of fila.webhooks.deliveries.list({ status: 'failed' })) console.log(type, error);
   */
  list(
    query?: ListWebhookDeliveriesQuery,
    options?: CallOptions,
  ): Listing<WebhookDelivery, WebhookDeliveryList>;
  /**
   * One delivery with all of its attempts.
   * @example const { history } = await fila.webhooks.deliveries.get('dlv_…');
   */
  get(id: string, options?: CallOptions): FilaPromise<WebhookDeliveryDetails>;
  /**
   * Delivers one message again, whatever came of it, under the same message id.
   * @example const { id } = await fila.webhooks.deliveries.redeliver('dlv_…');
   */
  redeliver(id: string, options?: CallOptions): FilaPromise<WebhookDelivery>;
}

export interface Webhooks {
  /**
   * Registers an endpoint; its secret is in this answer and never shown again.
   * @example const { id, secret } = await fila.webhooks.create({ url: 'https://shop.example/hooks/fila' });
   */
  create(body: CreateWebhook, options?: CreateWebhookOptions): FilaPromise<CreatedWebhook>;
  /**
   * Own endpoints, newest first.
   * @example for await (const { url, status } of fila.webhooks.list()) console.log(url, status);
   */
  list(query?: ListWebhooksQuery, options?: CallOptions): Listing<Webhook, WebhookList>;
  /**
   * One endpoint, without its secret.
   * @example const { status, failing_since } = await fila.webhooks.get('whk_…');
   */
  get(id: string, options?: CallOptions): FilaPromise<Webhook>;
  /**
   * Changes what the body names; the rest stays.
   * @example await fila.webhooks.update('whk_…', { events: ['request.failed'] });
   */
  update(id: string, body: UpdateWebhook, options?: CallOptions): FilaPromise<Webhook>;
  /**
   * Deletes an endpoint; what is still on its way to it is given up.
   * @example await fila.webhooks.delete('whk_…');
   */
  delete(id: string, options?: CallOptions): FilaPromise<Webhook>;
  /**
   * Sends a webhook.test event, signed like any other.
   * @example await fila.webhooks.test('whk_…');
   */
  test(id: string, options?: CallOptions): FilaPromise<WebhookDelivery>;
  /**
   * A new secret; the one before stays valid for a day, or for `overlap_seconds`.
   * @example const { secret } = await fila.webhooks.rotate('whk_…');
   */
  rotate(id: string, query?: RotateWebhookQuery, options?: CallOptions): FilaPromise<CreatedWebhook>;
  /**
   * Sends to an endpoint again that was disabled.
   * @example await fila.webhooks.enable('whk_…');
   */
  enable(id: string, options?: CallOptions): FilaPromise<Webhook>;
  /**
   * Delivers again everything since a time that an endpoint did not take.
   * @example const { count } = await fila.webhooks.redeliver('whk_…', { since: '2027-01-01T00:00:00Z' });
   */
  redeliver(id: string, body: RedeliverWebhook, options?: CallOptions): FilaPromise<WebhookRedelivery>;
  /** The log: what was delivered to endpoints and to the callback_url of requests. */
  readonly deliveries: WebhookDeliveries;
  /**
   * The event that a webhook brought, once its signature is checked; rejects with InvalidWebhook. Needs the body as it
   * came, and one or several secrets: the endpoint's, or the key's for a callback_url. No network, no key.
   * @example const event = await fila.webhooks.unwrap(await request.text(), request.headers, secret);
   */
  unwrap(
    rawBody: string | Uint8Array | ArrayBuffer,
    headers: WebhookHeaders,
    secrets: string | readonly string[],
    options?: UnwrapOptions,
  ): Promise<WebhookEvent>;
  /**
   * Checks as unwrap does, and parses nothing.
   * @example await fila.webhooks.verify(rawBody, headers, secret);
   */
  verify(
    rawBody: string | Uint8Array | ArrayBuffer,
    headers: WebhookHeaders,
    secrets: string | readonly string[],
    options?: UnwrapOptions,
  ): Promise<void>;
}

export function createWebhooks(send: Send): Webhooks {
  const as = 'client';
  return {
    create: (body, { idempotencyKey = crypto.randomUUID(), ...options } = {}) =>
      send({ method: 'POST', path: WEBHOOKS, as, body, idempotencyKey }, options),
    list: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<WebhookList>({ method: 'GET', path: WEBHOOKS, as, query: { ...query, cursor } }, options),
      ),
    get: (id, options) => send({ method: 'GET', path: WEBHOOK, id, as }, options),
    update: (id, body, options) => send({ method: 'PUT', path: WEBHOOK, id, as, body }, options),
    delete: (id, options) => send({ method: 'DELETE', path: WEBHOOK, id, as }, options),
    test: (id, options) => send({ method: 'POST', path: `${WEBHOOK}/test`, id, as }, options),
    rotate: (id, query, options) =>
      send({ method: 'POST', path: `${WEBHOOK}/rotate`, id, as, query }, { maxRetries: 0, ...options }),
    enable: (id, options) => send({ method: 'POST', path: `${WEBHOOK}/enable`, id, as }, options),
    redeliver: (id, body, options) =>
      send({ method: 'POST', path: `${WEBHOOK}/redeliver`, id, as, body }, options),
    deliveries: {
      list: (query, options) =>
        listing((cursor = query?.cursor) =>
          send<WebhookDeliveryList>(
            { method: 'GET', path: DELIVERIES, as, query: { ...query, cursor } },
            options,
          ),
        ),
      get: (id, options) => send({ method: 'GET', path: DELIVERY, id, as }, options),
      redeliver: (id, options) => send({ method: 'POST', path: `${DELIVERY}/redeliver`, id, as }, options),
    },
    unwrap: unwrapWebhook,
    verify: verifyWebhook,
  };
}
