/** API keys of client systems, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import type {
  ApiKey,
  ApiKeyList,
  CreateApiKey,
  CreatedApiKey,
  ListApiKeysQuery,
  RotateApiKeyQuery,
  RotatedApiKey,
  UpdateApiKey,
} from '../types.generated.ts';

const KEYS = '/api/v1/admin/api-keys';
const KEY = `${KEYS}/{id}`;

export interface CreateKeyOptions extends CallOptions {
  /** Default: a new one for each call, the same over its retries. */
  idempotencyKey?: string;
}

export interface Keys {
  /**
   * Makes a key; its two secrets are in this answer and never shown again.
   * @example const { key, webhook_secret } = await fila.keys.create({ name: 'shop', limit_minute: 60 });
   */
  create(body: CreateApiKey, options?: CreateKeyOptions): FilaPromise<CreatedApiKey>;
  /**
   * All keys, or those of one status.
   * @example for await (const key of fila.keys.list({ status: 'active' })) console.log(key.name);
   */
  list(query?: ListApiKeysQuery, options?: CallOptions): Listing<ApiKey, ApiKeyList>;
  /**
   * One key, without its secrets.
   * @example const key = await fila.keys.get('key_…');
   */
  get(id: string, options?: CallOptions): FilaPromise<ApiKey>;
  /**
   * Changes what the body names; the rest stays.
   * @example await fila.keys.update('key_…', { limit_minute: 120 });
   */
  update(id: string, body: UpdateApiKey, options?: CallOptions): FilaPromise<ApiKey>;
  /**
   * Gives a key a new secret, which is shown this once; the one before is accepted as well until the overlap is over.
   * With `at` it is accepted, and the overlap begins, from then on.
   * Not repeated by itself: a second rotation would end the overlap of the first.
   * @example const { key } = await fila.keys.rotate('key_…', { overlap_seconds: 3600 });
   */
  rotate(id: string, query?: RotateApiKeyQuery, options?: CallOptions): FilaPromise<RotatedApiKey>;
  /**
   * The key is refused until it is resumed.
   * @example await fila.keys.suspend('key_…');
   */
  suspend(id: string, options?: CallOptions): FilaPromise<ApiKey>;
  /**
   * A suspended key is accepted again.
   * @example await fila.keys.resume('key_…');
   */
  resume(id: string, options?: CallOptions): FilaPromise<ApiKey>;
  /**
   * The key is refused for good.
   * @example await fila.keys.revoke('key_…');
   */
  revoke(id: string, options?: CallOptions): FilaPromise<ApiKey>;
}

export function createKeys(send: Send): Keys {
  return {
    create: (body, { idempotencyKey = crypto.randomUUID(), ...options } = {}) =>
      send({ method: 'POST', path: KEYS, as: 'admin', body, idempotencyKey }, options),
    list: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<ApiKeyList>({ method: 'GET', path: KEYS, as: 'admin', query: { ...query, cursor } }, options),
      ),
    get: (id, options) => send({ method: 'GET', path: KEY, id, as: 'admin' }, options),
    update: (id, body, options) => send({ method: 'PUT', path: KEY, id, as: 'admin', body }, options),
    rotate: (id, query, options) =>
      send({ method: 'POST', path: `${KEY}/rotate`, id, as: 'admin', query }, { maxRetries: 0, ...options }),
    suspend: (id, options) => send({ method: 'POST', path: `${KEY}/suspend`, id, as: 'admin' }, options),
    resume: (id, options) => send({ method: 'POST', path: `${KEY}/resume`, id, as: 'admin' }, options),
    revoke: (id, options) => send({ method: 'DELETE', path: KEY, id, as: 'admin' }, options),
  };
}
