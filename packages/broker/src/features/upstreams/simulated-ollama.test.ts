import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  FAULTS,
  simulatedAnswer,
  simulatedEmbedding,
  startSimulatedOllama,
  type FaultName,
  type SimulatedOllama,
} from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import {
  createOllamaClient,
  type CallOptions,
  type CallOutcome,
  type OllamaClient,
} from './ollama-client.ts';

const TIMERS = { connectMs: 10_000, firstTokenMs: 10_000, gapMs: 10_000, totalMs: 10_000 };
const PATIENT: CallOptions = { timers: TIMERS, maxAnswerBytes: 1_000_000 };
/** For the faults that would last longer than a test. */
const IMPATIENT: CallOptions = { ...PATIENT, timers: { ...TIMERS, firstTokenMs: 300, gapMs: 300 } };
const ENDLESS: readonly FaultName[] = ['hang_headers', 'hang_mid_stream', 'slow_tokens'];
const MODEL = 'llama3:8b';

let ollama: SimulatedOllama;
let client: OllamaClient;

beforeEach(async () => {
  ollama = await startSimulatedOllama({ answerTokens: 12 });
  client = createOllamaClient(ollama.url);
});

afterEach(async () => {
  await client.close();
  await ollama.stop();
});

const failed = (code: string, more: object = {}) => ({ kind: 'failed', code, ...more });

/** Total over the faults: one that is added there is missed here at once. */
const EXPECTED: Record<FaultName, object> = {
  error_500: failed('upstream_failed', { status: 500, retryable: true }),
  error_500_running: failed('upstream_failed', { status: 500, retryable: true }),
  error_500_load: failed('upstream_failed', { status: 500, retryable: true }),
  error_503: { kind: 'busy' },
  error_404: failed('model_not_found', { status: 404, retryable: false }),
  error_400_context: failed('context_exceeded', { status: 400, retryable: false }),
  mid_stream_error: failed('upstream_failed', { phase: 'stream', retryable: true }),
  no_done: failed('upstream_incomplete', { phase: 'stream' }),
  done_false: failed('upstream_incomplete', { phase: 'stream' }),
  hang_headers: failed('upstream_timeout', { phase: 'first_token' }),
  hang_mid_stream: failed('upstream_timeout', { phase: 'stream' }),
  slow_tokens: failed('upstream_timeout', { phase: 'first_token' }),
  garbage_line: failed('upstream_invalid', { phase: 'stream' }),
  html: failed('upstream_invalid', { status: 200 }),
  reset: failed('upstream_unreachable', { phase: 'stream' }),
  split_utf8: { kind: 'answered' },
  empty_content_with_thinking: { kind: 'answered', text: '', thinking: expect.stringMatching(/./) },
  too_large: failed('upstream_invalid', { retryable: false }),
  long_line: failed('upstream_invalid', { status: 200 }),
  binary: failed('upstream_invalid', { status: 200 }),
  invalid_utf8: failed('upstream_invalid', { phase: 'stream' }),
  error_200: failed('upstream_failed', { status: 200 }),
  wrong_type: { kind: 'answered' },
  duplicate_done: { kind: 'answered', completionTokens: 12 },
  negative_counters: { kind: 'answered', promptTokens: 0, completionTokens: 0 },
  error_429: { kind: 'busy' },
};

function askFor(fault: FaultName, isChat: boolean): Promise<CallOutcome> {
  const content = `Grüße [[fault:${fault}]]`;
  const needsThinking = fault === 'empty_content_with_thinking';
  return client.run(
    {
      model: needsThinking ? 'qwen3:8b' : MODEL,
      parameters: { think: needsThinking },
      ...(isChat ? { messages: [{ role: 'user', content }] } : { prompt: content }),
    },
    ENDLESS.includes(fault) ? IMPATIENT : PATIENT,
  );
}

describe('a simulated Ollama', () => {
  it.each(Object.keys(FAULTS) as FaultName[])(
    'with the fault %s is understood on both routes',
    async (fault) => {
      expect(await askFor(fault, false)).toMatchObject(EXPECTED[fault]);
      expect(await askFor(fault, true)).toMatchObject(EXPECTED[fault]);
    },
  );

  it('answers', async () => {
    const told: string[] = [];
    const onProgress = ({ text }: { text: string }) => void told.push(text);
    const outcome = await client.run({ model: MODEL, prompt: 'Grüße' }, { ...PATIENT, onProgress });
    expect(outcome).toMatchObject({ kind: 'answered', finishReason: 'stop', completionTokens: 12 });
    expect(outcome).toHaveProperty('text', told.join(''));
    expect(outcome).toHaveProperty('text', simulatedAnswer(MODEL, 'Grüße', 12));
  });

  it('is read with every character whole, however it cuts them', async () => {
    const prompt = 'Grüße [[fault:split_utf8]]';
    const outcome = await client.run({ model: MODEL, prompt }, PATIENT);
    expect(outcome).toHaveProperty('text', simulatedAnswer(MODEL, prompt, 12));
  });

  it('ends at max_tokens', async () => {
    const call = { model: MODEL, prompt: 'x', parameters: { max_tokens: 3 } };
    expect(await client.run(call, PATIENT)).toMatchObject({ finishReason: 'length', completionTokens: 3 });
  });

  it('tells what it has and what is loaded', async () => {
    await client.run({ model: MODEL, prompt: 'x' }, PATIENT);
    expect(await client.version()).toMatch(/\d/);
    expect((await client.installed()).map(({ name }) => name)).toContain(MODEL);
    expect((await client.resident()).map(({ name }) => name)).toEqual([MODEL]);
  });

  it('refuses a prompt that is longer than the context, rather than cutting it', async () => {
    const call = { model: MODEL, prompt: 'word '.repeat(500), parameters: { num_ctx: 64 } };
    expect(await client.run(call, PATIENT)).toMatchObject({ code: 'context_exceeded' });
  });

  it('sees at once that a call was cancelled, and never more calls than were let through', async () => {
    ollama.control({ firstTokenMs: 0, tokensPerSecond: 20 });
    const cancel = new AbortController();
    const outcome = await client.run(
      { model: MODEL, prompt: 'x' },
      { ...PATIENT, signal: cancel.signal, onProgress: () => cancel.abort() },
    );
    expect(outcome).toEqual({ kind: 'cancelled' });
    ollama.control({ tokensPerSecond: 0 });
    expect(await client.run({ model: MODEL, prompt: 'y' }, PATIENT)).toMatchObject({ kind: 'answered' });
    expect(ollama.state().calls.map((call) => call.outcome)).toEqual(['cancelled', 'completed']);
  });

  it('keeps time that a call waits for a slot apart', async () => {
    ollama.control({ slots: 1, firstTokenMs: 60 });
    await client.run({ model: MODEL, prompt: 'load' }, PATIENT);
    const both = await Promise.all(['a', 'b'].map((prompt) => client.run({ model: MODEL, prompt }, PATIENT)));
    const waits = both.map((outcome) =>
      outcome.kind === 'answered' ? outcome.durations.hiddenQueueMs : NaN,
    );
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(30);
  });
});

describe('texts to embed', () => {
  const EMBEDDER = 'nomic-embed-text';
  const run = (call: object, options = PATIENT) => client.run({ model: EMBEDDER, ...call }, options);

  it('become a vector each, in their order, and nothing of them is cut', async () => {
    const outcome = await run({ input: ['one', 'two'], dimensions: 8 });
    const vectors = ['one', 'two'].map((text) => simulatedEmbedding(EMBEDDER, text, 8));
    expect(outcome).toMatchObject({
      ...{ kind: 'answered', text: '', embeddings: vectors, finishReason: 'stop' },
      ...{ promptTokens: 2, completionTokens: 0 },
    });
    const { durations } = outcome as Extract<CallOutcome, { kind: 'answered' }>;
    expect(durations).toMatchObject({ evalMs: 0, hiddenQueueMs: 0 });
    expect(durations.promptMs).toBeCloseTo(durations.totalMs - durations.loadMs);
    expect(ollama.state().calls.at(-1)).toMatchObject({ route: '/api/embed', body: { truncate: false } });
    expect(await run({ input: 'one' })).toMatchObject({ embeddings: [expect.any(Array)] });
  });

  it('fail as prompts do', async () => {
    const of = (fault: FaultName, options = PATIENT) => run({ input: `[[fault:${fault}]]` }, options);
    expect(await of('error_500')).toMatchObject(failed('upstream_failed', { retryable: true }));
    expect(await of('error_503')).toMatchObject({ kind: 'busy' });
    expect(await of('error_404')).toMatchObject(failed('model_not_found'));
    expect(await of('error_400_context')).toMatchObject(failed('context_exceeded', { retryable: false }));
    expect(await of('garbage_line')).toMatchObject(failed('upstream_invalid'));
    expect(await of('reset')).toMatchObject(failed('upstream_unreachable'));
    expect(await of('hang_headers', IMPATIENT)).toMatchObject(failed('upstream_timeout'));
    const small = { ...PATIENT, maxAnswerBytes: 2_000 };
    expect(await run({ input: 'x' }, small)).toMatchObject(failed('upstream_invalid', { retryable: false }));
  });
});

describe('tools', () => {
  it('are offered to the model, and what it asks of them comes back', async () => {
    const messages = [{ role: 'user' as const, content: 'Rain?' }];
    const weather = { type: 'function' as const, function: { name: 'weather', parameters: {} } };
    let heard = 0;
    const options = { ...PATIENT, onProgress: () => void (heard += 1) };
    const outcome = await client.run({ model: MODEL, messages, tools: [weather] }, options);
    expect(outcome).toMatchObject({
      ...{ kind: 'answered', text: '', finishReason: 'stop' },
      toolCalls: [{ id: expect.stringMatching(/^call_/), function: { name: 'weather', arguments: {} } }],
    });
    expect(heard).toBe(1);
  });
});
