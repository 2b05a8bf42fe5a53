/** Named queues: what operators say about them, in force here once it is committed, at every other broker within a second. */
import type { QueueWork } from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { CreateQueue, CreateRequest, Queue, UpdateQueue } from '../../kernel/contract.generated.ts';
import { fail, type FilaError } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import { DEFAULT_QUEUE } from '../../kernel/lanes.ts';
import type { Logger } from '../../kernel/logger.ts';
import { promptBytesOf } from '../../kernel/prompt-bytes.ts';
import { FOLLOW_EVERY_MS, rowsInForce } from '../../kernel/rows-in-force.ts';
import { services, type Service } from '../../kernel/service.ts';
import type { Stage } from '../../kernel/stage.ts';
import type { Accepted, Arrival, EndedFacts } from '../requests/requests.ts';
import { createQueuePlaces } from './queue-places.ts';
import { COUNTS_UP_TO, NO_POLICY, policyFromWire, queueOnWire } from './queue-policy.ts';
import type { QueueChange, QueuePolicy, QueueState, QueueStore, StoredQueue } from './queue-store.ts';

export { NO_POLICY } from './queue-policy.ts';
export type { QueuePolicy } from './queue-store.ts';

/** Also the service that follows what other brokers write. */
export interface Queues extends Service {
  /** A request comes into a queue that exists, takes new ones, is not full, and takes prompts of this size. */
  readonly admit: Stage<Arrival, Accepted>;
  /** As admit, without a place: who has checked many takes their places together. */
  check<Out>(arrival: Arrival, next: (arrival: Arrival) => Promise<Out>): Promise<Out>;
  /** Runs `accept` with so many places of each queue taken; throws queue_full when one of them has too few. */
  takePlaces<T>(counts: ReadonlyMap<string, number>, accept: () => Promise<Taken<T>>): Promise<T>;
  /** No older than a second. Of a queue that is not there any more nothing differs from the daemon's settings. */
  policyOf(name: string): QueuePolicy;
  /** How many of its requests may be under way here at once; 0 while it is paused, or not known yet. */
  capOf(name: string): number;
  has(name: string): boolean;
  isPaused(name: string): boolean;
  /** Told when anything is different from before. */
  onChange(listener: () => void): void;
  ended(facts?: EndedFacts): void;

  list(): Promise<Queue[]>;
  get(name: string): Promise<Queue>;
  create(input: CreateQueue): Promise<Queue>;
  update(name: string, input: UpdateQueue): Promise<Queue>;
  switch(name: string, state: QueueState): Promise<Queue>;
  /** Conflict while anything in it has not ended; the default queue stays. */
  remove(name: string): Promise<Queue>;
}

/** Places are given back unless something new came of them. */
export interface Taken<T> {
  readonly isNew: boolean;
  readonly answer: T;
}

export interface QueuesDeps {
  readonly store: QueueStore;
  readonly workOf: (queue: string, most: number) => Promise<QueueWork>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOOK_EVERY_MS = 1_000;
const FULL_RETRY_S = 5;
const DRAINING_RETRY_S = 10;

export function createQueues({ store, workOf, clock, logger }: QueuesDeps): Queues {
  const places = createQueuePlaces(workOf);
  const listeners: (() => void)[] = [];
  const lost = { ...NO_POLICY, name: DEFAULT_QUEUE, state: 'active', createdAt: 0 } as const;
  let queues = new Map<string, StoredQueue>([[DEFAULT_QUEUE, lost]]);
  /** Names of lanes that no queue was found for, and those that are being looked for. */
  const gone = new Set<string>();
  const sought = new Set<string>();

  function tell(): void {
    for (const listener of listeners) listener();
  }

  const { reload, changed, areKnown } = rowsInForce(
    () => store.all(),
    (all) => {
      const before = JSON.stringify([...queues.values()]);
      queues = new Map(all.map((queue) => [queue.name, queue]));
      if (!queues.has(DEFAULT_QUEUE)) queues.set(DEFAULT_QUEUE, lost);
      for (const name of queues.keys()) gone.delete(name);
      if (JSON.stringify([...queues.values()]) !== before) tell();
    },
  );

  /** Nothing of a queue starts before its rules are known, also when another broker has just made it. */
  function seek(name: string): void {
    if (sought.has(name)) return;
    sought.add(name);
    reload()
      .then(
        () => {
          if (!queues.has(name)) gone.add(name);
          tell();
        },
        // Nothing can be claimed now either; the next time somebody asks it is looked for again.
        () => undefined,
      )
      .finally(() => sought.delete(name));
  }

  /** One that another broker has just made is not known here yet. */
  async function find(name: string): Promise<StoredQueue | undefined> {
    await reload();
    return queues.get(name);
  }

  async function check<Out>(arrival: Arrival, next: (arrival: Arrival) => Promise<Out>): Promise<Out> {
    const { queue: name = DEFAULT_QUEUE } = arrival.input;
    const queue = queues.get(name) ?? (await find(name));
    if (!queue)
      throw wrong('/queue', 'must be the name of a queue that exists', `There is no queue ${name}.`);
    if (queue.state === 'draining')
      throw fail('queue_draining', {
        detail: `The queue ${name} is being emptied and takes nothing new.`,
        retryAfter: DRAINING_RETRY_S,
      });
    checkPrompt(queue, arrival.input);
    return next({ ...arrival, defaultPriority: queue.defaultPriority });
  }

  async function takeOf<T>(name: string, count: number, accept: () => Promise<Taken<T>>): Promise<T> {
    const most = queues.get(name)?.maxQueued ?? 0;
    const taken = await places.take(name, most, accept, count);
    if (taken) return taken.answer;
    throw full(name, most, count);
  }

  async function takePlaces<T>(
    counts: ReadonlyMap<string, number>,
    accept: () => Promise<Taken<T>>,
  ): Promise<T> {
    const takeAll = async ([first, ...others]: readonly [string, number][]): Promise<Taken<T>> => {
      if (!first) return accept();
      return takeOf(...first, async () => {
        const answer = await takeAll(others);
        return { answer, isNew: answer.isNew };
      });
    };
    return (await takeAll([...counts])).answer;
  }

  const admit = (arrival: Arrival, next: (arrival: Arrival) => Promise<Accepted>): Promise<Accepted> =>
    check(arrival, (checked) =>
      takeOf(checked.input.queue ?? DEFAULT_QUEUE, 1, async () => {
        const answer = await next(checked);
        return { answer, isNew: !answer.isRepeated };
      }),
    );

  async function look(): Promise<void> {
    for (const { name, maxQueued } of queues.values()) if (maxQueued) await places.look(name, maxQueued);
  }

  async function stored(name: string): Promise<StoredQueue> {
    const queue = (await store.all()).find((one) => one.name === name);
    if (!queue) throw fail('not_found', { detail: 'There is no such queue.' });
    return queue;
  }

  async function toWire(queue: StoredQueue): Promise<Queue> {
    return queueOnWire(queue, await workOf(queue.name, COUNTS_UP_TO), clock.now());
  }

  async function change(name: string, what: QueueChange): Promise<Queue> {
    const before = await stored(name);
    await store.change(name, what);
    await changed();
    const was = Object.fromEntries(
      Object.keys(what).map((field) => [field, before[field as keyof StoredQueue]]),
    );
    logger.info({ queue: name, was, is: what }, 'queue changed by an operator');
    return toWire(await stored(name));
  }

  const failed = (what: string) => (error: unknown) =>
    logger.warn({ err: error }, `${what} failed; what was known holds`);
  const tickers = services([
    every('reload queues', FOLLOW_EVERY_MS, reload, failed('reading queues')),
    every('count queues with a limit', LOOK_EVERY_MS, look, failed('counting queues')),
  ]);

  return {
    name: 'queues',
    start: async () => {
      await reload().catch(failed('reading queues'));
      await tickers.start();
    },
    stop: () => tickers.stop(),
    ...{ admit, check, takePlaces },
    policyOf: (name) => queues.get(name) ?? NO_POLICY,
    capOf: (name) => {
      const queue = queues.get(name);
      if (!areKnown() || queue?.state === 'paused') return 0;
      if (!queue && !gone.has(name)) {
        seek(name);
        return 0;
      }
      return queue?.concurrency || Number.POSITIVE_INFINITY;
    },
    has: (name) => queues.has(name),
    isPaused: (name) => queues.get(name)?.state === 'paused',
    onChange: (listener) => void listeners.push(listener),
    ended: (facts) => {
      // Who tells without facts may tell twice: the next look at the rows finds out.
      if (facts?.queue !== undefined) places.ended(facts.queue);
    },

    list: async () => {
      const all: Queue[] = [];
      for (const queue of await store.all()) all.push(await toWire(queue));
      return all;
    },
    get: async (name) => toWire(await stored(name)),
    create: async ({ name, ...policy }) => {
      const queue: StoredQueue = {
        ...{ ...NO_POLICY, ...policyFromWire(policy) },
        ...{ name, state: 'active', createdAt: clock.now() },
      };
      if (!(await store.insert(queue)))
        throw fail('conflict', { detail: `There is a queue ${name} already.` });
      await changed();
      logger.info({ queue: name, ...policy }, 'queue created');
      return toWire(queue);
    },
    update: (name, input) => change(name, policyFromWire(input)),
    switch: (name, state) => change(name, { state }),
    remove: async (name) => {
      const queue = await stored(name);
      if (name === DEFAULT_QUEUE) throw fail('conflict', { detail: 'The default queue cannot be removed.' });
      const { pending, delayed, processing } = await workOf(name, 1);
      if (pending + delayed + processing > 0)
        throw fail('conflict', { detail: 'The queue is not empty: drain it first.' });
      await store.remove(name);
      await changed();
      logger.info({ queue: name }, 'queue removed');
      return toWire(queue);
    },
  };
}

function full(name: string, most: number, count: number): FilaError {
  if (count > most)
    return fail('validation_failed', {
      detail: `The queue ${name} takes ${most} requests that have not ended: ${count} together never fit.`,
      limit: 'queue',
    });
  return fail('queue_full', {
    detail: `${most} requests of the queue ${name} have not ended, and more are not taken.`,
    limit: 'queue',
    retryAfter: FULL_RETRY_S,
  });
}

/** Everything the model is to read, as it was sent. */
function checkPrompt({ name, maxPromptBytes }: StoredQueue, input: CreateRequest): void {
  if (maxPromptBytes === null) return;
  const bytes = promptBytesOf(input);
  if (bytes <= maxPromptBytes) return;
  const detail = `must have at most ${maxPromptBytes} bytes of text in the queue ${name}`;
  const pointer = `/${(['prompt', 'messages', 'input'] as const).find((name) => input[name] !== undefined)}`;
  throw wrong(pointer, detail, `The prompt has ${bytes} bytes; the queue ${name} takes ${maxPromptBytes}.`);
}

function wrong(pointer: string, detail: string, sentence: string) {
  return fail('validation_failed', { detail: sentence, errors: [{ pointer, detail }] });
}
