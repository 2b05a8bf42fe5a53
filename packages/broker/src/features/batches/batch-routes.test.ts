/** What the routes of batches take and give over HTTP; what the room makes of it is tested with the room. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { keyOf } from '../../http/authenticate.ts';
import { createServer } from '../../http/server.ts';
import type { Batch, BatchResult } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { ALL_RIGHTS } from '../../kernel/key-rights.ts';
import { NO_LIMITS } from '../../kernel/key-limits.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { batchRoutes } from './batch-routes.ts';
import type { Batches } from './batches.ts';

const KEY = { rights: ALL_RIGHTS, id: newId('key'), name: 'shop', plan: null, expiresAt: null, ...NO_LIMITS };
const BATCH = { id: newId('bat'), status: 'in_progress' } as Batch;
const result = (n: number): BatchResult => ({
  ...{ custom_id: `c${n}`, request_id: newId('req'), status: 'completed', error: null, usage: null },
  result: { text: 'x'.repeat(1_000), finish_reason: 'stop' },
});

async function start(
  batches: Partial<Batches>,
): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const server = createServer({
    ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1_024, adminToken: 'x'.repeat(40), logger: silentLogger },
    acceptKey: async () => KEY,
    routes: [
      batchRoutes({ batches: batches as Batches, keyOf, idempotencyKeyOf: () => null }),
      (app) =>
        void app.post('/api/v1/other', { config: { access: 'key', scope: null }, handler: () => ({}) }),
    ],
  });
  await server.start();
  onTestFinished(() => server.stop());
  return (path, init = {}) =>
    fetch(server.url() + path, {
      ...init,
      headers: { authorization: 'Bearer fila_live_x', ...init.headers },
    });
}

/** Takes `most` chunks and reads on no further. */
const reading = (most: number): { chunks: string[]; create: Batches['create'] } => {
  const chunks: string[] = [];
  return {
    chunks,
    create: async ({ body }) => {
      for await (const chunk of body) {
        chunks.push(chunk.toString('utf8'));
        if (chunks.length === most) throw fail('validation_failed', { detail: 'No.' });
      }
      return { batch: BATCH, isRepeated: true };
    },
  };
};

const upload = (body: string, type = 'application/x-ndjson'): RequestInit => ({
  ...{ method: 'POST', body, headers: { 'content-type': type } },
});

describe('the routes of batches', () => {
  it('read an upload larger than any other body as it comes, and say where the batch is', async () => {
    const { chunks, create } = reading(Infinity);
    const call = await start({ create });
    for (const type of ['application/x-ndjson', 'application/jsonl; charset=utf-8']) {
      chunks.length = 0;
      const answer = await call('/api/v1/batches', upload('{}\n'.repeat(100_000), type));
      expect(answer.status).toBe(202);
      expect(answer.headers.get('location')).toBe(`/api/v1/batches/${BATCH.id}`);
      expect(answer.headers.get('idempotent-replayed')).toBe('true');
      expect(chunks.join('')).toHaveLength(300_000);
    }
  });

  it('tell a refusal although the upload was not read to its end', async () => {
    const call = await start({ create: reading(1).create });
    const answer = await call('/api/v1/batches', upload('{}\n'.repeat(1_000_000)));
    expect([answer.status, await answer.json()]).toMatchObject([422, { code: 'validation_failed' }]);
  });

  it('take lines only here, and here nothing else', async () => {
    const call = await start({});
    const answers = [
      await call('/api/v1/batches', upload('{}', 'application/json')),
      await call('/api/v1/batches', upload('{}', 'text/plain')),
      await call('/api/v1/other', upload('{}\n')),
    ];
    expect(answers.map(({ status }) => status)).toEqual([415, 415, 415]);
  });

  it('give lines as they are read, and stop reading when the client has gone', async () => {
    let given = 0;
    let isOver = false;
    async function* endless(): AsyncGenerator<BatchResult, void> {
      try {
        for (;;) yield result((given += 1));
      } finally {
        isOver = true;
      }
    }
    const call = await start({ lines: async () => endless() });
    const stop = new AbortController();
    const answer = await call(`/api/v1/batches/${BATCH.id}/results`, { signal: stop.signal });
    expect(answer.headers.get('content-type')).toContain('application/x-ndjson');
    const { value } = await answer.body!.getReader().read();
    const [first] = new TextDecoder().decode(value).split('\n');
    expect(JSON.parse(first!)).toMatchObject({ custom_id: 'c1', status: 'completed' });
    stop.abort();
    await expect.poll(() => isOver).toBe(true);
    // Far less than would come in that time if nobody held it back.
    expect(given).toBeLessThan(50_000);
  });
});
