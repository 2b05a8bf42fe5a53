import { describe, expect, it } from 'vitest';
import { aClient, aProblem, API_KEY } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';
import type { Batch, BatchLine, BatchResult } from '../types.generated.ts';

const BATCHES = '/api/v1/batches';
const ID = 'bat_01k00000000000000000000000';
const aBatch = (more: Partial<Batch> = {}): Batch => ({
  ...{ id: ID, status: 'in_progress', total: 2, progress: 0, created_at: '2026-01-01T00:00:00.000Z' },
  counts: { pending: 2, processing: 0, completed: 0, failed: 0, cancelled: 0, expired: 0 },
  ...{ completed_at: null, cancelled_at: null },
  ...more,
});
const LINES: BatchLine[] = ['a', 'é'].map((custom_id) => ({ custom_id, request: { prompt: 'Hi' } }));
const TEXT = LINES.map((line) => `${JSON.stringify(line)}\n`).join('');
const aResult = (custom_id: string): BatchResult => ({
  ...{ custom_id, request_id: 'req_a', status: 'completed', error: null, usage: null },
  result: { text: 'Grüße', finish_reason: 'stop' },
});

async function* later<T>(items: readonly T[]): AsyncGenerator<T, void> {
  yield* items;
}

async function readAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('fila.batches', () => {
  it('has a path for each verb, and the API key on each', async () => {
    const server = await scriptedServer(() => ({ json: aBatch() }));
    const { batches } = aClient(server.url).fila;
    await batches.get(ID);
    expect(await batches.cancel(ID)).toEqual(aBatch());
    await batches.list({ limit: 5 }).page();
    expect(server.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${BATCHES}/${ID}`,
      `POST ${BATCHES}/${ID}/cancel`,
      `GET ${BATCHES}?limit=5`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${API_KEY}`);
  });

  it('uploads lines, lines that come one by one, and the text of a file alike', async () => {
    const server = await scriptedServer(() => ({ status: 202, json: aBatch() }));
    const { batches } = aClient(server.url).fila;
    for (const lines of [LINES, later(LINES), TEXT]) expect(await batches.create(lines)).toEqual(aBatch());
    expect(server.calls.map(({ body }) => body)).toEqual([TEXT, TEXT, TEXT]);
    for (const { headers } of server.calls) expect(headers['content-type']).toBe('application/x-ndjson');
  });

  it('repeats an upload under one idempotency key, so that it is one batch', async () => {
    const server = await scriptedServer([{ instead: 'drop' }, { status: 202, json: aBatch() }]);
    await aClient(server.url).fila.batches.create(later(LINES));
    const [first, second] = server.calls;
    expect(second?.body).toBe(TEXT);
    expect(first?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
  });

  it('says of a refused upload which lines are wrong', async () => {
    const errors = [{ line: 2, custom_id: 'é', pointer: '/request/prompt', detail: 'is missing' }];
    const server = await scriptedServer([aProblem(422, 'validation_failed', { errors })]);
    await expect(aClient(server.url).fila.batches.create(LINES)).rejects.toMatchObject({ errors });
  });

  it('reads results and errors line by line, wherever they are cut', async () => {
    const text = [aResult('a'), aResult('b')].map((line) => `${JSON.stringify(line)}\n`).join('');
    const bytes = new TextEncoder().encode(text);
    const urls: string[] = [];
    const fetch = async (url: string): Promise<Response> => {
      urls.push(url);
      const parts = Array.from(bytes, (byte) => Uint8Array.of(byte));
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          const part = parts.shift();
          if (part) controller.enqueue(part);
          else controller.close();
        },
      });
      return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
    };
    const { batches } = aClient('http://127.0.0.1:1', { fetch }).fila;
    expect(await readAll(batches.results(ID))).toEqual([aResult('a'), aResult('b')]);
    expect(await readAll(batches.errors(ID))).toHaveLength(2);
    expect(urls.map((url) => new URL(url).pathname)).toEqual([
      `${BATCHES}/${ID}/results`,
      `${BATCHES}/${ID}/errors`,
    ]);
  });

  it('waits through a lost connection until all has ended, and says each change once', async () => {
    const over = aBatch({ status: 'completed', progress: 1 });
    const half = aBatch({ counts: { ...aBatch().counts, pending: 1, completed: 1 } });
    const server = await scriptedServer([
      { json: aBatch() },
      { instead: 'drop' },
      { json: aBatch() },
      { json: half },
      { json: over },
    ]);
    const seen: Batch[] = [];
    const last = await aClient(server.url).fila.batches.wait(ID, { onChange: (now) => seen.push(now) });
    expect(last).toEqual(over);
    expect(seen).toEqual([aBatch(), half, over]);
  });
});
