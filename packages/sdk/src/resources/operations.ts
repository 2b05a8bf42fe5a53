/** Operations on many things at once, for an operator: needs the admin token. */
import { filaPromise, type FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import type { Sleep } from '../sleep.ts';
import { pollUntilOver } from './poll-until-over.ts';
import type { ListOperationsQuery, Operation, OperationList } from '../types.generated.ts';

const OPERATIONS = '/api/v1/admin/operations';
const OPERATION = `${OPERATIONS}/{id}`;
const DEFAULT_TIMEOUT_MS = 600_000;
const POLL_MS = 500;

export interface WaitForOperationOptions extends Pick<CallOptions, 'signal' | 'headers'> {
  /** For all of it. Default: ten minutes. The operation goes on after it. */
  timeoutMs?: number;
  /** Called with the operation as it is first seen, and when its state or its numbers have changed. */
  onChange?: (operation: Operation) => void;
}

export interface Operations {
  /**
   * All operations, or those of one state, newest first.
   * @example for await (const { id, done } of fila.operations.list({ state: 'running' })) console.log(id, done);
   */
  list(query?: ListOperationsQuery, options?: CallOptions): Listing<Operation, OperationList>;
  /**
   * An operation as it is now.
   * @example const { state, done, matched } = await fila.operations.get('op_…');
   */
  get(id: string, options?: CallOptions): FilaPromise<Operation>;
  /**
   * Stops one that runs. What it has done stays done.
   * @example await fila.operations.cancel('op_…');
   */
  cancel(id: string, options?: CallOptions): FilaPromise<Operation>;
  /**
   * Waits until an operation is completed or cancelled: look at `state`. A broker that restarts meanwhile is waited for.
   * @example const { done, skipped } = await fila.operations.wait('op_…', { onChange: console.log });
   */
  wait(id: string, options?: WaitForOperationOptions): FilaPromise<Operation>;
}

export function createOperations(send: Send, sleep: Sleep): Operations {
  return {
    list: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<OperationList>(
          { method: 'GET', path: OPERATIONS, as: 'admin', query: { ...query, cursor } },
          options,
        ),
      ),
    get: (id, options) => send({ method: 'GET', path: OPERATION, id, as: 'admin' }, options),
    cancel: (id, options) => send({ method: 'POST', path: `${OPERATION}/cancel`, id, as: 'admin' }, options),
    wait: (id, { timeoutMs = DEFAULT_TIMEOUT_MS, ...options } = {}) =>
      filaPromise(
        pollUntilOver<Operation>(
          {
            ...{ send, sleep, pollMs: POLL_MS, call: { method: 'GET', path: OPERATION, id, as: 'admin' } },
            isOver: ({ state }) => state !== 'running',
            changing: ({ state, matched, done, skipped }) => [state, matched, done, skipped],
          },
          { timeoutMs, ...options },
        ),
      ),
  };
}
