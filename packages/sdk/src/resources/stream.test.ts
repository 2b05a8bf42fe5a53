/** Listening through the client: what is cut is gone on with, what is for good is thrown. */
import { describe, expect, it } from 'vitest';
import { Fila, type FilaOptions } from '../fila.ts';
import type { InternalOptions } from '../fila.ts';
import { scriptedServer, type Reply, type Script } from '../testing/scripted-server.ts';
import type { StreamEvent } from './stream.ts';

const STREAM = { 'content-type': 'text/event-stream' };
const token = (id: string, text: string): string =>
  `id: ${id}\nevent: token\ndata: ${JSON.stringify({ text })}\n\n`;
const state = (status: string): string => `event: state\ndata: {"status":"${status}"}\n\n`;
const done = (status = 'completed', text: string | null = 'Hello'): string =>
  `id: 1.0.5\nevent: done\ndata: ${JSON.stringify({
    ...{ id: 'req_1', status, error: status === 'failed' ? { code: 'poison', message: 'Why.' } : null },
    result: text === null ? null : { text, finish_reason: 'stop' },
  })}\n\n`;
const says = (...events: string[]): Reply => ({ headers: STREAM, text: events.join('') });

async function client(script: Script, options: FilaOptions = {}) {
  const { url, calls } = await scriptedServer(script);
  const internal: InternalOptions = { sleep: async () => undefined, ...options };
  return { fila: new Fila({ url, apiKey: 'fila_live_x', ...internal }), calls };
}

async function all(events: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const heard: StreamEvent[] = [];
  for await (const event of events) heard.push(event);
  return heard;
}

const textOf = (events: readonly StreamEvent[]): string =>
  events.map((event) => (event.type === 'token' ? (event.text ?? '') : '')).join('');

describe('a stream', () => {
  it('goes on after the last event when it is cut, and says each state once', async () => {
    const { fila, calls } = await client([
      says(state('processing'), token('1.0.3', 'Hel'), token('1.0.5', 'lo').slice(0, -1)),
      { instead: 'drop' },
      says(state('processing'), token('1.0.5', 'lo'), done()),
    ]);
    const heard = await all(fila.requests.stream('req_1', { lastEventId: '1.0.1' }));
    expect(textOf(heard)).toBe('Hello');
    expect(heard.map(({ type }) => type)).toEqual(['state', 'token', 'token', 'done']);
    expect(calls.map(({ headers }) => headers['last-event-id'])).toEqual(['1.0.1', '1.0.3', '1.0.3']);
    expect(calls[0]).toMatchObject({
      url: '/api/v1/requests/req_1/stream',
      headers: { accept: 'text/event-stream' },
    });
  });

  it('gives up when connection after connection brings nothing', async () => {
    const { fila, calls } = await client(() => says(state('pending')), { maxRetries: 3 });
    await expect(all(fila.requests.stream('req_1'))).rejects.toMatchObject({ name: 'ConnectionFailed' });
    expect(calls).toHaveLength(4);
  });

  it('throws what is for good at once, also in the middle', async () => {
    const problem = { status: 404, code: 'not_found', title: 'Nothing', retryable: false };
    const broken = await client([
      says(token('1.0.1', 'a'), `event: error\ndata: ${JSON.stringify(problem)}\n\n`),
    ]);
    await expect(all(broken.fila.requests.stream('req_1'))).rejects.toMatchObject({ name: 'NotFound' });
    const refused = await client([{ status: 401, json: { code: 'unauthorized', status: 401 } }]);
    await expect(all(refused.fila.requests.stream('req_1'))).rejects.toMatchObject({ name: 'NotAllowed' });
    const foreign = await client([{ json: { hello: 'world' } }]);
    await expect(all(foreign.fila.requests.stream('req_1'))).rejects.toMatchObject({
      code: 'invalid_answer',
    });
    const garbled = await client([says('event: done\ndata: {\n\n')]);
    await expect(all(garbled.fila.requests.stream('req_1'))).rejects.toMatchObject({
      code: 'invalid_answer',
    });
  });

  it('takes a silence for a cut, and ends at once when it is told to', async () => {
    const { fila, calls } = await client([{ instead: 'hang' }, says(done())]);
    expect((await all(fila.requests.stream('req_1', { timeoutMs: 50 }))).map(({ type }) => type)).toEqual([
      'done',
    ]);
    expect(calls).toHaveLength(2);
    const controller = new AbortController();
    const hanging = await client([{ instead: 'hang' }]);
    const heard = all(hanging.fila.requests.stream('req_1', { signal: controller.signal }));
    controller.abort();
    await expect(heard).rejects.toMatchObject({ name: 'Aborted' });
  });

  it('with cancelOnDisconnect is asked for once', async () => {
    const { fila, calls } = await client([says(token('1.0.1', 'a'))]);
    await expect(all(fila.requests.stream('req_1', { cancelOnDisconnect: true }))).rejects.toThrow(
      'ended before',
    );
    expect(calls.map(({ url }) => url)).toEqual(['/api/v1/requests/req_1/stream?cancel_on_disconnect=true']);
  });

  it('is told to who watches the attempts', async () => {
    const seen: unknown[] = [];
    const { fila } = await client([says(done())], { onAttempt: (attempt) => void seen.push(attempt) });
    await all(fila.requests.stream('req_1'));
    expect(seen).toMatchObject([
      { path: '/api/v1/requests/{id}/stream'.replace('{id}', 'req_1'), status: 200 },
    ]);
  });
});

describe('in one call', () => {
  it('a request is sent and listened to', async () => {
    const { fila, calls } = await client([
      { status: 202, json: { id: 'req_1', status: 'pending' } },
      says(done()),
    ]);
    expect((await all(fila.stream({ prompt: 'Hi' }))).at(-1)).toMatchObject({ type: 'done' });
    expect(calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /api/v1/requests',
      'GET /api/v1/requests/req_1/stream',
    ]);
  });

  it('a prompt or a conversation gives its text, or throws why there is none', async () => {
    const completed = { id: 'req_1', status: 'completed', result: { text: 'Hello', finish_reason: 'stop' } };
    const failed = {
      id: 'req_2',
      status: 'failed',
      result: null,
      error: { code: 'poison', message: 'Why.' },
    };
    const { fila, calls } = await client([{ json: completed }, { json: completed }, { json: failed }]);
    expect(await fila.generate('Hi', { model: 'm' })).toBe('Hello');
    expect(await fila.chat([{ role: 'user', content: 'Hi' }])).toBe('Hello');
    expect(calls.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { model: 'm', prompt: 'Hi' },
      { messages: [{ role: 'user', content: 'Hi' }] },
    ]);
    await expect(fila.generate('Hi')).rejects.toMatchObject({
      ...{ name: 'RequestFailed', code: 'poison', detail: 'Why.', retryable: false },
      request: { id: 'req_2' },
    });
  });

  it('embeds texts, and gives the vectors alone', async () => {
    const embeddings = [[0.5], [1]];
    const completed = { id: 'req_1', status: 'completed', result: { text: '', embeddings } };
    const { fila, calls } = await client([{ json: completed }]);
    expect(await fila.embed(['a', 'b'], { model: 'm', dimensions: 1 })).toEqual(embeddings);
    expect(JSON.parse(calls[0]!.body)).toEqual({ model: 'm', dimensions: 1, input: ['a', 'b'] });
  });
});
