/** Batches on real databases: all of an upload or nothing of it, whatever is wrong with it and whoever dies meanwhile. */
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { memoryActiveLanes } from '../../engines/active-lanes/memory-active-lanes.ts';
import { createChecker } from '../../http/contract.ts';
import { parseJsonBody } from '../../http/json-body.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { BatchResult } from '../../kernel/contract.generated.ts';
import { fail, type FilaError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { listOf } from '../../kernel/lanes.ts';
import { ALL_RIGHTS, ALL_STORED_RIGHTS, rightsOf } from '../../kernel/key-rights.ts';
import { NO_LIMITS } from '../../kernel/key-limits.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { inOrder } from '../../kernel/stage.ts';
import { lineArrival } from '../../stages.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { createModels } from '../models/models.ts';
import { refuseOutside, type AcceptedKey } from '../keys/keys.ts';
import { createQueues, NO_POLICY, type Queues } from '../queues/queues.ts';
import { createRequests } from '../requests/requests.ts';
import { batchStore, type BatchStore } from './batch-store.ts';
import { createBatches, type Outcome } from './batches.ts';

const OWNER = newId('run');
const newKey = (): AcceptedKey => ({
  ...{ id: newId('key'), name: 'shop', plan: null, expiresAt: null, ...NO_LIMITS },
  rights: ALL_RIGHTS,
});

const QUEUES = [
  { ...NO_POLICY, name: 'default', state: 'active', createdAt: 0 },
  { ...NO_POLICY, name: 'small', state: 'active', createdAt: 0, maxQueued: 3 },
];

type Lines = readonly (object | string)[];

const textOf = (lines: Lines): string =>
  lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');

const numbered = (count: number): object[] =>
  Array.from({ length: count }, (_, n) => ({
    ...{ custom_id: `c${n}`, request: { prompt: `Number ${n}`, model: 'm:1b', metadata: { n } } },
  }));

async function* sent(text: string): AsyncGenerator<Buffer, void> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
}

async function refusalOf(promise: Promise<unknown>): Promise<FilaError['details'] & { code: string }> {
  const error = (await promise.then(
    () => expect.unreachable('it was not refused'),
    (thrown: unknown) => thrown,
  )) as FilaError;
  return { ...error.details, code: error.code };
}

describe.each(DATABASES)('batches on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('where it is installed', () => {
    let engines: Engines;
    let queues: Queues;
    beforeAll(async () => {
      engines = await open();
      queues = createQueues({
        ...{ clock: systemClock, logger: silentLogger },
        store: { all: async () => QUEUES } as never,
        workOf: (queue, most) => engines.ledger.sweeps.workOf(queue, most),
      });
      await queues.start();
      return () => queues.stop();
    });

    function room(instead: { store?: Partial<BatchStore>; refusal?: FilaError } = {}) {
      const { ledger, vault } = engines;
      const activeLanes = memoryActiveLanes();
      const defaultModel = (): string => 'usual:1b';
      const common = { ledger, vault, clock: systemClock, logger: silentLogger };
      const requests = createRequests({
        ...{ ...common, activeLanes, defaultModel, offerLane: () => false, makeRoom: () => null },
        ...{ hasReceivers: async () => false, problemOfCallback: () => null },
      });
      const models = createModels({
        ...{ aliases: { modelOf: (name) => name }, defaultModel },
        ...{ allowCloudModels: false, isCloudModel: (name) => name.endsWith('-cloud') },
      });
      const store = { ...batchStore(ledger.sql), ...instead.store };
      const places = { taken: 0 };
      const batches = createBatches({
        ...{ store, vault, requests, queues, logger: silentLogger },
        limits: {
          admitTogether: async (_key, count) => {
            if (!instead.refusal) places.taken += count;
            return instead.refusal ?? null;
          },
          giveBack: (_key, count = 1) => void (places.taken -= count),
        },
        stage: {
          ...{ parse: parseJsonBody, check: createChecker('BatchLine') },
          arrive: inOrder(
            lineArrival({
              keys: { refuseOutside },
              models,
              queues,
              requests,
            }),
          ),
          limits: { maxLineBytes: 2_000, maxBytes: 4_000_000 },
        },
        timings: { finishEveryMs: 5, idleMs: -1_000 },
      });
      const upload = (key: AcceptedKey, lines: Lines, idempotencyKey: string | null = null) =>
        batches.create({ key, body: sent(textOf(lines)), idempotencyKey });
      const rows = async (key: AcceptedKey) => (await requests.list(key.id, { limit: 100 })).items;
      async function read(key: AcceptedKey, id: string, outcome: Outcome, after?: string) {
        const all: BatchResult[] = [];
        for await (const line of await batches.lines(key.id, id, { outcome, after })) all.push(line);
        return all;
      }
      /** Ends those that are there: `how` says of each, in their order, in which way. */
      async function run(key: AcceptedKey, how: (index: number) => 'completed' | 'failed'): Promise<void> {
        const laneId = await ledger.lanes.idOf({ queue: 'default', keyId: key.id, band: 2, model: 'm:1b' });
        const claimed = await ledger.claim({ laneId, limit: 1_000, owner: OWNER, leaseMs: 30_000 });
        const settled = claimed.map(async ({ id, fence }, index) => {
          const to = how(index);
          const result = requests.sealResult(id, { text: `answer ${index}`, finish_reason: 'stop' });
          const sealed = requests.sealError(id, { code: 'upstream_failed', message: 'no' });
          const what = to === 'completed' ? { result } : { error: { code: 'upstream_failed', sealed } };
          await ledger.settle({
            ...{ id, fence, owner: OWNER, to, countsAttempt: true, notify: false, ...what },
          });
        });
        await Promise.all(settled);
      }
      const traces = async () => {
        const [lines, uploads] = await Promise.all([
          ledger.sql.all('SELECT 1 FROM batch_lines WHERE body IS NOT NULL'),
          ledger.sql.all(`SELECT 1 FROM batches WHERE state NOT IN ('stored', 'ended')`),
        ]);
        return lines.length + uploads.length;
      };
      return { batches, store, requests, activeLanes, places, upload, rows, read, run, traces };
    }

    it('are requests like others, in the order of the upload, that know their batch', async () => {
      const [{ batches, requests, upload, rows, activeLanes, traces }, key] = [room(), newKey()];
      const soon = new Date(Date.now() + 3_600_000).toISOString();
      const later = {
        custom_id: 'later',
        request: { messages: [{ role: 'user', content: 'é' }], run_at: soon },
      };
      const { batch, isRepeated } = await upload(key, [...numbered(30), '', later]);
      expect(isRepeated).toBe(false);
      expect(batch).toMatchObject({ status: 'in_progress', total: 31, progress: 0, completed_at: null });
      expect(batch.counts).toMatchObject({ pending: 31, processing: 0, completed: 0 });
      expect(await batches.get(key.id, batch.id)).toEqual(batch);
      const all = (await rows(key)).reverse();
      expect(all.map(({ custom_id }) => custom_id)).toEqual([
        ...numbered(30).map((_, n) => `c${n}`),
        'later',
      ]);
      expect(all[7]).toMatchObject({
        batch_id: batch.id,
        metadata: { n: 7 },
        model: 'm:1b',
        status: 'pending',
      });
      expect(all[30]).toMatchObject({ run_at: soon, model: 'usual:1b' });
      expect(await requests.checks.find()).toEqual([]);
      expect(await traces()).toBe(0);
      const list = listOf({ queue: 'default', band: 2, model: 'm:1b' });
      await vi.waitFor(async () => expect(await activeLanes.next(list, 9)).toHaveLength(1));
    });

    it('name lines that the key may not send among all that are wrong', async () => {
      const key = { ...newKey(), rights: rightsOf({ ...ALL_STORED_RIGHTS, allowedModels: ['m*'] }) };
      const other = { custom_id: 'other', request: { prompt: 'x', model: 'qwen:1b' } };
      const refused = await refusalOf(room().upload(key, [...numbered(2), other, { custom_id: 'odd' }]));
      expect(refused).toMatchObject({
        code: 'validation_failed',
        errors: [
          { line: 3, custom_id: 'other', pointer: '/request/model' },
          { line: 4, custom_id: 'odd' },
        ],
      });
    });

    it('of thousands of lines are taken whole', async () => {
      const [{ batches, upload, store }, key] = [room(), newKey()];
      const { batch } = await upload(key, numbered(2_500));
      expect((await batches.get(key.id, batch.id)).counts.pending).toBe(2_500);
      const lines = await store.linesIn(batch.id, ['pending'], 0, 10_000);
      expect(lines.map(({ line }) => line)).toEqual(Array.from({ length: 2_500 }, (_, n) => n + 1));
    });

    it('name every line that is wrong and why, and leave no trace then', async () => {
      const [{ upload, rows, traces, places }, key] = [room(), newKey()];
      const refusal = await refusalOf(
        upload(key, [
          ...numbered(3),
          '{"custom_id":',
          { custom_id: 'c1', request: { prompt: 'again' } },
          { custom_id: 'two', request: { prompt: 'a', messages: [] } },
          { custom_id: 'typo', request: { prompt: 'a', modle: 'm' }, more: 1 },
          { custom_id: 'far', request: { prompt: 'a', model: 'big-cloud' } },
          { custom_id: 'lost', request: { prompt: 'a', queue: 'nowhere' } },
          { custom_id: 'late', request: { prompt: 'a', deadline: '2020-01-01T00:00:00Z' } },
          { custom_id: 'long', request: { prompt: 'a'.repeat(2_000) } },
          { request: { prompt: 'a' } },
        ]),
      );
      expect(refusal.code).toBe('validation_failed');
      expect(refusal.detail).toBe(
        '9 lines are wrong, so that nothing was accepted: line 4 is not valid JSON.',
      );
      expect(
        refusal.errors!.map(({ line, custom_id, pointer, detail }) => [line, custom_id, pointer, detail]),
      ).toEqual([
        [4, undefined, '', 'is not valid JSON'],
        [5, 'c1', '/custom_id', 'is that of line 2 already'],
        [6, 'two', '/request', expect.stringContaining('one of prompt, messages and input')],
        [6, 'two', '/request/messages', expect.any(String)],
        [7, 'typo', '/more', 'is not a known field'],
        [7, 'typo', '/request/modle', 'is not a known field'],
        [8, 'far', '/request/model', 'must not be a cloud model'],
        [9, 'lost', '/request/queue', 'must be the name of a queue that exists'],
        [10, 'late', '/request/deadline', 'must be in the future'],
        [11, undefined, '', 'has more than 2000 bytes'],
        [12, undefined, '/custom_id', 'is missing'],
      ]);
      expect([await rows(key), await traces(), places.taken]).toEqual([[], 0, 0]);
    });

    it('name the first hundred wrong lines only, and take neither none nor more than 10,000', async () => {
      const [{ upload, traces }, key] = [room(), newKey()];
      const wrong = await refusalOf(
        upload(
          key,
          Array.from({ length: 150 }, () => ({})),
        ),
      );
      expect(new Set(wrong.errors!.map(({ line }) => line)).size).toBe(100);
      expect((await refusalOf(upload(key, ['', ' ']))).detail).toBe('The upload has no lines.');
      const small = Array.from({ length: 10_001 }, (_, n) => ({
        custom_id: `${n}`,
        request: { prompt: 'a' },
      }));
      expect((await refusalOf(upload(key, small))).errors).toEqual([
        { line: 10_001, pointer: '', detail: 'is one more than the 10000 that an upload may have' },
      ]);
      expect(await refusalOf(upload(key, [' '.repeat(4_000_001)]))).toMatchObject({ code: 'body_too_large' });
      expect(await traces()).toBe(0);
    });

    it('are refused whole when the key or a queue has too little room, and give their places back', async () => {
      const key = newKey();
      const limited = room({ refusal: fail('rate_limited', { limit: 'minute' }) });
      expect(await refusalOf(limited.upload(key, numbered(2)))).toMatchObject({ limit: 'minute' });
      const { upload, rows, places, traces } = room();
      const small = (count: number, from = 0): object[] =>
        Array.from({ length: count }, (_, n) => ({
          ...{ custom_id: `s${from + n}`, request: { prompt: 'a', queue: 'small' } },
        }));
      const never = await refusalOf(upload(key, [...numbered(2), ...small(4)]));
      expect(never).toMatchObject({
        code: 'validation_failed',
        detail: expect.stringContaining('never fit'),
      });
      await upload(key, small(2));
      expect(await refusalOf(upload(key, small(2)))).toMatchObject({ code: 'queue_full', retryAfter: 5 });
      await upload(key, small(1));
      expect(await rows(key)).toHaveLength(3);
      expect([places.taken, await traces()]).toEqual([3, 0]);
    });

    it('are the same batch for the same key and bytes, also at once, and a mismatch for others', async () => {
      const [{ batches, upload, rows, places }, key] = [room(), newKey()];
      const answers = await Promise.all(Array.from({ length: 4 }, () => upload(key, numbered(20), 'once')));
      const again = await upload(key, numbered(20), 'once');
      const { id } = again.batch;
      expect(again.isRepeated).toBe(true);
      expect(answers.map(({ batch }) => batch.id)).toEqual([id, id, id, id]);
      expect(answers.filter(({ isRepeated }) => !isRepeated)).toHaveLength(1);
      expect(await refusalOf(upload(key, numbered(21), 'once'))).toMatchObject({
        code: 'idempotency_mismatch',
      });
      expect((await upload(newKey(), numbered(1), 'once')).isRepeated).toBe(false);
      expect([(await rows(key)).length, places.taken]).toEqual([20, 21]);
      await engines.ledger.sql.run(`UPDATE batches SET created_at = created_at - 86400001`);
      for (const { forget } of batches.leftovers) while ((await forget()) > 0);
      expect((await upload(key, numbered(20), 'once')).isRepeated).toBe(false);
    });

    it('give results and errors in the order of the upload, and are completed when all have ended', async () => {
      const [{ batches, upload, read, run }, key] = [room(), newKey()];
      const { batch } = await upload(key, numbered(120));
      await run(key, (index) => (index % 3 === 0 ? 'failed' : 'completed'));
      const [results, errors] = [await read(key, batch.id, 'results'), await read(key, batch.id, 'errors')];
      const all = numbered(120).map((_, n) => n);
      expect(results.map(({ custom_id }) => custom_id)).toEqual(all.filter((n) => n % 3).map((n) => `c${n}`));
      expect(errors.map(({ custom_id }) => custom_id)).toEqual(
        all.filter((n) => n % 3 === 0).map((n) => `c${n}`),
      );
      expect(results[0]).toMatchObject({ status: 'completed', result: { text: 'answer 1' }, error: null });
      expect(errors[1]).toMatchObject({ status: 'failed', result: null, error: { code: 'upstream_failed' } });
      const done = await batches.get(key.id, batch.id);
      expect(done).toMatchObject({ status: 'completed', progress: 1, counts: { completed: 80, failed: 40 } });
      expect(Math.abs(Date.parse(done.completed_at!) - Date.now())).toBeLessThan(60_000);
      expect(await batches.get(key.id, batch.id)).toEqual(done);
      expect(await refusalOf(batches.cancel(key.id, batch.id))).toMatchObject({ code: 'conflict' });
    });

    it('that are cancelled end what has not ended, and leave the rest as it is', async () => {
      const [{ batches, upload, read, run }, key] = [room(), newKey()];
      const { batch: done } = await upload(key, numbered(5));
      await run(key, () => 'completed');
      const { batch } = await upload(key, numbered(250));
      const cancelled = await batches.cancel(key.id, batch.id);
      expect(cancelled).toMatchObject({ status: 'cancelled', counts: { cancelled: 250, pending: 0 } });
      expect(await batches.cancel(key.id, batch.id)).toEqual(cancelled);
      expect(await read(key, batch.id, 'errors')).toHaveLength(250);
      const [middle] = (await read(key, batch.id, 'errors')).slice(99);
      expect(await read(key, batch.id, 'errors', middle!.request_id)).toHaveLength(150);
      await expect(read(key, batch.id, 'errors', newId('req'))).rejects.toMatchObject({
        code: 'invalid_cursor',
      });
      expect((await batches.get(key.id, done.id)).status).toBe('completed');
    });

    it('with a request that is gone are found broken', async () => {
      const [{ batches, upload, rows }, key] = [room(), newKey()];
      await upload(key, numbered(3));
      expect(await batches.checks.find()).toEqual([]);
      const [, { id }] = (await rows(key)) as [object, { id: string }];
      await engines.ledger.sql.run('DELETE FROM requests WHERE id = ?', [id]);
      expect(await batches.checks.find()).toMatchObject([{ rule: 'batch-is-whole', count: 1, sample: [id] }]);
      await engines.ledger.sql.run('DELETE FROM batch_lines WHERE request_id = ?', [id]);
    });

    it('of another key do not exist; own ones are listed newest first, page by page', async () => {
      const [{ batches, upload, read }, key] = [room(), newKey()];
      const ids: string[] = [];
      for (let n = 1; n <= 3; n++) ids.unshift((await upload(key, numbered(n))).batch.id);
      const other = newKey().id;
      for (const call of [
        () => batches.get(other, ids[0]!),
        () => batches.cancel(other, ids[0]!),
        () => read({ ...key, id: other }, ids[0]!, 'results'),
        () => batches.get(key.id, 'bat_'),
      ])
        expect(await refusalOf(call())).toMatchObject({ code: 'not_found' });
      const page = await batches.list(key.id, { limit: 2 });
      expect(page.items.map(({ id, total }) => [id, total])).toEqual([
        [ids[0], 3],
        [ids[1], 2],
      ]);
      const rest = await batches.list(key.id, { limit: 2, cursor: page.next_cursor! });
      expect([rest.items.map(({ id }) => id), rest.next_cursor]).toEqual([[ids[2]], null]);
      expect(await batches.list(other, {})).toEqual({ items: [], next_cursor: null });
    });

    describe('whose broker dies', () => {
      const died = () => Promise.reject(new Error('killed'));

      it('before it is accepted: there is nothing, and the clean-up deletes what it had put down', async () => {
        const key = newKey();
        const { upload } = room({ store: { accept: died, forgetUpload: died } });
        await expect(upload(key, numbered(450))).rejects.toThrow('killed');
        const { batches, rows, traces } = room();
        expect(await batches.list(key.id, {})).toEqual({ items: [], next_cursor: null });
        expect([await rows(key), (await traces()) > 0]).toEqual([[], true]);
        await engines.ledger.sql.run(`UPDATE batches SET changed_at = 0 WHERE state = 'uploading'`);
        for (const { forget } of batches.leftovers) while ((await forget()) > 0);
        expect(await traces()).toBe(0);
      });

      it('after it is accepted, between two rows: another makes it whole, each row once', async () => {
        const key = newKey();
        let left = 2;
        const { pour } = batchStore(engines.ledger.sql);
        const store = { pour: (id: string, after: number) => (left-- > 0 ? pour(id, after) : died()) };
        await expect(room({ store }).upload(key, numbered(700), 'kept')).rejects.toThrow('killed');
        const { batches, upload, store: whole } = room();
        const [batch] = (await batches.list(key.id, {})).items;
        expect(batch).toMatchObject({ total: 700, status: 'in_progress', counts: { pending: 700 } });
        onTestFinished(() => batches.stop());
        await batches.start();
        await vi.waitFor(
          async () => expect(await whole.linesIn(batch!.id, ['pending'], 0, 1_000)).toHaveLength(700),
          { timeout: 10_000 },
        );
        expect(await upload(key, numbered(700), 'kept')).toMatchObject({ isRepeated: true });
        expect((await batches.list(key.id, {})).items).toHaveLength(1);
      });

      it('after it is accepted: the same upload again waits for no clean-up, and finds it whole', async () => {
        const [key, pour] = [newKey(), died];
        await expect(room({ store: { pour } }).upload(key, numbered(300), 'now')).rejects.toThrow('killed');
        const { upload, store } = room();
        const { batch } = await upload(key, numbered(300), 'now');
        expect(await store.linesIn(batch.id, ['pending'], 0, 1_000)).toHaveLength(300);
      });

      it('while it is cancelled: another cancels the rest', async () => {
        const [{ upload, store, batches }, key] = [room(), newKey()];
        const { batch } = await upload(key, numbered(30));
        await store.cancel(batch.id);
        expect((await batches.get(key.id, batch.id)).status).toBe('cancelling');
        onTestFinished(() => batches.stop());
        await batches.start();
        await vi.waitFor(async () => expect((await batches.get(key.id, batch.id)).status).toBe('cancelled'), {
          timeout: 10_000,
        });
        expect(await store.unfinished(-1_000)).toEqual([]);
      });
    });
  });
});
