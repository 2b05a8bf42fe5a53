/** Named queues as clients and operators meet them: through HTTP, the SDK and the commands, on one broker and on two. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fila, type CreateRequest, type Queue, type Request } from '@fila/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { inParallel } from '../helpers/in-parallel.ts';

const run = promisify(execFile);
const HANG = '[[fault:hang_mid_stream]]';
/** What is promised is a second; the rest is for a busy machine. */
const SOON = { timeout: 5_000, interval: 50 };

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('queues', () => {
    let ollama: SimulatedOllama;
    let daemons: Daemon[];
    let admin: Fila;
    let key: string;
    let names = 0;

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 4 });
      const engines = await environment();
      // Several brokers only where they share their engines.
      const count = 'FILA_REDIS_URL' in engines ? 2 : 1;
      const settings = { ...engines, FILA_OLLAMA_URLS: `${ollama.url}#slots=4`, FILA_RETRY_BASE_MS: '50' };
      daemons = [];
      for (let i = 0; i < count; i++) daemons.push(await startDaemon(settings));
      const [first] = daemons;
      admin = new Fila({ ...{ url: first!.url, adminToken: first!.adminToken }, fetch: checkedFetch });
      ({ key } = await admin.keys.create({ name: 'shop' }));
      // The model fails on purpose here; that must not keep it from the next test.
      await admin.upstreams.setBreaker(new URL(ollama.url).host, 'closed');
    });
    afterEach(() => ollama.reset());
    afterAll(async () => {
      for (const daemon of daemons) expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });

    const client = (n = 0): Fila =>
      new Fila({ url: daemons[n % daemons.length]!.url, apiKey: key, fetch: checkedFetch, maxRetries: 0 });
    async function newQueue(policy: Parameters<Fila['queues']['update']>[1] = {}): Promise<string> {
      const name = `q-${(names += 1)}`;
      await admin.queues.create({ name, ...policy });
      return name;
    }
    const send = (queue: string, more: Partial<CreateRequest> = {}, n = 0): Promise<Request> =>
      Promise.resolve(client(n).requests.create({ prompt: `prompt ${n}`, queue, ...more }));
    const processing = async (queue: string): Promise<Request[]> =>
      (await client().requests.list({ queue, status: 'processing' }).page()).items;
    const cancelAll = (requests: readonly Request[]) =>
      Promise.all(requests.map(({ id }) => client().requests.cancel(id)));

    it('answer requests that name one on every broker, with its priority; one that is not there is named as wrong', async () => {
      const queue = await newQueue({ default_priority: 8 });
      for (const n of daemons.keys()) {
        const sent = await send(queue, { prompt: 'Hello' }, n);
        expect(sent).toMatchObject({ queue, priority: 8, degraded: false });
        expect(await client().requests.wait(sent.id)).toMatchObject({
          ...{ status: 'completed', queue, result: { text: simulatedAnswer('llama3:8b', 'Hello') } },
        });
      }
      expect(await client().requests.create({ prompt: 'Hello' })).toMatchObject({ queue: 'default' });
      await expect(send('nowhere')).rejects.toMatchObject({
        ...{ name: 'InvalidRequest', code: 'validation_failed' },
        errors: [{ pointer: '/queue' }],
      });
    });

    it('start a request at its time, and not before', async () => {
      const queue = await newQueue();
      const runAt = Date.now() + 1_500;
      const { id } = await send(queue, { run_at: new Date(runAt).toISOString() });
      expect(await admin.queues.get(queue)).toMatchObject({ pending: 0, delayed: 1, oldest_wait_ms: null });
      const ended = await client().requests.wait(id);
      expect(ended.status).toBe('completed');
      expect(Date.parse(ended.started_at!)).toBeGreaterThanOrEqual(runAt);
    });

    it('start nothing while paused, on every broker; what runs ends, accepting goes on, others go on, and all runs after', async () => {
      const [queue, other] = [await newQueue(), await newQueue()];
      ollama.control({ firstTokenMs: 300 });
      const before = await send(queue);
      await vi.waitFor(async () => expect(await processing(queue)).toHaveLength(1), SOON);
      const pausedAt = Date.now();
      expect(await admin.queues.pause(queue)).toMatchObject({ state: 'paused' });
      expect((await client().requests.wait(before.id)).status).toBe('completed');
      await new Promise((passed) => setTimeout(passed, Math.max(0, pausedAt + 1_000 - Date.now())));
      const waiting = await Promise.all(Array.from({ length: 12 }, (_, n) => send(queue, {}, n)));
      const beside = await Promise.all(Array.from({ length: 4 }, (_, n) => send(other, {}, n)));
      for (const { id } of beside) expect((await client().requests.wait(id)).status).toBe('completed');
      expect(await admin.queues.get(queue)).toMatchObject({ state: 'paused', pending: 12, running: 0 });
      expect((await admin.queues.get(queue)).oldest_wait_ms).toBeGreaterThan(0);
      await admin.queues.resume(queue);
      for (const { id } of waiting) expect((await client().requests.wait(id)).status).toBe('completed');
    });

    it('hand back what a broker had taken in advance when they are paused', async () => {
      const queue = await newQueue();
      ollama.control({ firstTokenMs: 100 });
      const sent = await inParallel(10, Array.from({ length: 60 }), (_, n) => send(queue, {}, n));
      await vi.waitFor(async () => expect((await processing(queue)).length).toBeGreaterThan(0), SOON);
      await admin.queues.pause(queue);
      await vi.waitFor(async () => expect((await admin.queues.get(queue)).running).toBe(0), SOON);
      const { pending } = await admin.queues.get(queue);
      expect(pending).toBeGreaterThan(0);
      await new Promise((passed) => setTimeout(passed, 500));
      expect(await admin.queues.get(queue)).toMatchObject({ pending, running: 0 });
      ollama.control({ firstTokenMs: 0 });
      await admin.queues.resume(queue);
      for (const { id } of sent)
        expect(await client().requests.wait(id)).toMatchObject({ status: 'completed', attempts: 1 });
    });

    it('accept nothing new while they drain, end what is there, and can be removed then and only then', async () => {
      const queue = await newQueue({ max_attempts: 1 });
      const hanging = await send(queue, { prompt: HANG });
      await expect(admin.queues.remove(queue)).rejects.toMatchObject({ name: 'Conflict' });
      const failing = await send(queue, { prompt: '[[fault:error_500]]' });
      await admin.queues.drain(queue);
      for (const n of daemons.keys())
        await vi.waitFor(async () => {
          const refused = send(queue, { run_at: '2099-01-01T00:00:00Z' }, n).then(
            ({ id }) => client().requests.cancel(id),
            (error: unknown) => Promise.reject(error),
          );
          await expect(refused).rejects.toMatchObject({ name: 'Unavailable', code: 'queue_draining' });
        }, SOON);
      const answer = await checkedFetch(`${daemons[0]!.url}/api/v1/requests`, {
        ...{ method: 'POST', body: JSON.stringify({ prompt: 'a', queue }) },
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '10']);
      expect((await client().requests.wait(failing.id)).status).toBe('failed');
      await client().requests.cancel(hanging.id);
      expect(await admin.queues.remove(queue)).toMatchObject({ name: queue, pending: 0, running: 0 });
      await expect(admin.queues.get(queue)).rejects.toMatchObject({ name: 'NotFound' });
      await vi.waitFor(() => expect(send(queue)).rejects.toMatchObject({ code: 'validation_failed' }), SOON);
      // Its dead letters can be tried again all the same.
      const { id } = await admin.deadLetters.retry(failing.id);
      expect(await client().requests.get(id)).toMatchObject({ queue: 'default', retry_of: failing.id });
    });

    it('run no more at once than they may on each broker, and leave the slots to others', async () => {
      const queue = await newQueue({ concurrency: 1 });
      const sent = await Promise.all(Array.from({ length: 6 }, (_, n) => send(queue, { prompt: HANG }, n)));
      const beside = await send('default', { prompt: 'Hello' });
      expect((await client().requests.wait(beside.id)).status).toBe('completed');
      await vi.waitFor(async () => expect((await processing(queue)).length).toBeGreaterThan(0), SOON);
      await new Promise((passed) => setTimeout(passed, 1_200));
      expect((await processing(queue)).length).toBeLessThanOrEqual(daemons.length);
      await admin.queues.update(queue, { concurrency: null });
      await vi.waitFor(
        async () => expect((await processing(queue)).length).toBeGreaterThan(daemons.length),
        SOON,
      );
      await cancelAll(sent);
    });

    it('take exactly as many as they may hold through one broker, lose none of them, and take more when one has ended', async () => {
      const queue = await newQueue({ max_queued: 40 });
      const later = { run_at: '2099-01-01T00:00:00Z' };
      const answers = await inParallel(20, Array.from({ length: 70 }), () =>
        send(queue, later).catch((error: unknown) => error as { code: string; retryAfterMs?: number }),
      );
      const accepted = answers.filter((one): one is Request => 'id' in one);
      expect(accepted).toHaveLength(40);
      for (const one of answers)
        if (!('id' in one)) expect(one).toMatchObject({ name: 'Unavailable', code: 'queue_full' });
      expect((await admin.queues.get(queue)).delayed).toBe(40);
      await client().requests.cancel(accepted[0]!.id);
      const next = await send(queue, later);
      await expect(send(queue, later)).rejects.toMatchObject({ code: 'queue_full' });
      // Another broker counts what it did not accept from the rows.
      const other = daemons.length - 1;
      await expect(send(queue, later, other)).rejects.toMatchObject({ code: 'queue_full' });
      await cancelAll([...accepted.slice(1), next]);
    });

    it('have attempts, a size of prompts and a time of calls of their own, which can be changed while requests wait', async () => {
      const queue = await newQueue({ max_attempts: 2, max_prompt_bytes: 100 });
      const failing = { prompt: '[[fault:error_500]]' };
      const attempts = async () => {
        const { id } = await send(queue, failing);
        const ended = await client().requests.wait(id);
        return [ended.status, ended.attempts];
      };
      expect(await attempts()).toEqual(['failed', 2]);
      await admin.queues.update(queue, { max_attempts: 1, total_timeout_ms: 300 });
      await vi.waitFor(async () => expect(await attempts()).toEqual(['failed', 1]), SOON);
      const slow = await send(queue, { prompt: HANG });
      expect(await client().requests.wait(slow.id)).toMatchObject({ error: { code: 'upstream_timeout' } });
      await expect(send(queue, { prompt: 'x'.repeat(101) })).rejects.toMatchObject({
        ...{ code: 'validation_failed', errors: [{ pointer: '/prompt' }] },
      });
    });

    it('ask their fallback model when the model has failed, once, and say so', async () => {
      const queue = await newQueue({ max_attempts: 2, fallback_model: 'gemma2:2b' });
      ollama.control({ faults: { next: [{ fault: 'error_500', times: 2 }] } });
      const { id } = await send(queue, { prompt: 'Hello' });
      expect(await client().requests.wait(id)).toMatchObject({
        ...{ status: 'completed', degraded: true, model: 'gemma2:2b', attempts: 3, error: null, queue },
        result: { text: simulatedAnswer('gemma2:2b', 'Hello') },
      });
      const missing = await send(queue, { prompt: 'Hello', model: 'nobody-has:1b' });
      expect(await client().requests.wait(missing.id)).toMatchObject({
        ...{ status: 'completed', degraded: true, model: 'gemma2:2b' },
      });
      const both = await send(queue, { prompt: '[[fault:error_500]]' });
      expect(await client().requests.wait(both.id)).toMatchObject({
        ...{ status: 'failed', degraded: true, model: 'gemma2:2b', attempts: 3 },
      });
      expect((await admin.deadLetters.get(both.id)).history).toHaveLength(3);
      const again = await admin.deadLetters.retry(both.id);
      expect(await client().requests.get(again.id)).toMatchObject({ model: 'llama3:8b', queue });
    });

    it('from the terminal: make, send, look, change, stop, empty and remove', async () => {
      const env = daemonEnvironment(daemons[0]!.dataDir, {
        ...{ FILA_URL: daemons[0]!.url, FILA_TOKEN: daemons[0]!.adminToken, FILA_API_KEY: key },
      });
      const fila = async (...words: string[]) =>
        (await run(process.execPath, [CLI, ...words], { env })).stdout;
      expect(await fila('queues', 'create', 'chat', '--concurrency', '2', '--max-queued', '50')).toMatch(
        /^name\tchat\nstate\tactive\n/,
      );
      expect(await fila('requests', 'send', 'Hello', '--queue', 'chat', '--wait')).toBe(
        `${simulatedAnswer('llama3:8b', 'Hello')}\n`,
      );
      expect(await fila('queues', 'pause', 'chat')).toBe('queue/chat paused\n');
      await new Promise((passed) => setTimeout(passed, 1_000));
      const id = (await fila('requests', 'send', 'Wait', '--queue', 'chat')).trim();
      expect(await fila('queues', 'list')).toMatch(/^chat\tpaused\t1\t0\t0\t\d+\ndefault\tactive\t/);
      expect(await fila('requests', 'list', '--queue', 'chat', '-o', 'name')).toContain(id);
      const shown = JSON.parse(await fila('queues', 'show', 'chat', '--json')) as Queue;
      expect(shown).toMatchObject({ name: 'chat', state: 'paused', concurrency: 2, pending: 1 });
      expect(await fila('queues', 'set', 'chat', '--max-queued', 'unset', '--max-attempts', '5')).toContain(
        'max attempts\t5\n',
      );
      await expect(fila('queues', 'remove', 'chat')).rejects.toMatchObject({ code: 6 });
      expect(await fila('queues', 'drain', 'chat')).toBe('queue/chat draining\n');
      await fila('requests', 'watch', id);
      expect(await fila('queues', 'remove', 'chat')).toBe('queue/chat removed\n');
      await expect(fila('requests', 'send', 'Late', '--queue', 'chat')).rejects.toMatchObject({ code: 2 });
    });
  });
});
