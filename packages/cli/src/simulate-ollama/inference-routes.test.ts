import { describe, expect, it } from 'vitest';
import { answerId, thinkingTokens } from './answers.ts';
import { differences } from './documented-shapes.ts';
import { promptHash, simulatedAnswer, simulatedJsonAnswer } from './simulate-ollama.ts';
import type { Json } from './test-calls.ts';
import { asked, errorOf, linesOf, post, postJson, startForTest, until } from './test-calls.ts';

const messages = [{ role: 'user', content: 'Why is the sky blue?' }];
const textOf = (lines: Json[]) =>
  lines.map((line) => (line.message as Json | undefined)?.content ?? line.response).join('');

describe('a streamed answer', () => {
  it('has the documented lines on /api/generate, and the foretold text', async () => {
    const ollama = await startForTest();
    const response = await post(ollama, '/api/generate', asked('Why?'));
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    const lines = await linesOf(response);
    const last = lines.pop()!;
    for (const line of lines) expect(differences('generatePiece', line)).toEqual([]);
    expect(differences('generateLast', last)).toEqual([]);
    expect(textOf(lines)).toBe(simulatedAnswer('llama3:8b', 'Why?'));
    expect(last).toMatchObject({
      model: 'llama3:8b',
      done_reason: 'stop',
      eval_count: lines.length,
      prompt_eval_count: 1,
    });
    expect(last.context).toHaveLength(lines.length + 1);
  });

  it('has the documented lines on /api/chat, and the foretold text', async () => {
    const ollama = await startForTest();
    const lines = await linesOf(await post(ollama, '/api/chat', { model: 'gemma2:2b', messages }));
    const last = lines.pop()!;
    for (const line of lines) expect(differences('chatPiece', line)).toEqual([]);
    expect(differences('chatLast', last)).toEqual([]);
    expect(textOf(lines)).toBe(simulatedAnswer('gemma2:2b', messages));
    expect(last.eval_count).toBe(lines.length);
  });

  it('arrives at the pace of the model', async () => {
    const ollama = await startForTest({ answerTokens: 10, tokensPerSecond: 500, firstTokenMs: 20 });
    const startedMs = performance.now();
    const response = await post(ollama, '/api/generate', asked('Why?'));
    const firstMs = performance.now() - startedMs;
    const last = (await linesOf(response)).at(-1)!;
    expect(firstMs).toBeGreaterThanOrEqual(20);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(39);
    expect(last.prompt_eval_duration).toBeGreaterThanOrEqual(19e6);
    expect(last.eval_duration).toBeGreaterThanOrEqual(19e6);
  });
});

describe('a whole answer', () => {
  it('has the documented shape and the same text as the stream', async () => {
    const ollama = await startForTest();
    const response = await post(ollama, '/api/generate', asked('Why?', { stream: false }));
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const generated = (await response.json()) as Json;
    expect(differences('generateWhole', generated)).toEqual([]);
    expect(generated.response).toBe(simulatedAnswer('llama3:8b', 'Why?'));
    const chatted = await postJson(ollama, '/api/chat', { model: 'llama3:8b', messages, stream: false });
    expect(differences('chatLast', chatted)).toEqual([]);
    expect(textOf([chatted])).toBe(simulatedAnswer('llama3:8b', messages));
  });

  it('hides the wait for a slot in total_duration alone', async () => {
    const ollama = await startForTest({ firstTokenMs: 100 });
    const both = await Promise.all(
      ['a', 'b'].map((prompt) => postJson(ollama, '/api/generate', asked(prompt, { stream: false }))),
    );
    const hiddenMs = both.map(
      (one) =>
        ((one.total_duration as number) -
          (one.load_duration as number) -
          (one.prompt_eval_duration as number) -
          (one.eval_duration as number)) /
        1e6,
    );
    expect(Math.max(...hiddenMs)).toBeGreaterThanOrEqual(20);
    expect(Math.min(...hiddenMs)).toBeLessThan(Math.max(...hiddenMs) / 2);
  });
});

describe('what shapes an answer', () => {
  it('num_predict cuts it and says so', async () => {
    const ollama = await startForTest({ answerTokens: 10 });
    const cut = await postJson(
      ollama,
      '/api/generate',
      asked('Why?', { stream: false, options: { num_predict: 4 } }),
    );
    expect(cut).toMatchObject({
      done_reason: 'length',
      eval_count: 4,
      response: simulatedAnswer('llama3:8b', 'Why?', 4),
    });
    const whole = await postJson(
      ollama,
      '/api/generate',
      asked('Why?', { stream: false, options: { num_predict: 10 } }),
    );
    expect(whole).toMatchObject({
      done_reason: 'stop',
      eval_count: 10,
      response: simulatedAnswer('llama3:8b', 'Why?', 10),
    });
  });

  it('a stop word ends it just before', async () => {
    const ollama = await startForTest();
    const options = { stop: ['8b:', 'never said'] };
    const answer = await postJson(ollama, '/api/generate', asked('Why?', { stream: false, options }));
    expect(answer.response).toMatch(/ simulação de llama3:$/);
    expect(answer).toMatchObject({ done_reason: 'stop', eval_count: 4 });
  });

  it('format asks for JSON, plain or by a schema', async () => {
    const ollama = await startForTest();
    const schema = { type: 'object', properties: { mood: { enum: ['good'] }, why: { type: 'string' } } };
    for (const format of ['json', schema] as const) {
      const lines = await linesOf(await post(ollama, '/api/chat', { model: 'llama3:8b', messages, format }));
      expect(textOf(lines)).toBe(simulatedJsonAnswer('llama3:8b', messages, format));
      expect(lines.length).toBeGreaterThan(3);
    }
  });

  it.each([undefined, true, 'high'])('a thinking model thinks when think is %j', async (think) => {
    const ollama = await startForTest();
    const lines = await linesOf(await post(ollama, '/api/chat', { model: 'qwen3:8b', messages, think }));
    const last = lines.pop()!;
    for (const line of lines) expect(differences('chatPiece', line)).toEqual([]);
    const thoughts = lines.map((line) => (line.message as Json).thinking ?? '').join('');
    expect(thoughts).toBe(thinkingTokens(answerId('qwen3:8b', promptHash(messages), 1)).join(''));
    expect(textOf(lines)).toBe(simulatedAnswer('qwen3:8b', messages));
    expect(last.eval_count).toBe(lines.length);
  });

  it('a thinking model does not think when told so, and another cannot', async () => {
    const ollama = await startForTest();
    const body = { model: 'qwen3:8b', messages, think: false, stream: false };
    expect((await postJson(ollama, '/api/chat', body)).message).not.toHaveProperty('thinking');
    expect(await errorOf(await post(ollama, '/api/generate', asked('a', { think: true })))).toEqual([
      400,
      '"llama3:8b" does not support thinking',
    ]);
  });

  it('thinking can use up num_predict and leave nothing to say', async () => {
    const ollama = await startForTest();
    const body = { model: 'qwen3:8b', messages, stream: false, options: { num_predict: 3 } };
    const answer = await postJson(ollama, '/api/chat', body);
    expect(answer).toMatchObject({ done_reason: 'length', eval_count: 3, message: { content: '' } });
    expect(differences('chatLast', answer)).toEqual([]);
  });

  it('a prompt over the context is cut, or refused when the caller forbids it', async () => {
    const ollama = await startForTest();
    const long = asked('word '.repeat(100), { stream: false, options: { num_ctx: 64 } });
    expect((await postJson(ollama, '/api/generate', long)).prompt_eval_count).toBe(63);
    const [status, error] = await errorOf(await post(ollama, '/api/generate', { ...long, truncate: false }));
    expect(status).toBe(400);
    expect(error).toMatch(
      /^the prompt is longer than the context length currently available to the model; shorten/,
    );
  });
});

describe('an empty call', () => {
  it('loads the model, and unloads it with keep_alive 0', async () => {
    const ollama = await startForTest();
    const loaded = await postJson(ollama, '/api/generate', { model: 'llama3:8b' });
    expect(differences('generateEmpty', loaded)).toEqual([]);
    expect(loaded.done_reason).toBe('load');
    expect(ollama.state().models['llama3:8b']?.isLoaded).toBe(true);
    const unloaded = await postJson(ollama, '/api/chat', { model: 'llama3:8b', messages: [], keep_alive: 0 });
    expect(differences('chatEmpty', unloaded)).toEqual([]);
    expect(unloaded.done_reason).toBe('unload');
    expect(ollama.state().models['llama3:8b']?.isLoaded).toBe(false);
  });
});

describe('a wrong call', () => {
  it.each<[string, string, unknown, [number, string]]>([
    ['a model that is not there', '/api/generate', asked('a', { model: 'x' }), [404, "model 'x' not found"]],
    ['a chat with it', '/api/chat', { model: 'x', messages }, [404, "model 'x' not found"]],
    ['no model', '/api/chat', { messages }, [400, 'model is required']],
    ['no model to generate', '/api/generate', { prompt: 'a' }, [404, "model '' not found"]],
    ['an impossible name', '/api/chat', { model: 'a b!', messages }, [400, 'invalid model name']],
    ['no body', '/api/generate', '', [400, 'missing request body']],
    ['half a body', '/api/generate', '{"model":', [400, 'unexpected EOF']],
    ['no JSON', '/api/generate', 'hello', [400, "invalid character 'h' looking for beginning of value"]],
    [
      'a wrong option',
      '/api/generate',
      asked('a', { options: { top_k: 'x' } }),
      [500, 'option "top_k" must be of type integer'],
    ],
    [
      'raw with a system',
      '/api/generate',
      asked('a', { raw: true, system: 's' }),
      [400, 'raw mode does not support template, system, or context'],
    ],
    [
      'too many logprobs',
      '/api/generate',
      asked('a', { top_logprobs: 21 }),
      [400, 'top_logprobs must be between 0 and 20'],
    ],
    [
      'an embedding model',
      '/api/generate',
      asked('a', { model: 'nomic-embed-text' }),
      [400, '"nomic-embed-text" does not support generate'],
    ],
    [
      'a chat with one',
      '/api/chat',
      { model: 'nomic-embed-text', messages },
      [400, '"nomic-embed-text" does not support chat'],
    ],
    [
      'an unknown format',
      '/api/generate',
      asked('a', { format: 'xml' }),
      [500, 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'],
    ],
  ])('with %s is refused', async (_what, path, body, refusal) => {
    const ollama = await startForTest();
    const response = await post(ollama, path, body);
    expect(await errorOf(response)).toEqual(refusal);
    expect(ollama.state().counters).toMatchObject({ calls: 1, refused: 1, running: 0 });
  });

  it('is not one for an option that nobody knows', async () => {
    const ollama = await startForTest();
    const response = await post(ollama, '/api/generate', asked('a', { options: { max_tokens: 1 } }));
    expect(await linesOf(response)).toHaveLength(33);
  });
});

describe('models of another host', () => {
  const models = [{ name: 'gpt-oss:120b-cloud', remoteHost: 'https://ollama.com:443' }];

  it('are answered from there, without a slot here, and say so', async () => {
    const ollama = await startForTest({ models });
    const answer = await postJson(
      ollama,
      '/api/generate',
      asked('a', { model: models[0]!.name, stream: false }),
    );
    expect(differences('generateWhole', answer)).toEqual([]);
    expect(answer).toMatchObject({ remote_host: 'https://ollama.com:443', remote_model: models[0]!.name });
    expect(ollama.state().models).toEqual({});
  });

  it('are refused when the cloud is off, and want a sign-in when unknown', async () => {
    const ollama = await startForTest({ models });
    const unknown = await post(ollama, '/api/generate', asked('a', { model: 'other:cloud' }));
    expect(unknown.status).toBe(401);
    expect(await unknown.json()).toEqual({
      error: 'unauthorized',
      signin_url: expect.stringMatching(/^https/),
    });
    ollama.control({ cloudDisabled: true });
    expect(
      await errorOf(await post(ollama, '/api/generate', asked('a', { model: models[0]!.name }))),
    ).toEqual([403, 'ollama cloud is disabled: remote model is unavailable']);
  });
});

describe('many calls at once', () => {
  it('never run more than the slots, wait without a limit, and are each answered once', async () => {
    const ollama = await startForTest({ slots: 2, maxQueue: 1 });
    await postJson(ollama, '/api/generate', { model: 'llama3:8b' });
    ollama.control({ held: true });
    const prompts = Array.from({ length: 40 }, (_, index) => `prompt ${index}`);
    const all = Promise.all(
      prompts.map((prompt) => postJson(ollama, '/api/generate', asked(prompt, { stream: false }))),
    );
    await until(ollama, ({ models }) => models['llama3:8b']!.waiting === 38);
    ollama.control({ held: false });
    const answers = await all;
    expect(answers.map((answer) => answer.response)).toEqual(
      prompts.map((prompt) => simulatedAnswer('llama3:8b', prompt)),
    );
    const state = ollama.state();
    expect(state.models['llama3:8b']).toMatchObject({ maxRunning: 2, running: 0, waiting: 0, loads: 1 });
    expect(state.models['llama3:8b']!.maxWaiting).toBe(38);
    for (const prompt of prompts)
      expect(state.promptCalls[promptHash(prompt)]).toEqual({ calls: 1, completed: 1 });
    expect(Math.max(...state.calls.map((call) => call.concurrency))).toBe(2);
  });

  it('are turned away with Ollama’s words when too many wait for a model that is not loaded', async () => {
    const ollama = await startForTest({ loadMs: 40, maxQueue: 1 });
    const first = post(ollama, '/api/generate', asked('a'));
    await until(ollama, (state) => state.loading === 'llama3:8b');
    const second = post(ollama, '/api/generate', asked('b', { model: 'gemma2:2b' }));
    await until(ollama, (state) => state.pending === 1);
    const third = await post(ollama, '/api/generate', asked('c', { model: 'gemma2:2b' }));
    expect(third.headers.get('retry-after')).toBeNull();
    expect(await errorOf(third)).toEqual([
      503,
      'server busy, please try again.  maximum pending requests exceeded',
    ]);
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
  });
});

describe('a caller who leaves', () => {
  it('loses the load, which counts as cancelled with 499', async () => {
    const ollama = await startForTest({ loadMs: 1_000 });
    const leaving = new AbortController();
    const call = post(ollama, '/api/generate', asked('a'), leaving.signal);
    await until(ollama, (state) => state.loading !== null);
    leaving.abort();
    await expect(call).rejects.toThrow();
    const state = await until(ollama, ({ counters }) => counters.cancelled === 1);
    expect(state.calls[0]).toMatchObject({ outcome: 'cancelled', status: 499 });
    expect(state.models['llama3:8b']).toMatchObject({ lostLoads: 1, loads: 0, isLoaded: false });
  });

  it('frees the slot at the next token, long before the answer would end', async () => {
    const ollama = await startForTest({ tokensPerSecond: 50, answerTokens: 5_000 });
    const leaving = new AbortController();
    const call = await post(ollama, '/api/generate', asked('a'), leaving.signal);
    expect(ollama.state().models['llama3:8b']!.running).toBe(1);
    leaving.abort();
    await expect(call.text()).rejects.toThrow();
    const state = await until(ollama, ({ models }) => models['llama3:8b']!.running === 0);
    expect(state.calls[0]).toMatchObject({ outcome: 'cancelled', status: 200 });
  });

  it('during the prompt leaves the slot taken until the prompt is read', async () => {
    const ollama = await startForTest({ firstTokenMs: 40 });
    const leaving = new AbortController();
    const call = post(ollama, '/api/generate', asked('a'), leaving.signal);
    await until(ollama, (state) => state.models['llama3:8b']?.running === 1);
    const leftMs = performance.now();
    leaving.abort();
    await expect(call).rejects.toThrow();
    await until(ollama, (state) => state.models['llama3:8b']!.running === 0);
    expect(performance.now() - leftMs).toBeGreaterThanOrEqual(25);
  });

  it('leaves the slot taken for cancelKeepsSlotMs longer', async () => {
    const ollama = await startForTest({ tokensPerSecond: 500 });
    ollama.control({ cancelKeepsSlotMs: 50 });
    const leaving = new AbortController();
    const call = await post(ollama, '/api/generate', asked('a'), leaving.signal);
    leaving.abort();
    await expect(call.text()).rejects.toThrow();
    const state = await until(ollama, ({ counters }) => counters.cancelled === 1);
    const endedMs = performance.now();
    expect(state.models['llama3:8b']!.running).toBe(1);
    await until(ollama, ({ models }) => models['llama3:8b']!.running === 0);
    expect(performance.now() - endedMs).toBeGreaterThanOrEqual(40);
  });

  it('while waiting for a slot gives up the place in the line', async () => {
    const ollama = await startForTest({ firstTokenMs: 30 });
    const first = postJson(ollama, '/api/generate', asked('a', { stream: false }));
    await until(ollama, (state) => state.models['llama3:8b']?.running === 1);
    const leaving = new AbortController();
    const second = post(ollama, '/api/generate', asked('b'), leaving.signal);
    await until(ollama, (state) => state.models['llama3:8b']!.waiting === 1);
    leaving.abort();
    await expect(second).rejects.toThrow();
    await until(ollama, (state) => state.models['llama3:8b']!.waiting === 0);
    expect((await first).done).toBe(true);
    expect(ollama.state().calls[1]).toMatchObject({ outcome: 'cancelled', concurrency: 0 });
  });
});

describe('a chat with tools', () => {
  const weather = {
    type: 'function',
    function: {
      name: 'weather',
      parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
    },
  };

  it('asks for the first tool, and answers in words once the tool has spoken', async () => {
    const ollama = await startForTest();
    const lines = await linesOf(await post(ollama, '/api/chat', asked('', { messages, tools: [weather] })));
    const last = lines.pop()!;
    for (const line of lines) expect(differences('chatPiece', line)).toEqual([]);
    expect(differences('chatLast', last)).toEqual([]);
    const { tool_calls: calls } = lines[0]!.message as { tool_calls: Json[] };
    expect(calls).toMatchObject([{ function: { name: 'weather', arguments: { days: 1 } } }]);
    const later = [
      ...messages,
      { role: 'assistant', content: '', tool_calls: calls },
      { role: 'tool', content: 'Rain.', tool_name: 'weather' },
    ];
    const body = asked('', { messages: later, tools: [weather], stream: false });
    const whole = (await (await post(ollama, '/api/chat', body)).json()) as Json;
    expect(whole.message).toEqual({ role: 'assistant', content: expect.stringMatching(/./) });
  });
});
