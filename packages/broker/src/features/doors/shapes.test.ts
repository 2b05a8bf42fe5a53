/** What the doors make of foreign bodies, and of answers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Request } from '../../kernel/contract.generated.ts';
import { fail, FilaError } from '../../kernel/errors.ts';
import { createChecker } from '../../http/contract.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import { ofCall, ofRequest } from './door-errors.ts';
import { createKnownModels } from './known-models.ts';
import { embedShape, emptyEmbed, inputOfEmbed, inputOfOllama, isLoad, ollamaShape } from './ollama-shapes.ts';
import {
  embeddingsShape,
  errorOfOpenai,
  inputOfEmbeddings,
  inputOfOpenai,
  openaiShape,
} from './openai-shapes.ts';

const check = createChecker('CreateRequest');
const user = { role: 'user', content: 'Hi' };
const weather = { type: 'function', function: { name: 'weather', parameters: { type: 'object' } } };
const asked = (text: string) => ({
  id: 'c1',
  type: 'function',
  function: { name: 'weather', arguments: text },
});
const seen = (url: string) => ({
  role: 'user',
  content: [
    { type: 'text', text: 'Who?' },
    { type: 'image_url', image_url: { url } },
  ],
});

function refusal(make: () => unknown): string {
  try {
    check(make());
  } catch (error) {
    return (error as Error).message;
  }
  return 'taken';
}

describe('a body of Ollama', () => {
  it.each([
    [
      { model: 'm', prompt: 'Hi' },
      { prompt: 'Hi', parameters: {} },
    ],
    [
      { model: 'm', prompt: 'Hi', format: '', system: '', think: null },
      { prompt: 'Hi', parameters: {} },
    ],
    [{ model: 'm', prompt: 'Hi', options: { num_predict: -1, seed: -1 } }, { parameters: {} }],
    [{ model: 'm', prompt: 'Hi', options: { stop: 'x', unknown: 1 } }, { parameters: { stop: ['x'] } }],
    [{ model: 'm', prompt: 'Hi', think: 'low' }, { parameters: { think: 'low' } }],
  ])('%j is the request %j', (body, expected) => {
    const input = inputOfOllama('generate', body);
    check(input);
    expect(input).toMatchObject(expected);
    expect(input).toMatchObject({ model: 'm', metadata: { door: 'ollama/generate' } });
    expect(input.parameters).toEqual(expected.parameters);
  });

  it.each([
    [{}, 'model is required'],
    [{ model: 'm', prompt: 'Hi', raw: true }, 'raw is not supported'],
    [{ model: 'm', prompt: 'Hi', context: [1] }, 'context is not supported'],
    [{ model: 'm', prompt: 'Hi', options: 7 }, 'options must be made of objects'],
    [{ model: 'm', prompt: 'Hi', format: 7 }, 'format'],
  ])('%j is refused: %s', (body, why) => {
    expect(refusal(() => inputOfOllama('generate', body))).toContain(why);
  });

  it('carries images, tools and what was said of them before', () => {
    const messages = [
      { ...user, images: ['aGkh'] },
      {
        ...{ role: 'assistant', content: '', thinking: 'Hm', images: null },
        tool_calls: [{ function: { name: 'weather', arguments: {} } }],
      },
      { role: 'tool', content: 'Rain.', tool_name: 'weather' },
    ];
    const input = inputOfOllama('chat', { model: 'm', messages, tools: [weather] });
    check(input);
    expect(input).toMatchObject({ messages: [messages[0], {}, messages[2]], tools: [weather] });
    expect(input.messages![1]).toEqual({ ...messages[1], images: undefined });
    const one = inputOfOllama('generate', { model: 'm', prompt: 'Who?', images: ['aGkh'], tools: [] });
    check(one);
    expect(one).toMatchObject({ prompt: 'Who?', images: ['aGkh'] });
  });

  it('to embed is cut unless it says otherwise, as there', () => {
    const input = inputOfEmbed({ model: 'm', input: ['a', 'b'], options: { num_ctx: 9 } }, false);
    check(input);
    expect(input).toMatchObject({ input: ['a', 'b'], truncate: true, parameters: { num_ctx: 9 } });
    expect(inputOfEmbed({ model: 'm', input: 'a', truncate: false }, false).truncate).toBe(false);
    expect(inputOfEmbed({ model: 'm', prompt: 'a' }, true)).toMatchObject({ input: 'a', truncate: true });
    expect(refusal(() => inputOfEmbed({ model: 'm', input: [[1, 2]] }, false))).toContain('input');
    expect(emptyEmbed({ model: 'm', input: [] }, false)).toEqual({ model: 'm', embeddings: [] });
    expect(emptyEmbed({ model: 'm' }, true)).toEqual({ embedding: [] });
  });

  it('without a question asks to load', () => {
    expect(isLoad('generate', { model: 'm' })).toBe(true);
    expect(isLoad('generate', { model: 'm', prompt: 'x' })).toBe(false);
    expect(isLoad('chat', { messages: [] })).toBe(true);
    expect(isLoad('chat', { messages: [user] })).toBe(false);
  });
});

describe('a body of OpenAI', () => {
  it.each([
    [{ messages: [user], max_completion_tokens: 5, max_tokens: 9 }, { parameters: { max_tokens: 5 } }],
    [{ messages: [user], stop: 'x', tools: [], n: 1 }, { parameters: { stop: ['x'] } }],
    [
      { messages: [user], response_format: { type: 'json_object' } },
      { format: 'json', parameters: {} },
    ],
    [{ messages: [user], response_format: { type: 'text' } }, { parameters: {} }],
    [{ messages: [user], reasoning_effort: 'minimal' }, { parameters: { think: false } }],
    [
      { messages: [user], reasoning_effort: 'high', user: 'u', store: true },
      { parameters: { think: 'high' } },
    ],
    [
      { messages: [user], metadata: { a: 'b' } },
      { metadata: { a: 'b', door: 'openai/chat' }, parameters: {} },
    ],
  ])('%j is the request %j', (body, expected) => {
    const input = inputOfOpenai('chat', { model: 'm', ...body });
    check(input);
    expect(input).toMatchObject(expected);
    expect(input.parameters).toEqual(expected.parameters);
  });

  it.each([
    [{ messages: 'Hi' }, 'messages must be a list'],
    [{ messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, 'input_audio'],
    [{ messages: [seen('https://far.example/cat.png')] }, 'no data: URL'],
    [{ messages: [{ role: 'assistant', tool_calls: [{}] }] }, 'function'],
    [{ messages: [{ role: 'assistant', tool_calls: [asked('{')] }] }, 'not JSON'],
    [{ messages: [user], tools: [{ type: 'custom' }] }, 'tools/0'],
    [{ messages: [user], tools: [weather], tool_choice: 'required' }, 'tool_choice must be auto or none'],
    [{ messages: [user], response_format: { type: 'grammar' } }, 'response_format must be'],
    [{ messages: [user], logprobs: true }, 'logprobs is not supported'],
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'role'],
  ])('%j is refused: %s', (body, why) => {
    expect(refusal(() => inputOfOpenai('chat', { model: 'm', ...body }))).toContain(why);
  });

  it('carries images, tools, what was asked of them and what they answered', () => {
    const messages = [
      seen('data:image/png;base64,aGkh'),
      { role: 'assistant', content: null, tool_calls: [asked('{"city":"Rio"}')] },
      { role: 'tool', tool_call_id: 'c1', content: 'Rain.' },
    ];
    const input = inputOfOpenai('chat', { model: 'm', messages, tools: [weather] });
    check(input);
    expect(input.tools).toEqual([weather]);
    expect(input.messages).toEqual([
      { role: 'user', content: 'Who?', images: ['aGkh'] },
      {
        ...{ role: 'assistant', content: '' },
        tool_calls: [{ id: 'c1', function: { name: 'weather', arguments: { city: 'Rio' } } }],
      },
      { role: 'tool', content: 'Rain.', tool_call_id: 'c1', tool_name: 'weather' },
    ]);
    const none = { model: 'm', messages: [user], tools: [weather], tool_choice: 'none' };
    expect(inputOfOpenai('chat', none)).not.toHaveProperty('tools');
  });

  it('completes one text, not several', () => {
    expect(inputOfOpenai('completion', { model: 'm', prompt: ['Hi'] }).prompt).toBe('Hi');
    expect(refusal(() => inputOfOpenai('completion', { model: 'm', prompt: ['a', 'b'] }))).toContain(
      'one text',
    );
  });
});

describe('any body', () => {
  const names = [
    ...[
      'model',
      'prompt',
      'messages',
      'options',
      'stop',
      'format',
      'think',
      'stream_options',
      'metadata',
      'seed',
    ],
    ...[
      'response_format',
      'temperature',
      'max_tokens',
      'reasoning_effort',
      'system',
      'n',
      'tools',
      'keep_alive',
    ],
  ];
  const value = fc.oneof(
    fc.jsonValue(),
    fc.array(fc.jsonValue()),
    fc.dictionary(fc.constantFrom('type', 'stop', 'role', 'content', 'schema'), fc.jsonValue()),
  );
  const body = fc.dictionary(fc.constantFrom(...names), value).map((one) => ({ model: 'm', ...one }));

  it.each<(given: Record<string, unknown>) => unknown>([
    (given) => inputOfOllama('generate', given),
    (given) => inputOfOllama('chat', given),
    (given) => inputOfOpenai('chat', given),
    (given) => inputOfOpenai('completion', given),
    (given) => [isLoad('chat', given), openaiShape('chat', given)],
    (given) => inputOfEmbed(given, false),
    (given) => inputOfEmbeddings(given),
  ])('is taken or refused with an error of ours, never broken by: %s', (make) => {
    fc.assert(
      fc.property(body, (given) => {
        try {
          make(given);
        } catch (error) {
          expect(error).toBeInstanceOf(FilaError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('an answer', () => {
  const request = {
    ...{ result: { text: 'Hi', thinking: 'Hm', finish_reason: 'length' }, status: 'completed' },
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    ...{ processing_time: 2, created_at: new Date(0).toISOString(), completed_at: new Date(5).toISOString() },
    started_at: new Date(2).toISOString(),
  } as unknown as Request;

  it('of Ollama has its durations in nanoseconds', () => {
    expect(ollamaShape('chat', 'm').whole(request)).toMatchObject({
      ...{
        model: 'm',
        done: true,
        done_reason: 'length',
        total_duration: 5_000_000,
        load_duration: 2_000_000,
        eval_duration: 2_000_000,
      },
      message: { role: 'assistant', content: 'Hi', thinking: 'Hm' },
    });
  });

  it('that asks its tools says so before its end, in the words of each API', () => {
    const tool_calls = [{ function: { name: 'weather', arguments: { city: 'Rio' } } }];
    const asking = { ...request, id: 'req_1', result: { text: '', finish_reason: 'stop', tool_calls } };
    const lines = ollamaShape('chat', 'm').end(asking).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { done: false, message: { tool_calls } },
      { done: true, message: { content: '' } },
    ]);
    const said = {
      ...{ id: 'call_req_1_0', type: 'function' },
      function: { name: 'weather', arguments: '{"city":"Rio"}' },
    };
    const shape = openaiShape('chat', { model: 'm' });
    const choice = { finish_reason: 'tool_calls', message: { tool_calls: [said] } };
    expect(shape.whole(asking)).toMatchObject({ choices: [choice] });
    const chunks = shape.end(asking).split('\n\n');
    const [calls, end] = chunks.slice(0, 2).map((chunk) => JSON.parse(chunk.slice(6)) as object);
    expect(calls).toMatchObject({ choices: [{ delta: { tool_calls: [{ index: 0, ...said }] } }] });
    expect(end).toMatchObject({ choices: [{ delta: {}, finish_reason: 'tool_calls' }] });
  });

  it('with vectors gives them as numbers or as bytes', () => {
    const embeddings = [[0.5, -1], [2]];
    const embedded = { ...request, result: { text: '', finish_reason: 'stop', embeddings } } as Request;
    expect(embedShape('m', false).whole(embedded)).toMatchObject({ model: 'm', embeddings });
    expect(embedShape('m', true).whole(embedded)).toEqual({ embedding: [0.5, -1] });
    const usage = { prompt_tokens: 1, total_tokens: 3 };
    const whole = (encoding_format?: string) =>
      embeddingsShape({ model: 'm', encoding_format }).whole(embedded) as { data: { embedding: string }[] };
    expect(whole()).toMatchObject({ object: 'list', data: [{ index: 0, embedding: [0.5, -1] }, {}], usage });
    const bytes = Buffer.from(whole('base64').data[0]!.embedding, 'base64');
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.length]).toEqual([0.5, -1, 8]);
    expect(refusal(() => inputOfEmbeddings({ model: 'm', input: 'a', encoding_format: 'int8' }))).toContain(
      'encoding_format',
    );
  });

  it('of OpenAI has a role in its first chunk alone, and usage only where it was asked for', () => {
    const shape = openaiShape('chat', { model: 'm' });
    const said = [shape.piece({ text: 'H' }), shape.piece({ text: 'i' }), shape.end(request)].join('');
    expect(said.match(/"role":"assistant"/g)).toHaveLength(1);
    expect(said).toContain('"finish_reason":"length"');
    expect(said).not.toContain('usage');
    expect(said.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(
      openaiShape('chat', { model: 'm', stream_options: { include_usage: true } }).end(request),
    ).toContain('"total_tokens":3');
  });
});

describe('an error', () => {
  it('has a status that these APIs know, and says whether to come back', () => {
    expect(ofCall(fail('validation_failed'))).toMatchObject({ status: 400, isWorthRetrying: false });
    expect(ofCall(fail('queue_full'))).toMatchObject({ status: 503, isWorthRetrying: true });
    const failed = (code: string) =>
      ofRequest({ status: 'failed', model: 'm', error: { code, message: 'Why.' } } as Request);
    expect(failed('model_not_found')).toMatchObject({ status: 404, message: "model 'm' not found" });
    expect(failed('upstream_failed')).toMatchObject({ status: 502, isWorthRetrying: false });
    expect(failed('something_new')).toMatchObject({ status: 502 });
    expect(ofRequest({ status: 'cancelled' } as Request)).toMatchObject({ status: 499 });
    expect(ofRequest({ status: 'completed' } as Request)).toBeNull();
  });

  it('of OpenAI has a type by its status', () => {
    const type = (status: number): unknown =>
      (
        errorOfOpenai({ status, code: 'x', message: '', isWorthRetrying: false }) as {
          error: { type: string };
        }
      ).error.type;
    expect([400, 404, 429, 503].map(type)).toEqual([
      ...['invalid_request_error', 'invalid_request_error', 'rate_limit_error', 'server_error'],
    ]);
  });
});

describe('the models', () => {
  const facts = { sizeBytes: 5, digest: 'd', details: { family: 'f' } };
  const installed = (name: string) => ({ name, ...facts, modifiedAt: '2026-01-01T00:00:00Z' });
  const server = (status: string, version: string, ...models: string[]) => ({
    ...{ status, version, models },
    known: { installed: models.map(installed), resident: [] as object[] },
  });
  const of = (servers: ReturnType<typeof server>[], shown: object | null = null) => {
    const keyOf = (name: string): string => (name.includes(':') ? name : `${name}:latest`);
    const upstreams = {
      states: () => servers,
      known: () => servers.map(({ known }) => known),
      show: async () => shown,
      mayHave: (model: string) => {
        const up = servers.filter(({ status }) => status === 'up');
        return up.length === 0 || up.some(({ models }) => models.includes(keyOf(model)));
      },
    };
    return createKnownModels(upstreams as unknown as Upstreams, keyOf, aliases);
  };
  const known = [
    { alias: 'fast', model: 'a' },
    { alias: 'gone', model: 'c:1' },
  ];
  const aliases = {
    known: () => known,
    modelOf: (name: string) => known.find(({ alias }) => alias === name)?.model ?? name,
  };
  const one = server('up', '0.12.10', 'b:1', 'a:latest');
  const two = server('up', '0.12.9', 'b:1');

  it('are those of the servers that answer, each once, and aliases of those', () => {
    const loaded = { name: 'a:latest', ...facts, vramBytes: 3, contextLength: 9, expiresAt: 'then' };
    one.known.resident = [loaded];
    const models = of([one, two]);
    expect(models.list().map(({ name }) => name)).toEqual(['a:latest', 'b:1', 'fast']);
    expect(models.list()[2]).toMatchObject({ model: 'fast', digest: 'd' });
    expect([models.mayHave('fast'), models.mayHave('gone')]).toEqual([true, false]);
    expect(models.list()[0]).toEqual({
      ...{ name: 'a:latest', model: 'a:latest', size: 5, digest: 'd', details: { family: 'f' } },
      modified_at: '2026-01-01T00:00:00Z',
    });
    expect(models.loaded()).toMatchObject([
      { name: 'a:latest', size: 5, size_vram: 3, context_length: 9, expires_at: 'then' },
    ]);
    expect(models.version()).toBe('0.12.9');
    expect([models.mayHave('a'), models.mayHave('c:1')]).toEqual([true, false]);
  });

  it('may be any while no server answers', async () => {
    const models = of([server('down', '0.12.9', 'a:latest')]);
    expect(models.mayHave('c:1')).toBe(true);
    expect(of([]).version()).toBe('0.0.0');
    expect(await models.show('c:1')).toBeNull();
  });

  it('are shown without what names files of their server', async () => {
    const shown = { modelfile: 'FROM /secret/blobs', template: 't', capabilities: ['tools'], tensors: [] };
    expect(await of([one], shown).show('a')).toEqual({
      ...{ modelfile: '', template: 't', capabilities: ['tools'] },
    });
  });
});
