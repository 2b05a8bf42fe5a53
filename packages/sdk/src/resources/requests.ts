/** Requests to a model: create, look at, wait for, cancel. */
import { filaPromise, type FilaPromise, type FilaResponse } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import type {
  CreateRequest,
  ListAllRequestsQuery,
  ListRequestsQuery,
  Request,
  RequestEntry,
  RequestEntryList,
  RequestExplanation,
  RequestList,
  RequestTrace,
} from '../types.generated.ts';
import type { Streaming } from '../through-cuts.ts';
import { streamRequest, type StreamEvent, type StreamOptions } from './stream.ts';
import { waitDeadlineMs, waitUntilFinal, type WaitOptions } from './wait.ts';

const REQUESTS = '/api/v1/requests';
const REQUEST = `${REQUESTS}/{id}`;

export interface GetRequestOptions extends CallOptions {
  /** The broker answers when the request is final, or after this many seconds as it then is. */
  waitSeconds?: number;
}

export interface CreateRequestOptions extends GetRequestOptions {
  /** Default: a new one for each call, the same over its retries. Your own makes a call safe to repeat later. */
  idempotencyKey?: string;
}

export interface CreateAndWaitOptions extends WaitOptions {
  /** See create. */
  idempotencyKey?: string;
  /** For creating. Waiting goes on until `timeoutMs`. */
  maxRetries?: number;
}

export interface Requests {
  /**
   * Hands a prompt to the broker. Once this has resolved, the request is stored and will be worked on.
   * @example const { id } = await fila.requests.create({ prompt: 'Say hello.' });
   */
  create(body: CreateRequest, options?: CreateRequestOptions): FilaPromise<Request>;
  /**
   * A request as it is now or, with `waitSeconds`, as soon as it is final.
   * @example const request = await fila.requests.get('req_…', { waitSeconds: 10 });
   */
  get(id: string, options?: GetRequestOptions): FilaPromise<Request>;
  /**
   * Own requests, newest first.
   * @example for await (const request of fila.requests.list({ status: 'failed' })) console.log(request.error);
   */
  list(query?: ListRequestsQuery, options?: CallOptions): Listing<Request, RequestList>;
  /**
   * Those of all keys, newest first, without what was asked and answered, for an operator. Needs the admin token.
   * @example for await (const { key_id, model } of fila.requests.listAll({ status: 'failed' })) console.log(key_id, model);
   */
  listAll(query?: ListAllRequestsQuery, options?: CallOptions): Listing<RequestEntry, RequestEntryList>;
  /**
   * Stops a request that is not final.
   * @example await fila.requests.cancel('req_…');
   */
  cancel(id: string, options?: CallOptions): FilaPromise<Request>;
  /**
   * Cancels a request of any key; needs the admin token.
   * @example await fila.requests.cancelAny('req_…');
   */
  cancelAny(id: string, options?: CallOptions): FilaPromise<RequestEntry>;
  /**
   * Waits until a request is completed, failed, cancelled or expired: look at `status`. A broker that restarts
   * meanwhile is waited for.
   * @example const { status, result } = await fila.requests.wait('req_…', { timeoutMs: 60_000 });
   */
  wait(id: string, options?: WaitOptions): FilaPromise<Request>;
  /**
   * What happens to a request, and its answer as it is given. A cut connection is made again and goes on where it was;
   * `restart` says that an attempt failed and that what came before is void. Ends after `done`.
   * @example for await (const event of fila.requests.stream('req_…')) if (event.type === 'token') console.log(event.text);
   */
  stream(id: string, options?: StreamOptions): AsyncGenerator<StreamEvent, void>;
  /**
   * Of any key, for an operator: where its last attempt ran, where the next one would, and what their timers are made
   * of. Needs the admin token.
   * @example const { last_attempt, next_attempt } = await fila.requests.explain('req_…');
   */
  explain(id: string, options?: CallOptions): FilaPromise<RequestExplanation>;
  /**
   * Of any key, for an operator: everything that happened to it, in the order of time. Needs the admin token.
   * @example for (const { at, step } of (await fila.requests.trace('req_…')).steps) console.log(at, step);
   */
  trace(id: string, options?: CallOptions): FilaPromise<RequestTrace>;
  /**
   * Creates a request once, whatever happens on the way, and waits for it.
   * @example const { result } = await fila.requests.createAndWait({ prompt: 'Say hello.' });
   */
  createAndWait(body: CreateRequest, options?: CreateAndWaitOptions): FilaPromise<Request>;
}

const ALL = '/api/v1/admin/requests';

export function createRequests(send: Send, streaming: Streaming): Requests {
  const { sleep } = streaming;

  async function createAndWait(
    body: CreateRequest,
    { idempotencyKey = crypto.randomUUID(), maxRetries, ...options }: CreateAndWaitOptions = {},
  ): Promise<FilaResponse<Request>> {
    const { signal, headers } = options;
    const deadlineMs = waitDeadlineMs(options);
    const created = await send<Request>(
      { method: 'POST', path: REQUESTS, as: 'client', body, idempotencyKey, deadlineMs },
      { signal, headers, maxRetries },
    ).withResponse();
    return waitUntilFinal(REQUEST, created.data.id, { ...options, send, sleep, deadlineMs }, created);
  }

  return {
    create: (body, { idempotencyKey = crypto.randomUUID(), waitSeconds, ...options } = {}) =>
      send({ method: 'POST', path: REQUESTS, as: 'client', body, idempotencyKey, waitSeconds }, options),
    get: (id, { waitSeconds, ...options } = {}) =>
      send({ method: 'GET', path: REQUEST, id, as: 'client', waitSeconds }, options),
    list: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<RequestList>(
          { method: 'GET', path: REQUESTS, as: 'client', query: { ...query, cursor } },
          options,
        ),
      ),
    listAll: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<RequestEntryList>(
          { method: 'GET', path: '/api/v1/admin/requests', as: 'admin', query: { ...query, cursor } },
          options,
        ),
      ),
    cancel: (id, options) => send({ method: 'POST', path: `${REQUEST}/cancel`, id, as: 'client' }, options),
    cancelAny: (id, options) =>
      send({ method: 'POST', path: `${ALL}/{id}/cancel`, id, as: 'admin' }, options),
    explain: (id, options) =>
      send({ method: 'GET', path: '/api/v1/admin/requests/{id}/explain', id, as: 'admin' }, options),
    trace: (id, options) =>
      send({ method: 'GET', path: '/api/v1/admin/requests/{id}/trace', id, as: 'admin' }, options),
    wait: (id, options = {}) =>
      filaPromise(
        waitUntilFinal(REQUEST, id, { ...options, send, sleep, deadlineMs: waitDeadlineMs(options) }),
      ),
    stream: (id, options) => streamRequest(streaming, id, options),
    createAndWait: (body, options) => filaPromise(createAndWait(body, options)),
  };
}
