/** The clients that people have, as npm has them: only address and key are changed, and what they get is held against Ollama's own. */
import { createHash, randomBytes } from 'node:crypto';
import { Fila } from '@fila/sdk';
import { Ollama, type AbortableAsyncIterator } from 'ollama';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  simulatedEmbedding,
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';

const MODEL = 'llama3:8b';
const THINKER = 'qwen3:8b';
const EMBEDDER = 'nomic-embed-text';
const IMAGE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
/** What Ollama says of an answer and the broker does not keep. */
const NOT_TOLD = ['context', 'prompt_eval_duration'];

let simulated: SimulatedOllama;
let daemon: Daemon;
let admin: Fila;
let fila: Fila;
let direct: Ollama;
let ollama: Ollama;
let openai: OpenAI;

const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });
const ollamaOf = (key: string) => new Ollama({ host: daemon.url, headers: bearer(key) });
const openaiOf = (apiKey: string) => new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey, maxRetries: 0 });

beforeAll(async () => {
  simulated = await startSimulatedOllama({ slots: 4, answerTokens: 24 });
  simulated.control({ slowTokenMs: 250 });
  daemon = await startDaemon({
    FILA_OLLAMA_URLS: `${simulated.url}#slots=4`,
    FILA_RETRY_BASE_MS: '20',
    FILA_MAX_ATTEMPTS: '2',
  });
  admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
  const { key } = await admin.keys.create({ name: 'clients' });
  fila = new Fila({ url: daemon.url, apiKey: key });
  direct = new Ollama({ host: simulated.url });
  ollama = ollamaOf(key);
  openai = openaiOf(key);
});
afterAll(async () => {
  await daemon?.stop();
  await simulated?.stop();
});

/** Names and types, without what they are. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return typeof value;
  const fields = Object.entries(value).filter(([name]) => !NOT_TOLD.includes(name));
  return Object.fromEntries(fields.sort().map(([name, inner]) => [name, shapeOf(inner)]));
}

/** The same call to the one and to the other. */
async function both<T>(call: (client: Ollama) => Promise<T>): Promise<{ own: T; through: T }> {
  const own = await call(direct);
  return { own, through: await call(ollama) };
}

async function all<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const heard: T[] = [];
  for await (const part of parts) heard.push(part);
  return heard;
}

const lastCall = () => simulated.state().calls.at(-1)!.body as Record<string, unknown>;
const lastRequest = async () => (await fila.requests.list({ limit: 1 }).page()).items[0]!;
/** An answer that takes so long that it can be left. */
const SLOW = '[[fault:slow_tokens]] Left.';
const thrown = (call: Promise<unknown>) => call.then(() => null).catch((error: unknown) => error);

const messages = [{ role: 'user' as const, content: 'Will it rain in Rio?' }];
const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'The weather of a city.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city'],
    },
  },
};

describe('the npm client of Ollama gets what Ollama gives', () => {
  it('when it generates, also with a picture, options and a format', async () => {
    const { own, through } = await both((client) =>
      client.generate({
        ...{ model: MODEL, prompt: 'Who is this?', system: 'Be brief.', images: [IMAGE] },
        ...{ format: 'json', options: { num_predict: 20, temperature: 0.1, repeat_last_n: 9 } },
      }),
    );
    expect(through.response).toBe(own.response);
    expect(shapeOf(through)).toEqual(shapeOf(own));
    expect(lastCall()).toMatchObject({
      ...{ images: [IMAGE], system: 'Be brief.', format: 'json' },
      options: { num_predict: 20, temperature: 0.1, repeat_last_n: 9 },
    });
  });

  it('when it streams, and when it chats with a model that thinks', async () => {
    const generated = await both(async (client) =>
      all(await client.generate({ model: MODEL, prompt: 'Why?', stream: true })),
    );
    const said = (parts: { response?: string }[]) => parts.map(({ response }) => response).join('');
    expect(said(generated.through)).toBe(said(generated.own));
    expect(shapeOf(generated.through[0])).toEqual(shapeOf(generated.own[0]));
    expect(shapeOf(generated.through.at(-1))).toEqual(shapeOf(generated.own.at(-1)));

    const asked = { model: THINKER, messages, think: true };
    const chatted = await both((client) => client.chat(asked));
    expect(chatted.through.message).toEqual(chatted.own.message);
    expect(shapeOf(chatted.through)).toEqual(shapeOf(chatted.own));
    const streamed = await both(async (client) => all(await client.chat({ ...asked, stream: true })));
    const thought = (parts: { message: { thinking?: string } }[]) =>
      parts.map(({ message }) => message.thinking ?? '').join('');
    expect(thought(streamed.through)).toBe(thought(streamed.own));
    expect(shapeOf(streamed.through.at(-1))).toEqual(shapeOf(streamed.own.at(-1)));
  });

  it('when the model asks for a tool, and hears of it', async () => {
    const { own, through } = await both((client) =>
      client.chat({ model: MODEL, messages, tools: [weather] }),
    );
    expect(through.message).toEqual(own.message);
    expect(through.message.tool_calls).toMatchObject([{ function: { name: 'weather' } }]);
    const streamed = await both(async (client) =>
      all(await client.chat({ model: MODEL, messages, tools: [weather], stream: true })),
    );
    const calls = (parts: { message: object }[]) => parts.map(({ message }) => shapeOf(message));
    expect(calls(streamed.through)).toEqual(calls(streamed.own));

    const told = [...messages, through.message, { role: 'tool', content: 'Rain.', tool_name: 'weather' }];
    const later = await both((client) => client.chat({ model: MODEL, messages: told, tools: [weather] }));
    expect(later.through.message).toEqual(later.own.message);
    expect(lastCall()['messages']).toEqual(told);
  });

  it('when it embeds, in both ways there are', async () => {
    const some = await both((client) =>
      client.embed({ model: EMBEDDER, input: ['one', 'two'], dimensions: 16 }),
    );
    expect(some.through.embeddings).toEqual(some.own.embeddings);
    expect(shapeOf(some.through)).toEqual(shapeOf(some.own));
    const old = await both((client) => client.embeddings({ model: EMBEDDER, prompt: 'one' }));
    expect(old.through).toEqual(old.own);
    expect(await lastRequest()).toMatchObject({
      metadata: { door: 'ollama/embeddings' },
      result: { text: '', embeddings: [old.own.embedding] },
    });
  });

  it('when it asks for models and the version', async () => {
    await ollama.generate({ model: MODEL, prompt: 'Load.' });
    const listed = await both((client) => client.list());
    const byName = (models: { name: string }[]) =>
      [...models].sort((one, other) => (one.name < other.name ? -1 : 1));
    expect(byName(listed.through.models)).toEqual(byName(listed.own.models));
    const { own, through } = await both((client) => client.show({ model: MODEL }));
    expect(through).toEqual({ ...own, modelfile: '' });
    await expect
      .poll(async () => (await ollama.ps()).models.map(({ name }) => name), { timeout: 15_000 })
      .toContain(MODEL);
    const loaded = await both((client) => client.ps());
    expect(shapeOf(loaded.through)).toEqual(shapeOf(loaded.own));
    const version = await both((client) => client.version());
    expect(version.through).toEqual(version.own);
  });

  it('when it leaves a stream: nothing more is written', async () => {
    for (const call of [
      () => ollama.generate({ model: MODEL, prompt: SLOW, stream: true }),
      () => ollama.chat({ model: MODEL, messages: [{ role: 'user', content: SLOW }], stream: true }),
    ] as (() => Promise<AbortableAsyncIterator<object>>)[]) {
      const parts = await call();
      const leaving = (async () => {
        for await (const _ of parts) parts.abort();
      })();
      expect(await thrown(leaving)).toMatchObject({ name: 'AbortError' });
      expect(await fila.requests.wait((await lastRequest()).id)).toMatchObject({ status: 'cancelled' });
    }
  });
});

describe('the npm client of Ollama is refused as Ollama refuses', () => {
  it('what is wrong with the call', async () => {
    const refusals: ((client: Ollama) => Promise<unknown>)[] = [
      (client) => client.generate({ model: 'none', prompt: 'x' }),
      (client) => client.chat({ model: 'none', messages, stream: true }),
      (client) => client.show({ model: 'none' }),
    ];
    for (const call of refusals) {
      const [own, through] = [await thrown(call(direct)), await thrown(call(ollama))];
      expect(through).toMatchObject({ ...(own as object), name: 'ResponseError', status_code: 404 });
    }
    const notChat = await both((client) => thrown(client.chat({ model: EMBEDDER, messages })));
    expect(notChat.own).toMatchObject({ status_code: 400 });
    expect(notChat.through).toMatchObject({ name: 'ResponseError', status_code: 400 });
    const images = [Buffer.alloc(1_200_000).toString('base64')];
    const tooLarge = await thrown(ollama.generate({ model: MODEL, prompt: 'x', images }));
    expect(tooLarge).toMatchObject({ name: 'ResponseError', status_code: 413 });
  });

  it('who has no key, or has used it up', async () => {
    expect(await thrown(ollamaOf('no').list())).toMatchObject({ name: 'ResponseError', status_code: 401 });
    const { key } = await admin.keys.create({ name: 'one a minute', limit_minute: 1 });
    let retryAfter: string | null = null;
    const limited = new Ollama({
      ...{ host: daemon.url, headers: bearer(key) },
      fetch: async (...given) => {
        const response = await fetch(...given);
        retryAfter = response.headers.get('retry-after');
        return response;
      },
    });
    await limited.embed({ model: EMBEDDER, input: 'x' });
    const refused = await thrown(limited.embed({ model: EMBEDDER, input: 'x' }));
    expect(refused).toMatchObject({ name: 'ResponseError', status_code: 429, error: expect.any(String) });
    expect(Number(retryAfter)).toBeGreaterThan(0);
  });

  it('who manages models', async () => {
    for (const call of [
      () => ollama.pull({ model: MODEL }),
      () => ollama.pull({ model: MODEL, stream: true }),
      () => ollama.push({ model: MODEL }),
      () => ollama.create({ model: 'mine', from: MODEL }),
      () => ollama.copy({ source: MODEL, destination: 'mine' }),
      () => ollama.delete({ model: MODEL }),
    ])
      expect(await thrown(call())).toMatchObject({
        ...{ name: 'ResponseError', status_code: 403, error: expect.stringContaining('operators') },
      });
    expect((await direct.list()).models.map(({ name }) => name)).toContain(MODEL);
  });
});

describe('whom operators let manage models', () => {
  let manager: Ollama;
  let key: string;
  const names = async () => (await ollama.list()).models.map(({ name }) => name);

  beforeAll(async () => {
    const scopes = ['models:write' as const, 'models:read' as const];
    ({ key } = await admin.keys.create({
      name: 'manager',
      scopes,
      allowed_models: ['llama3*', 'mine*', 'none'],
    }));
    manager = ollamaOf(key);
  });

  it('does so as at the server itself, as far as they let him', async () => {
    expect(await thrown(manager.pull({ model: 'mine' }))).toMatchObject({
      ...{ status_code: 403, error: expect.stringContaining('operators') },
    });
    await admin.settings.set('allowModelManagement', { value: 'pull, push, create, copy, delete' });
    for (const call of [
      (client, model) => client.pull({ model }),
      async (client, model) => all(await client.pull({ model: `${model}-b`, stream: true })),
      (client, model) => client.create({ model: `${model}-c`, from: MODEL }),
      async (client, model) => all(await client.push({ model: `${model}-c`, stream: true })),
      (client, model) => client.copy({ source: MODEL, destination: `${model}-d` }),
      (client, model) => client.delete({ model: `${model}-d` }),
    ] as ((client: Ollama, model: string) => Promise<object>)[]) {
      const [own, through] = [await call(direct, 'own'), await call(manager, 'mine')];
      expect(shapeOf(through)).toEqual(shapeOf(own));
    }
    expect(await names()).toEqual(expect.arrayContaining(['mine:latest', 'mine-b:latest', 'mine-c:latest']));
    expect(await names()).not.toContain('mine-d:latest');
    for (const call of [
      (client) => client.pull({ model: 'none' }),
      async (client) => all(await client.pull({ model: 'none', stream: true })),
      (client) => client.delete({ model: 'none' }),
      (client) => client.create({ model: 'mine', from: 'none' }),
    ] as ((client: Ollama) => Promise<object>)[])
      expect(await thrown(call(manager))).toEqual(await thrown(call(direct)));
    expect(await openaiOf(key).models.delete('mine-c')).toMatchObject({ id: 'mine-c', deleted: true });
    expect(await names()).not.toContain('mine-c:latest');
  });

  it('uploads what a model is made of, however large it is', async () => {
    const bytes = randomBytes(3_000_000);
    const url = `${daemon.url}/api/blobs/sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const call = (method: string, body?: Buffer<ArrayBuffer>) =>
      fetch(url, { method, body, headers: bearer(key) }).then(({ status }) => status);
    expect(await call('HEAD')).toBe(404);
    expect(await call('POST', bytes.subarray(1))).toBe(400);
    expect(await call('POST', bytes)).toBe(201);
    expect(await call('HEAD')).toBe(200);
  });

  it('changes no other models, and leaves a row for each act', async () => {
    expect(await thrown(manager.delete({ model: EMBEDDER }))).toMatchObject({ status_code: 403 });
    expect(await thrown(ollama.delete({ model: MODEL }))).toMatchObject({ status_code: 403 });
    const { items } = await admin.audit.list({ act: 'models' }).page();
    const acts = items.map(({ act, target, outcome, code }) => [act, target.id, outcome, code]);
    expect(acts).toContainEqual(['models.pull', 'mine-b', 'done', null]);
    expect(acts).toContainEqual(['models.pull', 'none', 'failed', 'unavailable']);
    expect(acts).toContainEqual(['models.delete', 'none', 'refused', 'not_found']);
    expect(acts).toContainEqual(['models.delete', 'mine-c', 'done', null]);
    expect(acts.flat()).not.toContain(EMBEDDER);
    expect(items[0]!.actor).toMatchObject({ kind: 'key', name: 'manager' });
  });
});

describe('the npm client of OpenAI', () => {
  it('chats, in one piece and in parts', async () => {
    const whole = await openai.chat.completions.create({ model: MODEL, messages, max_tokens: 20 });
    const own = await direct.chat({ model: MODEL, messages, options: { num_predict: 20 } });
    const [choice] = whole.choices;
    expect(choice).toMatchObject({
      ...{ index: 0, finish_reason: 'length' },
      message: { role: 'assistant', content: own.message.content },
    });
    expect(whole.usage).toEqual({
      ...{ prompt_tokens: own.prompt_eval_count, completion_tokens: own.eval_count },
      total_tokens: own.prompt_eval_count + own.eval_count,
    });
    const stream = openai.chat.completions.stream({ model: MODEL, messages, max_tokens: 20 });
    const [last] = (await stream.finalChatCompletion()).choices;
    expect(last!.message.content).toBe(own.message.content);
    const text = await openai.completions.create({ model: MODEL, prompt: 'Why?' });
    expect(text.choices[0]!.text).toBe((await direct.generate({ model: MODEL, prompt: 'Why?' })).response);
  });

  it('sends a picture', async () => {
    const url = `data:image/png;base64,${IMAGE}`;
    const content = [
      { type: 'text' as const, text: 'Who is this?' },
      { type: 'image_url' as const, image_url: { url } },
    ];
    await openai.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content }] });
    expect(lastCall()['messages']).toEqual([{ role: 'user', content: 'Who is this?', images: [IMAGE] }]);
  });

  it('is asked for a tool, in one piece and in parts, and tells of it', async () => {
    const asked = { model: MODEL, messages, tools: [weather] };
    const own = await direct.chat(asked);
    const given = own.message.tool_calls![0]!.function.arguments;
    const { choices } = await openai.chat.completions.create(asked);
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls' });
    const [call] = choices[0]!.message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[];
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } });
    expect(JSON.parse(call!.function.arguments)).toEqual(given);
    const streamed = await openai.chat.completions.stream(asked).finalChatCompletion();
    expect(streamed.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'weather', arguments: call!.function.arguments } }] },
    });

    const told = [
      ...messages,
      choices[0]!.message,
      { role: 'tool' as const, tool_call_id: call!.id, content: 'Rain.' },
    ];
    const later = await openai.chat.completions.create({ ...asked, messages: told });
    expect(later.choices[0]).toMatchObject({ finish_reason: 'stop' });
    expect((lastCall()['messages'] as object[]).slice(1)).toMatchObject([
      { role: 'assistant', tool_calls: [{ function: { name: 'weather', arguments: given } }] },
      { role: 'tool', content: 'Rain.', tool_name: 'weather' },
    ]);
  });

  it('embeds, as numbers and as bytes', async () => {
    const vector = simulatedEmbedding(EMBEDDER, 'one', 16);
    const asked = { model: EMBEDDER, input: ['one', 'two'], dimensions: 16 };
    const floats = await openai.embeddings.create({ ...asked, encoding_format: 'float' });
    expect(floats.data[0]).toEqual({ object: 'embedding', index: 0, embedding: vector });
    expect(floats.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
    // Its own way unless told otherwise: base64 that it reads itself.
    const bytes = await openai.embeddings.create(asked);
    expect(bytes.data.map(({ index }) => index)).toEqual([0, 1]);
    expect(bytes.data[0]!.embedding).toEqual(vector.map(Math.fround));
  });

  it('lists models, and leaves a stream', async () => {
    const models = await all(openai.models.list());
    expect(models.map(({ id }) => id)).toContain(MODEL);
    expect(await openai.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: 'model' });
    const parts = await openai.completions.create({ model: MODEL, prompt: SLOW, stream: true });
    for await (const _ of parts) parts.controller.abort();
    expect(await fila.requests.wait((await lastRequest()).id)).toMatchObject({ status: 'cancelled' });
  });

  it('is refused in its own classes', async () => {
    const call = (client: OpenAI, model = MODEL) => client.chat.completions.create({ model, messages });
    const missing = await thrown(call(openai, 'none'));
    expect(missing).toBeInstanceOf(OpenAI.NotFoundError);
    expect(missing).toMatchObject({ code: 'model_not_found' });
    const stranger = await thrown(call(openaiOf('no')));
    expect(stranger).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(stranger).toMatchObject({ code: 'invalid_api_key' });
    const { key } = await admin.keys.create({ name: 'one an hour', limit_hour: 1 });
    await call(openaiOf(key));
    const limited = await thrown(call(openaiOf(key)));
    expect(limited).toBeInstanceOf(OpenAI.RateLimitError);
    expect(limited).toMatchObject({ code: 'rate_limit_exceeded' });
    expect(
      Number((limited as InstanceType<typeof OpenAI.RateLimitError>).headers.get('retry-after')),
    ).toBeGreaterThan(0);
    expect(await thrown(openai.models.delete(MODEL))).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect(await thrown(openai.responses.create({ model: MODEL, input: 'x' }))).toMatchObject({
      ...{ status: 404, message: expect.stringContaining('no such path') },
    });
    const badTool = { model: MODEL, messages, tools: [weather], tool_choice: 'required' as const };
    expect(await thrown(openai.chat.completions.create(badTool))).toMatchObject({
      ...{ status: 400, param: 'tool_choice' },
    });
  });
});
