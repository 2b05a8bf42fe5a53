/** The worker put together, on a real ledger and real lanes: from a row in line to its settlement, and a stop that loses nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventEmitter, once } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { listOf } from '../../kernel/lanes.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { NO_POLICY } from '../queues/queues.ts';
import type { Requests } from '../requests/requests.ts';
import type { CallOutcome, Slot, Upstreams } from '../upstreams/upstreams.ts';
import type { Job } from './jobs.ts';
import { openBench } from './testing/bench.ts';
import { createWorker, type WorkerDeps } from './worker.ts';

const ANSWER: CallOutcome = {
  ...{ kind: 'answered', text: 'Hello', finishReason: 'stop', promptTokens: 1, completionTokens: 2 },
  durations: { totalMs: 0, loadMs: 0, promptMs: 0, evalMs: 0, hiddenQueueMs: 0 },
};
const FAILURE: CallOutcome = {
  ...{ kind: 'failed', code: 'upstream_failed', message: 'It broke.', retryable: true, phase: 'stream' },
};
const BUSY: CallOutcome = { kind: 'busy', message: 'full' };

interface Call {
  readonly job: Job;
  end(outcome: CallOutcome): void;
}

/** One upstream with slots for every model; calls end when the test says so. */
async function openWorker(slots: number, more: Partial<WorkerDeps> = {}) {
  const bench = await openBench();
  const events = new EventEmitter();
  const calls: Call[] = [];
  const owner = newId('run');
  let taken = 0;
  let onFree = (): void => {};
  let onCancel = (_id: string): void => {};
  const queue = { cap: Number.POSITIVE_INFINITY, changed: (): void => {} };
  const upstreams: Pick<Upstreams, 'free' | 'capacity' | 'take' | 'onFree' | 'onLost'> = {
    free: () => slots - taken,
    capacity: () => slots,
    take: (_model, session): Slot | null => {
      if (session?.isPatient) return null;
      taken += 1;
      const release = (): void => {
        taken -= 1;
        onFree();
      };
      return { upstream: 'gpu:11434', run: async () => ANSWER, release };
    },
    onLost: () => undefined,
    onFree: (listener) => {
      onFree = listener;
      return () => {};
    },
  };
  const requests: Partial<Requests> = {
    sealResult: (_id, { text }) => Buffer.from(text),
    sealError: (_id, { code }) => Buffer.from(code),
    poisonError: () => Buffer.from('poison'),
    awaits: () => false,
    ended: (id) => void events.emit(id),
    onCancel: (listener) => void (onCancel = listener),
  };
  const folder = mkdtempSync(join(tmpdir(), 'fila-worker-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const worker = createWorker({
    spoolFile: join(folder, 'outcomes.spool'),
    ...{ ledger: bench.ledger, activeLanes: bench.lanes, clock: { now: () => Date.now() }, owner },
    ...{ requests: requests as Requests, upstreams: upstreams as Upstreams, logger: silentLogger },
    ...{ earlierRuns: [], forgetEarlierRuns: () => {}, leaseMs: 30_000, stopGraceMs: () => 20 },
    ...{
      ageingMs: () => 60_000,
      reservedSlots: () => 0,
      sessionWaitMs: () => 50,
      isAlone: () => false,
      pacesElsewhere: () => [],
    },
    limitsOf: async () => ({ maxConcurrent: 0, weight: 0 }),
    queues: {
      policyOf: () => NO_POLICY,
      capOf: () => queue.cap,
      onChange: (listener) => void (queue.changed = listener),
    },
    policy: { maxAttempts: 3, baseMs: 1, capMs: 5 },
    timers: { connectMs: 1_000, firstTokenMs: 1_000, gapMs: 1_000, totalMs: 60_000 },
    execute: (job) =>
      new Promise((end) => {
        job.signal.addEventListener('abort', () => end({ kind: 'cancelled' }));
        calls.push({ job, end });
        events.emit('call');
      }),
    ...more,
  });
  onTestFinished(() => worker.stop());
  /** The call of this number, as soon as it is made. */
  const callOf = async (number: number): Promise<Call> => {
    while (calls.length < number) await once(events, 'call');
    return calls[number - 1]!;
  };
  const state = async (id: string): Promise<string | undefined> => (await bench.ledger.find(id))?.state;
  return { ...bench, queue, worker, calls, callOf, state, events, cancelled: (id: string) => onCancel(id) };
}

describe('the worker', () => {
  it('runs what was in line before it started and what comes after, as far as slots are free', async () => {
    const { worker, arrive, insert, callOf, events, rest, calls } = await openWorker(2);
    const [forgotten] = await insert({ key: 'a' });
    await worker.start();
    const { job, end } = await callOf(1);
    expect(job.row.id).toBe(forgotten);
    await arrive({ key: 'b' }, 3);
    await callOf(2);
    await rest();
    expect([worker.running(), calls.length]).toEqual([2, 2]);
    const ended = once(events, forgotten!);
    end(ANSWER);
    await ended;
    await callOf(3);
  });

  it('hears at once of the first row of a list nobody knew', async () => {
    const { worker, arrive, callOf, rest } = await openWorker(1);
    await worker.start();
    await rest();
    const startedAt = performance.now();
    await arrive({ model: 'never seen' });
    await callOf(1);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  it('starts the next request as soon as a slot is free, and the next attempt as soon as it is due', async () => {
    const { worker, arrive, callOf } = await openWorker(1);
    await worker.start();
    const startedAt = performance.now();
    await arrive({}, 6);
    for (let number = 1; number <= 6; number++) (await callOf(number)).end(number < 6 ? ANSWER : FAILURE);
    expect((await callOf(7)).job.row.attempts).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(900);
  });

  it('lets a request of a session wait for its upstream, others go first, and it goes elsewhere in the end', async () => {
    const { worker, arrive, insert, callOf } = await openWorker(1);
    const [waiting] = await insert({ key: 'a' }, 1, { affinity: 7 });
    await worker.start();
    const startedAt = performance.now();
    const [other] = await arrive({ key: 'b' });
    const first = await callOf(1);
    expect(first.job.row.id).toBe(other);
    first.end(ANSWER);
    expect((await callOf(2)).job.row.id).toBe(waiting);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(45);
  });

  it('asks a full upstream again by itself, at no attempt', async () => {
    const { worker, arrive, callOf, events } = await openWorker(1);
    await worker.start();
    const [id] = await arrive({});
    (await callOf(1)).end(BUSY);
    const { job, end } = await callOf(2);
    expect(job.row).toMatchObject({ id, attempts: 0 });
    const ended = once(events, id!);
    end(ANSWER);
    await ended;
  });

  it('ends the call of a request that was cancelled, and runs the next one', async () => {
    const { worker, ledger, lane, arrive, callOf, cancelled, state } = await openWorker(1);
    await worker.start();
    const [first, second] = await arrive({}, 2);
    const { job } = await callOf(1);
    await ledger.cancel(first!, lane({}).keyId);
    cancelled(first!);
    expect(job.signal.aborted).toBe(true);
    expect((await callOf(2)).job.row.id).toBe(second);
    expect(await state(first!)).toBe('cancelled');
  });

  it('starts nothing while the queue is paused, and goes on as soon as it hears that it is not', async () => {
    const { worker, queue, arrive, rest, calls } = await openWorker(1);
    queue.cap = 0;
    await worker.start();
    await arrive({}, 2);
    await rest();
    expect(calls).toHaveLength(0);
    queue.cap = Number.POSITIVE_INFINITY;
    queue.changed();
    // Before any sweep: one would find the lane by itself.
    await rest();
    expect(calls).toHaveLength(1);
  });

  it('keeps its leases while calls run, and gives up what is no longer its own', async () => {
    const { worker, ledger, arrive, callOf, state } = await openWorker(2, { leaseMs: 600 });
    await worker.start();
    const [kept, lost] = await arrive({}, 2);
    const calls = [await callOf(1), await callOf(2)];
    const { signal } = calls.find(({ job }) => job.row.id === lost)!.job;
    await ledger.cancel(lost!, calls[0]!.job.row.keyId);
    if (!signal.aborted) await once(signal, 'abort');
    const renewals = vi.spyOn(ledger, 'renew');
    await vi.waitFor(() => expect(renewals.mock.calls.length).toBeGreaterThan(4), 10_000);
    expect(await ledger.sweeps.rescue({ graceMs: 0 }, () => Buffer.from('poison'))).toBe(0);
    expect(await state(kept!)).toBe('processing');
  });

  it('takes over what an earlier run of this folder left behind', async () => {
    const earlier = newId('run');
    const forgetEarlierRuns = vi.fn();
    const { worker, ledger, lane, insert, callOf } = await openWorker(1, {
      earlierRuns: [earlier],
      forgetEarlierRuns,
    });
    const [id] = await insert({});
    const laneId = await ledger.lanes.idOf(lane({}));
    await ledger.claim({ laneId, limit: 1, owner: earlier, leaseMs: 600_000 });
    await worker.start();
    expect((await callOf(1)).job.row.id).toBe(id);
    expect(forgetEarlierRuns).toHaveBeenCalledTimes(1);
  });
});

describe('a worker that stops', () => {
  it('lets calls end within the grace, claims nothing new, and leaves its lanes to others', async () => {
    const { worker, lanes, arrive, callOf, calls, state, rest } = await openWorker(1, {
      stopGraceMs: () => 60_000,
    });
    await worker.start();
    const ids = await arrive({}, 3);
    const { end } = await callOf(1);
    const stopped = worker.stop();
    await rest();
    end(ANSWER);
    await stopped;
    expect(await Promise.all(ids.map(state))).toEqual(['completed', 'pending', 'pending']);
    expect([calls.length, worker.running()]).toEqual([1, 0]);
    const list = listOf({ queue: 'default', band: 2, model: 'm' });
    expect(await lanes.next(list, 5)).toHaveLength(1);
  });

  it('hands back what did not end in time, at no cost', async () => {
    const { worker, ledger, arrive, callOf } = await openWorker(1);
    await worker.start();
    const [id] = await arrive({});
    await callOf(1);
    await worker.stop();
    expect(await ledger.find(id!)).toMatchObject({ state: 'pending', attempts: 0 });
  });

  it('may be stopped twice, and before it was started', async () => {
    const { worker } = await openWorker(1);
    await worker.stop();
    await worker.start();
    await worker.stop();
    await worker.stop();
    expect(worker.running()).toBe(0);
  });

  it('stops also when the lanes are away', async () => {
    const { worker, lanes, arrive, callOf } = await openWorker(1);
    await worker.start();
    await arrive({}, 2);
    await callOf(1);
    lanes.before.giveBack = () => {
      throw new Error('Redis is away');
    };
    await worker.stop();
    expect(worker.running()).toBe(0);
  });
});
