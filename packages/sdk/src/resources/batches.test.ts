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

  it('reads results and errors line by line, each once, through a cut at any byte', async () => {
    const all = ['a', 'b', 'c'].map((custom_id) => ({
      ...aResult(custom_id),
      request_id: `req_${custom_id}`,
    }));
    const textAfter = (after: string | null) => {
      const from = all.findIndex(({ request_id }) => request_id === after) + 1;
      return all.slice(from).map((line) => `${JSON.stringify(line)}\n`);
    };
    const length = new TextEncoder().encode(textAfter(null).join('')).length;
    for (let cut = 0; cut <= length; cut++) {
      const urls: URL[] = [];
      const fetch = async (text: string): Promise<Response> => {
        const url = new URL(text);
        urls.push(url);
        const bytes = new TextEncoder().encode(textAfter(url.searchParams.get('after')).join(''));
        const parts = Array.from(bytes, (byte) => Uint8Array.of(byte));
        if (urls.length === 1) parts.splice(cut);
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            const part = parts.shift();
            if (part) return controller.enqueue(part);
            // A proxy may make an end of a cut.
            if (urls.length === 1 && cut % 2 === 0) controller.error(new TypeError('terminated'));
            else controller.close();
          },
        });
        return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
      };
      const { batches } = aClient('http://127.0.0.1:1', { fetch }).fila;
      const read = cut % 2 === 0 ? batches.results(ID) : batches.errors(ID);
      expect(await readAll(read), `cut at ${cut}`).toEqual(all);
      expect(urls[0]!.pathname).toBe(`${BATCHES}/${ID}/${cut % 2 === 0 ? 'results' : 'errors'}`);
    }
  });

  it('gives up on lines after connections that bring nothing, and goes on where it is told to', async () => {
    const line = `${JSON.stringify(aResult('a'))}\n`;
    const lost = { instead: 'drop' } as const;
    const headers = { 'content-type': 'application/x-ndjson' };
    const server = await scriptedServer([lost, { headers, text: line }, lost, lost]);
    const read: BatchResult[] = [];
    const lines = aClient(server.url).fila.batches.results(ID, { maxRetries: 1, after: 'req_0' });
    await expect(
      (async () => {
        for await (const one of lines) read.push(one);
      })(),
    ).rejects.toMatchObject({ code: 'connection_failed' });
    expect(read).toEqual([aResult('a')]);
    expect(server.calls.map(({ url }) => new URL(url, server.url).searchParams.get('after'))).toEqual([
      ...['req_0', 'req_0', 'req_a', 'req_a'],
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
