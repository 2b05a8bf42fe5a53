import { describe, expect, it } from 'vitest';
import { differences } from './documented-shapes.ts';
import { promptHash, simulatedEmbedding } from './simulate-ollama.ts';
import type { Json } from './test-calls.ts';
import { errorOf, post, postJson, startForTest } from './test-calls.ts';

const model = 'nomic-embed-text';

describe('POST /api/embed', () => {
  it('embeds one text or several, in the documented shape', async () => {
    const ollama = await startForTest();
    const one = await postJson(ollama, '/api/embed', { model, input: 'sky' });
    expect(differences('embed', one)).toEqual([]);
    expect(one.embeddings).toEqual([simulatedEmbedding(model, 'sky')]);
    const two = await postJson(ollama, '/api/embed', { model, input: ['sky', 'blue'] });
    expect(two.embeddings).toEqual([simulatedEmbedding(model, 'sky'), simulatedEmbedding(model, 'blue')]);
    expect(two.prompt_eval_count).toBe(2);
    expect(ollama.state().promptCalls[promptHash('sky')]).toEqual({ calls: 2, completed: 2 });
  });

  it('takes its time for every text', async () => {
    const ollama = await startForTest({ firstTokenMs: 15 });
    const three = await postJson(ollama, '/api/embed', { model, input: ['a', 'b', 'c'] });
    expect(three.total_duration).toBeGreaterThanOrEqual(44e6);
  });

  it('gives as many dimensions as were asked for', async () => {
    const ollama = await startForTest();
    const { embeddings } = await postJson(ollama, '/api/embed', { model, input: 'sky', dimensions: 12 });
    expect((embeddings as number[][])[0]).toHaveLength(12);
  });

  it('loads the model when there is nothing to embed', async () => {
    const ollama = await startForTest();
    expect(await postJson(ollama, '/api/embed', { model })).toEqual({ model, embeddings: [] });
    expect(ollama.state().models['nomic-embed-text:latest']?.isLoaded).toBe(true);
    expect(ollama.state().counters.loaded).toBe(1);
  });

  it.each<[string, Json, number, string]>([
    ['an input of another type', { model, input: 4 }, 400, 'invalid input type'],
    ['a list with another type', { model, input: ['a', 4] }, 400, 'invalid input type'],
    [
      'a model that is not there',
      { model: 'x', input: 'a' },
      404,
      'model "x" not found, try pulling it first',
    ],
    ['no model', { input: 'a' }, 404, "model '' not found"],
    [
      'too long an input',
      { model, input: 'word '.repeat(9_000), truncate: false },
      400,
      'the input length exceeds the context length',
    ],
    [
      'a wrong option',
      { model, input: 'a', options: { num_ctx: 'x' } },
      500,
      'option "num_ctx" must be of type integer',
    ],
  ])('refuses %s', async (_what, body, status, error) => {
    const ollama = await startForTest();
    expect(await errorOf(await post(ollama, '/api/embed', body))).toEqual([status, error]);
  });

  it('has the faults of a call that is not streamed', async () => {
    const ollama = await startForTest();
    const fault = (name: string) => post(ollama, '/api/embed', { model, input: `a [[fault:${name}]]` });
    expect(await errorOf(await fault('error_404'))).toEqual([
      404,
      `model "${model}" not found, try pulling it first`,
    ]);
    expect(await errorOf(await fault('error_400_context'))).toEqual([
      400,
      'the input length exceeds the context length',
    ]);
    expect((await fault('error_500')).status).toBe(500);
    expect((await fault('html')).headers.get('content-type')).toMatch(/html/);
    await expect((await fault('garbage_line')).json()).rejects.toThrow(SyntaxError);
    await expect(fault('reset').then((response) => response.text())).rejects.toThrow();
    expect(ollama.state().counters).toMatchObject({ failed: 5, refused: 1, running: 0 });
  });
});

describe('POST /api/embeddings', () => {
  it('embeds one prompt in the older shape', async () => {
    const ollama = await startForTest();
    const answer = await postJson(ollama, '/api/embeddings', { model, prompt: 'sky' });
    expect(differences('embeddings', answer)).toEqual([]);
    expect(answer.embedding).toEqual(simulatedEmbedding(model, 'sky'));
    expect(await postJson(ollama, '/api/embeddings', { model })).toEqual({ embedding: [] });
    expect(await errorOf(await post(ollama, '/api/embeddings', { prompt: 'a' }))).toEqual([
      400,
      'model is required',
    ]);
  });
});

it('an embedding model has one slot however many the others have', async () => {
  const ollama = await startForTest({ slots: 4, firstTokenMs: 3 });
  const texts = ['a', 'b', 'c', 'd'];
  await Promise.all(texts.map((input) => postJson(ollama, '/api/embed', { model, input })));
  expect(ollama.state().models['nomic-embed-text:latest']?.maxRunning).toBe(1);
});
