/** One Idempotency-Key is one request, however often and however many at once it is sent. */
import { Fila } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { InternalOptions } from '../../packages/sdk/src/fila.ts';
import { startSimulatedFaults } from '../../packages/cli/src/simulate-faults/simulate-faults.ts';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { inParallel } from '../helpers/in-parallel.ts';

const COUNT = 200;

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('Idempotency-Key', () => {
    let ollama: SimulatedOllama;
    let daemon: Daemon;
    let key: string;

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 4 });
      daemon = await startDaemon({ ...(await environment()), FILA_OLLAMA_URLS: `${ollama.url}#slots=4` });
      key = (await new Fila({ url: daemon.url, adminToken: daemon.adminToken }).keys.create({ name: 'shop' }))
        .key;
    });
    afterAll(async () => {
      expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });

    async function post(idempotencyKey: string, body: object, as = key) {
      const headers = {
        authorization: `Bearer ${as}`,
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
      };
      const answer = await fetch(`${daemon.url}/api/v1/requests`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return {
        status: answer.status,
        replayed: answer.headers.get('idempotent-replayed'),
        body: (await answer.json()) as { id: string; code?: string },
      };
    }

    it('200 parallel posts with one key: one row, one call of the model, 200 equal ids', async () => {
      const answers = await inParallel(COUNT, Array.from({ length: COUNT }), (_, n) =>
        post(
          n % 2 ? 'order-4711' : '"order-4711"',
          n % 3 ? { prompt: 'once', priority: 5 } : { priority: 5, prompt: 'once' },
        ),
      );
      expect(answers.filter((one) => one.status !== 202 && one.status !== 200)).toEqual([]);
      const ids = new Set(answers.map((one) => one.body.id));
      expect(ids.size).toBe(1);
      expect(answers.filter((one) => one.replayed !== 'true')).toHaveLength(1);
      const fila = new Fila({ url: daemon.url, apiKey: key });
      expect((await fila.requests.wait([...ids][0]!)).status).toBe('completed');
      expect((await fila.requests.list().page()).items).toHaveLength(1);
      expect(Object.values(ollama.state().promptCalls).reduce((sum, one) => sum + one.calls, 0)).toBe(1);
    });

    it('calls that are cut after they were sent are made again by the SDK, and each of them is one row', async () => {
      const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
      const { key: apiKey } = await admin.keys.create({ name: 'cut' });
      const proxy = await startSimulatedFaults({ target: daemon.url });
      onTestFinished(() => proxy.stop());
      const next = Array.from({ length: 60 }, (_, n) => ({
        fault: n % 2 ? 'drop_after' : 'cut',
        bytes: n * 8,
      }));
      await fetch(`${proxy.url}/_simulate`, { method: 'POST', body: JSON.stringify({ next }) });
      const patient = { maxRetries: next.length, sleep: async () => undefined };
      const fila = new Fila({ url: proxy.url, apiKey, ...patient } as InternalOptions);
      const prompts = Array.from({ length: 30 }, (_, n) => `cut ${n}`);
      const sent = await inParallel(10, prompts, (prompt) => fila.requests.create({ prompt }));
      const batch = await fila.batches.create([{ custom_id: 'a', request: { prompt: 'cut too' } }]);
      const { calls } = (await (await fetch(`${proxy.url}/_simulate`)).json()) as {
        calls: { fault: string }[];
      };
      expect(calls.filter(({ fault }) => fault !== null).length).toBeGreaterThan(40);
      const direct = new Fila({ url: daemon.url, apiKey });
      const rows = (await direct.requests.list({ limit: 100 }).page()).items.filter((row) => !row.batch_id);
      expect(rows.map(({ id }) => id).sort()).toEqual(sent.map(({ id }) => id).sort());
      expect(rows).toHaveLength(prompts.length);
      expect((await direct.batches.list().page()).items.map(({ id }) => id)).toEqual([batch.id]);
    });

    it('another body under the same key is refused, and nothing is accepted', async () => {
      await post('order-1', { prompt: 'first' });
      expect(await post('order-1', { prompt: 'second' })).toMatchObject({
        status: 422,
        body: { code: 'idempotency_mismatch' },
      });
    });

    it('the same key of another client is another request', async () => {
      const other = (
        await new Fila({ url: daemon.url, adminToken: daemon.adminToken }).keys.create({ name: 'other' })
      ).key;
      const [mine, theirs] = [
        await post('order-2', { prompt: 'same' }),
        await post('order-2', { prompt: 'same' }, other),
      ];
      expect(theirs.status).toBe(202);
      expect(theirs.body.id).not.toBe(mine.body.id);
    });

    it('a key that is no text is refused', async () => {
      expect(await post('x'.repeat(256), { prompt: 'a' })).toMatchObject({
        status: 400,
        body: { code: 'bad_request' },
      });
    });
  });
});
