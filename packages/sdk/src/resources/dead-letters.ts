/** Requests that failed for good, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import type {
  DeadLetter,
  DeadLetterDetails,
  DeadLetterList,
  DeadLetterPreview,
  DeadLetterRetry,
  DiscardDeadLetter,
  ListDeadLettersQuery,
  Operation,
  RetryDeadLetter,
  RetryDeadLetters,
} from '../types.generated.ts';

const DEAD_LETTERS = '/api/v1/admin/dead-letters';
const DEAD_LETTER = `${DEAD_LETTERS}/{id}`;

export interface DeadLetters {
  /**
   * Those that were neither retried nor discarded, newest first.
   * @example for await (const dead of fila.deadLetters.list({ text: 'out of memory' })) console.log(dead.error);
   */
  list(query?: ListDeadLettersQuery, options?: CallOptions): Listing<DeadLetter, DeadLetterList>;
  /**
   * All that is known of one, without its prompt; also of one that was retried or discarded.
   * @example const { history, policy } = await fila.deadLetters.get('req_…');
   */
  get(id: string, options?: CallOptions): FilaPromise<DeadLetterDetails>;
  /**
   * Tries one again, as a new request. Once: the second time throws Conflict, whose detail names the new request.
   * @example const { id } = await fila.deadLetters.retry('req_…', { reason: 'The model is there now.' });
   */
  retry(id: string, body?: RetryDeadLetter, options?: CallOptions): FilaPromise<DeadLetterRetry>;
  /**
   * Gives one up.
   * @example await fila.deadLetters.discard('req_…', { reason: 'A test.' });
   */
  discard(id: string, body: DiscardDeadLetter, options?: CallOptions): FilaPromise<DeadLetterDetails>;
  /**
   * Tries all that match again, in the background; with `dry_run` only counts them.
   * @example const operation = await fila.deadLetters.retryMany({ filter: { error_code: 'upstream_timeout' } });
   */
  retryMany(
    body: RetryDeadLetters & { dry_run: true },
    options?: CallOptions,
  ): FilaPromise<DeadLetterPreview>;
  retryMany(body: RetryDeadLetters & { dry_run?: false }, options?: CallOptions): FilaPromise<Operation>;
}

export function createDeadLetters(send: Send): DeadLetters {
  return {
    list: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<DeadLetterList>(
          { method: 'GET', path: DEAD_LETTERS, as: 'admin', query: { ...query, cursor } },
          options,
        ),
      ),
    get: (id, options) => send({ method: 'GET', path: DEAD_LETTER, id, as: 'admin' }, options),
    retry: (id, body = {}, options) =>
      send({ method: 'POST', path: `${DEAD_LETTER}/retry`, id, as: 'admin', body }, options),
    discard: (id, body, options) =>
      send({ method: 'POST', path: `${DEAD_LETTER}/discard`, id, as: 'admin', body }, options),
    retryMany: <T>(body: RetryDeadLetters, options?: CallOptions): FilaPromise<T> =>
      send<T>({ method: 'POST', path: `${DEAD_LETTERS}/retry`, as: 'admin', body }, options),
  };
}
