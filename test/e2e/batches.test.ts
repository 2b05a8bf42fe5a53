/** 10,000 requests in one upload, through the death of the broker while it takes them and while they run. */
import { Fila, type BatchLine, type BatchResult, type InvalidRequest } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { cuttingProxy } from '../helpers/cutting-proxy.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const COUNT = 10_000;
const MODEL = 'llama3:8b';

const linesOf = (count: number): BatchLine[] =>
  Array.from({ length: count }, (_, n) => ({
    ...{ custom_id: `line-${n}`, request: { prompt: `Batch prompt ${n}`, metadata: { n } } },
  }));
const named = (lines: readonly { custom_id: string | null }[]) => lines.map(({ custom_id }) => custom_id);

async function readAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function start(
  ollama: SimulatedOllama,
  environment: Record<string, string>,
  slots = 8,
): Promise<Daemon> {
  const daemon = await startDaemon({ ...environment, FILA_OLLAMA_URLS: `${ollama.url}#slots=${slots}` });
  onTestFinished(async () => {
    await daemon.stop();
    await ollama.stop();
  });
  return daemon;
}

const adminOf = ({ url, adminToken }: Daemon): Fila => new Fila({ url, adminToken });

describe.each(ENGINE_SETS)('a batch on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)(
    'of 10,000 survives kill -9 while it is taken and while it runs: in order, nothing lost, nothing twice',
    async () => {
      const ollama = await startSimulatedOllama({ slots: 8 });
      onTestFinished(() => ollama.stop());
      const settings = { ...(await environment()), FILA_OLLAMA_URLS: `${ollama.url}#slots=8` };
      // The lines are put down in 50 transactions, and get their rows in as many.
      const failpoints = 'ledger.before_commit:crash@75';
      const first = await startDaemon({ ...settings, FILA_FAILPOINTS: failpoints });
      const { key } = await adminOf(first).keys.create({ name: 'night' });
      const clientOf = ({ url }: Daemon, maxRetries?: number) => new Fila({ url, apiKey: key, maxRetries });
      const idempotencyKey = 'tonight';
      await expect(
        clientOf(first, 0).batches.create(linesOf(COUNT), { idempotencyKey }),
      ).rejects.toMatchObject({ name: 'ConnectionFailed' });

      const second = await startDaemon(settings, first.dataDir);
      const [found, ...others] = await readAll(clientOf(second).batches.list());
      expect([found?.total, others]).toEqual([COUNT, []]);
      const batch = await clientOf(second).batches.create(linesOf(COUNT), { idempotencyKey });
      expect(batch.id).toBe(found!.id);
      const progressOf = async () => (await clientOf(second).batches.get(batch.id)).progress;
      await expect.poll(progressOf, { timeout: 60_000, interval: 200 }).toBeGreaterThan(0.05);
      await second.kill();

      const third = await startDaemon(settings, first.dataDir);
      const fila = clientOf(third);
      const done = await fila.batches.wait(batch.id, { timeoutMs: 100_000 });
      expect(done).toMatchObject({ status: 'completed', total: COUNT, progress: 1 });
      expect(done.counts).toMatchObject({ completed: COUNT, failed: 0, pending: 0 });
      const proxy = await cuttingProxy(third.url, (n) => 150_000 + n * 77_777);
      const results = await readAll(new Fila({ url: proxy.url, apiKey: key }).batches.results(batch.id));
      expect(proxy.count()).toBeGreaterThan(3);
      expect(named(results)).toEqual(named(linesOf(COUNT)));
      const wrong = results.filter(
        ({ result }, n) => result?.text !== simulatedAnswer(MODEL, `Batch prompt ${n}`),
      );
      expect(wrong).toEqual([]);
      expect(new Set(results.map(({ request_id }) => request_id)).size).toBe(COUNT);
      expect(await readAll(fila.batches.errors(batch.id))).toEqual([]);
      const { total } = await adminOf(third).usage.get();
      expect(total).toMatchObject({ requests: COUNT, completed: COUNT });
      expect((await adminOf(third).verify.check()).problems).toEqual([]);
      const { request_id, custom_id } = results[1_234]!;
      expect(await fila.requests.get(request_id)).toMatchObject({ batch_id: batch.id, custom_id });
      expect(await third.stop()).toBe(0);
    },
    200_000,
  );

  it.skipIf(!isAvailable)(
    'is refused whole for one wrong line or one line too many for a limit',
    async () => {
      const daemon = await start(await startSimulatedOllama({ slots: 2 }), await environment(), 2);
      const { id, key } = await adminOf(daemon).keys.create({ name: 'careful', limit_hour: 50 });
      const fila = new Fila({ url: daemon.url, apiKey: key, maxRetries: 0 });
      const lines: object[] = linesOf(20);
      lines[7] = { custom_id: 'line-3', request: { prompt: 'Again' } };
      lines[11] = { custom_id: 'odd', request: { promt: 'Typo' } };
      const refusal = (await fila.batches
        .create(lines as BatchLine[])
        .catch((error: unknown) => error)) as InvalidRequest;
      expect(refusal).toMatchObject({ code: 'validation_failed', status: 422 });
      expect(refusal.errors).toEqual([
        { line: 8, custom_id: 'line-3', pointer: '/custom_id', detail: 'is that of line 4 already' },
        { line: 12, custom_id: 'odd', pointer: '/request', detail: expect.stringContaining('prompt') },
        { line: 12, custom_id: 'odd', pointer: '/request/promt', detail: 'is not a known field' },
      ]);
      await expect(fila.batches.create(linesOf(51))).rejects.toMatchObject({
        ...{ name: 'InvalidRequest', detail: expect.stringContaining('never fit') },
      });
      expect(await readAll(fila.batches.list())).toEqual([]);
      expect(await readAll(fila.requests.list())).toEqual([]);
      const batch = await fila.batches.create(linesOf(40));
      await expect(fila.batches.create(linesOf(11))).rejects.toMatchObject({ name: 'RateLimited' });
      const { limits } = await adminOf(daemon).limits.explain({ key: id });
      expect(limits.find(({ name }) => name === 'hour')).toMatchObject({ used: 40 });
      expect((await fila.batches.wait(batch.id)).counts).toMatchObject({ completed: 40 });
    },
  );

  it.skipIf(!isAvailable)('that is cancelled stops what has not ended, for its own key only', async () => {
    const ollama = await startSimulatedOllama({ slots: 2, firstTokenMs: 60_000 });
    const daemon = await start(ollama, await environment(), 2);
    const keys = await Promise.all(['own', 'other'].map((name) => adminOf(daemon).keys.create({ name })));
    const [own, other] = keys.map(({ key }) => new Fila({ url: daemon.url, apiKey: key })) as [Fila, Fila];
    const { id } = await own.batches.create(linesOf(1_000));
    await expect.poll(() => ollama.state().models[MODEL]?.running, { timeout: 10_000 }).toBe(2);
    for (const call of [() => other.batches.get(id), () => other.batches.cancel(id)])
      await expect(call()).rejects.toMatchObject({ name: 'NotFound' });
    await expect(readAll(other.batches.results(id))).rejects.toMatchObject({ name: 'NotFound' });
    const cancelled = await own.batches.cancel(id);
    expect(cancelled).toMatchObject({ status: 'cancelled', counts: { cancelled: 1_000 } });
    const errors: BatchResult[] = await readAll(own.batches.errors(id));
    expect(named(errors)).toEqual(named(linesOf(1_000)));
  });
});
