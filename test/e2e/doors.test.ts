/** The doors, called as the clients of Ollama and of OpenAI call: their paths, headers and bodies, and what they read. */
import { Fila } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';

/** As a client without types sees it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = Record<string, any>;

const MODEL = 'llama3:8b';

let ollama: SimulatedOllama;
let daemon: Daemon;
let admin: Fila;
let key: string;
let fila: Fila;

beforeAll(async () => {
  ollama = await startSimulatedOllama({ slots: 4, answerTokens: 40, tokensPerSecond: 200 });
  daemon = await startDaemon({
    FILA_OLLAMA_URLS: `${ollama.url}#slots=4`,
    FILA_RETRY_BASE_MS: '20',
    FILA_MAX_ATTEMPTS: '2',
  });
  admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
  key = (await admin.keys.create({ name: 'doors' })).key;
  fila = new Fila({ url: daemon.url, apiKey: key });
});
afterAll(async () => {
  await daemon?.stop();
  await ollama?.stop();
});

/** As both clients send: JSON, and the key as Bearer. */
function post(
  path: string,
  body: object | string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
) {
  return fetch(daemon.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal,
  });
}
const get = (path: string) => fetch(daemon.url + path, { headers: { authorization: `Bearer ${key}` } });

async function json(response: Response | Promise<Response>): Promise<Json> {
  return (await (await response).json()) as Json;
}

/** What a client of Ollama reads: an object a line, until one is done. */
async function lines(response: Response): Promise<Json[]> {
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  const text = await response.text();
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Json);
}

/** What a client of OpenAI reads: data without a name, until [DONE]. */
async function chunks(response: Response): Promise<Json[]> {
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data: '));
  expect(events.pop()).toBe('data: [DONE]');
  return events.map((event) => JSON.parse(event.slice('data: '.length)) as Json);
}

describe('a client of Ollama', () => {
  it('generates, in one piece or line by line', async () => {
    const whole = await json(post('/api/generate', { model: MODEL, prompt: 'Why?', stream: false }));
    const text = await fila.generate('Why?', { model: MODEL });
    expect(whole).toMatchObject({
      model: MODEL,
      response: text,
      done: true,
      done_reason: expect.any(String),
    });
    for (const name of ['total_duration', 'prompt_eval_count', 'eval_count', 'eval_duration'])
      expect(whole[name], name).toBeGreaterThan(0);
    const parts = await lines(await post('/api/generate', { model: MODEL, prompt: 'Why?' }));
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.map(({ response }) => response as string).join('')).toBe(text);
    expect(parts.map(({ done }) => done as boolean).filter(Boolean)).toHaveLength(1);
    expect(parts.at(-1)).toMatchObject({ done: true, eval_count: whole['eval_count'] });
  });

  it('chats, and hears a model think', async () => {
    const messages = [{ role: 'user', content: 'Why?' }];
    const whole = await json(post('/api/chat', { model: MODEL, messages, stream: false }));
    expect(whole['message']).toMatchObject({ role: 'assistant', content: expect.stringMatching(/./) });
    const parts = await lines(await post('/api/chat', { model: 'qwen3:8b', messages, think: true }));
    expect(parts.map(({ message }) => message?.thinking ?? '').join('')).not.toBe('');
    expect(parts.map(({ message }) => message.content as string).join('')).not.toBe('');
  });

  it('sets its options as it is used to, and curl needs no header', async () => {
    const options = { num_predict: 7, temperature: 0.2, stop: ['x'], seed: 3, mirostat: 1, num_ctx: 2048 };
    const body = {
      model: MODEL,
      prompt: 'options',
      system: 'Be brief',
      options,
      format: 'json',
      keep_alive: '1h',
      stream: false,
    };
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await post('/api/generate', JSON.stringify(body), form)).status).toBe(200);
    const sent = ollama.state().calls.at(-1)!.body as Json;
    expect(sent).toMatchObject({ system: 'Be brief', format: 'json' });
    expect(sent['options']).toMatchObject({
      num_predict: 7,
      temperature: 0.2,
      stop: ['x'],
      seed: 3,
      num_ctx: 2048,
    });
    expect(sent['keep_alive']).not.toBe('1h');
  });

  it('finds the models and the version, and may ask to load one', async () => {
    const { models } = await json(get('/api/tags'));
    expect(models.map(({ name }: Json) => name as string)).toContain(MODEL);
    expect(models.map(({ model }: Json) => model as string)).toContain(MODEL);
    expect((await json(get('/api/ps')))['models']).toContainEqual(expect.objectContaining({ name: MODEL }));
    expect((await json(get('/api/version')))['version']).toMatch(/^\d+\.\d+\.\d+/);
    expect(await json(post('/api/show', { model: MODEL }))).toMatchObject({
      capabilities: ['completion', 'tools'],
    });
    expect(await json(post('/api/generate', { model: MODEL }))).toMatchObject({
      done: true,
      done_reason: 'load',
    });
    const unload = { model: MODEL, messages: [], keep_alive: 0 };
    expect(await json(post('/api/chat', unload))).toMatchObject({ done: true, done_reason: 'unload' });
  });

  it('is refused in words it understands', async () => {
    const refused = async (path: string, body: object | string, headers = {}) => {
      const response = await post(path, body, headers);
      expect(response.headers.get('content-type')).toContain('application/json');
      return [response.status, (await json(response))['error'] as string] as const;
    };
    const prompt = 'x';
    expect(await refused('/api/generate', { model: 'none', prompt })).toEqual([
      404,
      "model 'none' not found",
    ]);
    expect(await refused('/api/show', { model: 'none' })).toEqual([404, "model 'none' not found"]);
    expect(await refused('/api/generate', { prompt })).toEqual([400, 'model is required']);
    expect((await refused('/api/generate', '{'))[0]).toBe(400);
    expect((await refused('/api/generate', '[1]'))[0]).toBe(400);
    expect((await refused('/api/generate', { model: MODEL, prompt: 7 }))[1]).toContain('prompt');
    expect(
      (await refused('/api/chat', { model: MODEL, messages: [{ role: 'robot', content: 'x' }] }))[0],
    ).toBe(400);
    const hot = { model: MODEL, prompt, options: { temperature: 'hot' } };
    expect(await refused('/api/generate', hot)).toEqual([400, expect.stringContaining('temperature')]);
    const image = { model: MODEL, prompt, images: ['no image'] };
    expect(await refused('/api/generate', image)).toEqual([400, expect.stringContaining('images')]);
    expect(
      (await refused('/api/generate', { model: MODEL, prompt }, { authorization: 'Bearer no' }))[0],
    ).toBe(401);
    expect((await refused('/api/pull', { model: MODEL }))[0]).toBe(403);
    expect((await refused('/api/embed', { model: MODEL, input: 7 }))[0]).toBe(400);
    const deleted = await fetch(`${daemon.url}/api/delete`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${key}` },
    });
    expect(deleted.status).toBe(403);
    expect(await json(deleted)).toEqual({ error: expect.stringContaining('operators') });
  });
});

describe('a client of OpenAI', () => {
  const messages = [
    { role: 'developer', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'Why?' }] },
  ];

  it('completes a chat, in one piece or in chunks', async () => {
    const whole = await json(
      post('/v1/chat/completions', { model: MODEL, messages, temperature: 0.1, max_tokens: 50 }),
    );
    expect(whole).toMatchObject({
      ...{ id: expect.stringMatching(/^chatcmpl-/), object: 'chat.completion', model: MODEL },
      usage: { total_tokens: expect.any(Number) },
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant' } }],
    });
    const sent = ollama.state().calls.at(-1)!.body as Json;
    expect(sent['messages'][0]).toEqual({ role: 'system', content: 'Be brief.' });
    expect(sent['options']).toMatchObject({ temperature: 0.1, num_predict: 50 });
    const stream_options = { include_usage: true };
    const parts = await chunks(
      await post('/v1/chat/completions', { model: MODEL, messages, stream: true, stream_options }),
    );
    const deltas = parts.flatMap(({ choices }) => choices as Json[]);
    expect(deltas.map(({ delta }) => (delta.content as string) ?? '').join('')).toBe(
      whole['choices'][0].message.content,
    );
    expect(deltas[0]!['delta'].role).toBe('assistant');
    expect(deltas.at(-1)).toMatchObject({ finish_reason: 'stop' });
    expect(parts.at(-1)).toMatchObject({ choices: [], usage: whole['usage'] });
    expect(new Set(parts.map(({ id }) => id as string)).size).toBe(1);
  });

  it('completes a text, follows a schema, and lists models', async () => {
    const whole = await json(post('/v1/completions', { model: MODEL, prompt: 'Why?' }));
    expect(whole).toMatchObject({
      object: 'text_completion',
      choices: [{ text: await fila.generate('Why?', { model: MODEL }) }],
    });
    const parts = await chunks(
      await post('/v1/completions', { model: MODEL, prompt: ['Why?'], stream: true }),
    );
    expect(parts.map(({ choices }) => choices[0].text as string).join('')).toBe(whole['choices'][0].text);
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    const response_format = { type: 'json_schema', json_schema: { name: 'a', schema } };
    await post('/v1/chat/completions', { model: MODEL, messages, response_format });
    expect((ollama.state().calls.at(-1)!.body as Json)['format']).toEqual(schema);
    const { object, data } = await json(get('/v1/models'));
    expect(object).toBe('list');
    expect(data).toContainEqual(expect.objectContaining({ id: MODEL, object: 'model' }));
    expect(await json(get(`/v1/models/${encodeURIComponent(MODEL)}`))).toMatchObject({ id: MODEL });
  });

  it('is refused in words it understands', async () => {
    const refused = async (path: string, body: object, headers = {}) => {
      const response = await post(path, body, headers);
      const { error } = await json(response);
      expect(error).toMatchObject({ message: expect.any(String), type: expect.any(String) });
      return { status: response.status, retry: response.headers.get('x-should-retry'), ...(error as Json) };
    };
    expect(await refused('/v1/chat/completions', { model: 'none', messages })).toMatchObject({
      ...{ status: 404, code: 'model_not_found', type: 'invalid_request_error', retry: 'false' },
    });
    expect(await refused('/v1/chat/completions', { model: MODEL, messages, tools: [{}] })).toMatchObject({
      status: 400,
      param: 'tools.0.type',
    });
    expect(await refused('/v1/chat/completions', { model: MODEL, messages, n: 2 })).toMatchObject({
      status: 400,
      param: 'n',
    });
    expect(await refused('/v1/chat/completions', { model: MODEL, messages, temperature: -1 })).toMatchObject({
      ...{ status: 400, param: 'parameters.temperature' },
    });
    expect(
      await refused('/v1/chat/completions', { model: MODEL, messages }, { authorization: 'Bearer no' }),
    ).toMatchObject({
      ...{ status: 401, code: 'invalid_api_key' },
    });
    expect(await refused('/v1/embeddings', { model: MODEL, input: [1, 2] })).toMatchObject({
      status: 400,
      param: 'input',
    });
    expect(await refused('/v1/responses', { model: MODEL, input: 'x' })).toMatchObject({ status: 404 });
    expect((await get('/v1/models/none')).status).toBe(404);
  });
});

describe('what comes through a door', () => {
  it('is an ordinary request: kept, marked, counted, and limited', async () => {
    const made = await admin.keys.create({ name: 'one', limit_minute: 1, max_queued: 1 });
    const headers = { authorization: `Bearer ${made.key}` };
    const body = { model: MODEL, prompt: 'kept', stream: false };
    const first = await post('/api/generate', body, headers);
    expect(first.status).toBe(200);
    const own = new Fila({ url: daemon.url, apiKey: made.key });
    expect(await own.requests.get(first.headers.get('x-fila-request')!)).toMatchObject({
      ...{ status: 'completed', metadata: { door: 'ollama/generate' } },
    });
    const second = await post('/api/generate', body, headers);
    expect(second.status).toBe(429);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await json(second)).toEqual({ error: expect.any(String) });
    const third = await post('/v1/chat/completions', { model: MODEL, messages: [] }, headers);
    expect((await json(third))['error'].code).toBe('rate_limit_exceeded');
  });

  it('gives its place back, whatever it was answered with', async () => {
    const made = await admin.keys.create({ name: 'place', max_queued: 1 });
    const headers = { authorization: `Bearer ${made.key}` };
    const send = (prompt: string) => post('/api/generate', { model: MODEL, prompt, stream: false }, headers);
    expect((await send('[[fault:error_400_context]] x')).status).toBe(400);
    expect((await send('')).status).toBe(200);
    expect((await send('y')).status).toBe(200);
    expect((await send('z')).status).toBe(200);
  });

  it('that fails for good says so with a status, or in the stream when it has begun', async () => {
    const failed = await post('/v1/chat/completions', {
      ...{ model: MODEL, stream: true },
      messages: [{ role: 'user', content: '[[fault:error_500]]' }],
    });
    expect(failed.status).toBe(502);
    expect(failed.headers.get('x-should-retry')).toBe('false');
    expect((await json(failed))['error'].code).toBe('upstream_failed');
    const begun = await post('/api/generate', { model: MODEL, prompt: '[[fault:mid_stream_error]]' });
    expect(begun.status).toBe(200);
    const parts = await lines(begun);
    expect(parts[0]).toHaveProperty('response');
    expect(parts.at(-1)).toEqual({ error: expect.any(String) });
  });

  it('is cancelled when its caller leaves, unless he sent a key to ask again with', async () => {
    const leave = async (headers: Record<string, string>) => {
      const controller = new AbortController();
      const response = await post(
        '/api/generate',
        { model: MODEL, prompt: 'left' },
        headers,
        controller.signal,
      );
      await response.body!.getReader().read();
      controller.abort();
      return fila.requests.wait(response.headers.get('x-fila-request')!);
    };
    expect((await leave({})).status).toBe('cancelled');
    const own = { 'idempotency-key': 'my-own' };
    const kept = await leave(own);
    expect(kept.status).toBe('completed');
    const again = await post('/api/generate', { model: MODEL, prompt: 'left' }, own);
    expect(again.headers.get('x-fila-request')).toBe(kept.id);
    expect((await lines(again)).map(({ response }) => response as string).join('')).toBe(kept.result!.text);
  });

  it('waits in line while no server answers, and is told when the broker stops', async () => {
    const lonely = await startDaemon({ FILA_OLLAMA_URLS: 'http://127.0.0.1:9' });
    onTestFinished(async () => void (await lonely.stop()));
    const made = await new Fila({ url: lonely.url, adminToken: lonely.adminToken }).keys.create({
      name: 'x',
    });
    const waiting = fetch(`${lonely.url}/api/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${made.key}` },
      body: JSON.stringify({ model: MODEL, prompt: 'x', stream: false }),
    });
    const own = new Fila({ url: lonely.url, apiKey: made.key });
    await expect.poll(async () => (await own.requests.list().page()).items.length).toBe(1);
    await lonely.stop();
    expect((await waiting).status).toBe(503);
  });
});
