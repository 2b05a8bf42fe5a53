/** Named queues, their policy and what is in them, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { CreateQueue, Queue, QueueList, UpdateQueue } from '../types.generated.ts';

const QUEUES = '/api/v1/admin/queues';
const QUEUE = `${QUEUES}/{id}`;

export interface Queues {
  /**
   * Makes a queue; what is not named is as the daemon's settings say.
   * @example await fila.queues.create({ name: 'embeddings', concurrency: 2 });
   */
  create(body: CreateQueue, options?: CallOptions): FilaPromise<Queue>;
  /**
   * All queues and what is in them.
   * @example const { items } = await fila.queues.list();
   */
  list(options?: CallOptions): FilaPromise<QueueList>;
  /**
   * One queue.
   * @example const { pending, oldest_wait_ms } = await fila.queues.get('embeddings');
   */
  get(name: string, options?: CallOptions): FilaPromise<Queue>;
  /**
   * Changes what the body names, within a second; null is as the daemon's settings say.
   * @example await fila.queues.update('embeddings', { max_attempts: 2, concurrency: null });
   */
  update(name: string, body: UpdateQueue, options?: CallOptions): FilaPromise<Queue>;
  /**
   * Starts nothing of it; running requests end, and accepting goes on.
   * @example await fila.queues.pause('embeddings');
   */
  pause(name: string, options?: CallOptions): FilaPromise<Queue>;
  /**
   * Starts and accepts again.
   * @example await fila.queues.resume('embeddings');
   */
  resume(name: string, options?: CallOptions): FilaPromise<Queue>;
  /**
   * Accepts nothing new; the rest is processed.
   * @example await fila.queues.drain('embeddings');
   */
  drain(name: string, options?: CallOptions): FilaPromise<Queue>;
  /**
   * Removes a queue that is empty.
   * @example await fila.queues.remove('embeddings');
   */
  remove(name: string, options?: CallOptions): FilaPromise<Queue>;
}

export function createQueues(send: Send): Queues {
  const turn = (verb: string) => (name: string, options?: CallOptions) =>
    send<Queue>({ method: 'POST', path: `${QUEUE}/${verb}`, id: name, as: 'admin' }, options);
  return {
    create: (body, options) => send({ method: 'POST', path: QUEUES, as: 'admin', body }, options),
    list: (options) => send({ method: 'GET', path: QUEUES, as: 'admin' }, options),
    get: (name, options) => send({ method: 'GET', path: QUEUE, id: name, as: 'admin' }, options),
    update: (name, body, options) =>
      send({ method: 'PUT', path: QUEUE, id: name, as: 'admin', body }, options),
    pause: turn('pause'),
    resume: turn('resume'),
    drain: turn('drain'),
    remove: (name, options) => send({ method: 'DELETE', path: QUEUE, id: name, as: 'admin' }, options),
  };
}
