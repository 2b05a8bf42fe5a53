/** What the doors make of foreign bodies, and of answers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Request } from '../../kernel/contract.generated.ts';
import { fail, FilaError } from '../../kernel/errors.ts';
import { createChecker } from '../../http/contract.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import { ofCall, ofRequest } from './door-errors.ts';
import { createKnownModels } from './known-models.ts';
import { inputOfOllama, isLoad, ollamaShape } from './ollama-shapes.ts';
import { errorOfOpenai, inputOfOpenai, openaiShape } from './openai-shapes.ts';

const check = createChecker('CreateRequest');
const user = { role: 'user', content: 'Hi' };

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
    [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'image_url'],
    [{ messages: [{ role: 'assistant', tool_calls: [{}] }] }, 'tool_calls is not supported'],
    [{ messages: [user], response_format: { type: 'grammar' } }, 'response_format must be'],
    [{ messages: [user], logprobs: true }, 'logprobs is not supported'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'role'],
  ])('%j is refused: %s', (body, why) => {
    expect(refusal(() => inputOfOpenai('chat', { model: 'm', ...body }))).toContain(why);
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
  } as unknown as Request;

  it('of Ollama has its durations in nanoseconds', () => {
    expect(ollamaShape('chat', 'm').whole(request)).toMatchObject({
      ...{
        model: 'm',
        done: true,
        done_reason: 'length',
        total_duration: 5_000_000,
        eval_duration: 2_000_000,
      },
      message: { role: 'assistant', content: 'Hi', thinking: 'Hm' },
    });
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
  const states = (...servers: object[]) =>
    ({ states: () => servers }) as unknown as Pick<Upstreams, 'states'>;
  const keyOf = (name: string): string => (name.includes(':') ? name : `${name}:latest`);
  const one = {
    status: 'up',
    models: ['a:latest', 'b:1'],
    version: '0.12.10',
    byModel: [{ model: 'a:latest' }],
  };
  const known = [
    { alias: 'fast', model: 'a' },
    { alias: 'gone', model: 'c:1' },
  ];
  const aliases = {
    known: () => known,
    modelOf: (name: string) => known.find(({ alias }) => alias === name)?.model ?? name,
  };
  const two = { status: 'up', models: ['b:1'], version: '0.12.9', byModel: [] };

  it('are those of the servers that answer, each once, and aliases of those', () => {
    const upstreams = states(one, two, { ...two, status: 'down', models: ['c:1'] });
    const models = createKnownModels(upstreams, keyOf, aliases);
    expect(models.names()).toEqual(['a:latest', 'b:1', 'fast']);
    expect([models.mayHave('fast'), models.mayHave('gone')]).toEqual([true, false]);
    expect(models.loaded()).toEqual(['a:latest']);
    expect(models.version()).toBe('0.12.9');
    expect([models.mayHave('a'), models.mayHave('c:1')]).toEqual([true, false]);
  });

  it('may be any while no server answers', () => {
    const models = createKnownModels(states({ ...one, status: 'down' }), keyOf, aliases);
    expect(models.mayHave('c:1')).toBe(true);
    expect(models.version()).toBe('0.0.0');
  });
});
