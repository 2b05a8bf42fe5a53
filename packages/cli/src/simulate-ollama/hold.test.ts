/** A held simulation answers nothing, keeps its slots taken, and goes on where it stopped. */
import { expect, it } from 'vitest';
import { asked, post, startForTest, until } from './test-calls.ts';

it('holds calls in their slots before the first token, and lets them go at once', async () => {
  const ollama = await startForTest({ slots: 2 });
  ollama.control({ held: true });
  const answers = ['a', 'b', 'c'].map((prompt) => post(ollama, '/api/generate', asked(prompt)));
  const { models } = await until(ollama, (state) => state.models['llama3:8b']?.waiting === 1);
  expect(models['llama3:8b']).toMatchObject({ running: 2, waiting: 1 });
  expect(ollama.state().counters.completed).toBe(0);
  ollama.control({ held: false });
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
  await until(ollama, (state) => state.counters.completed === 3);
});

it('frees the slot of a held caller who leaves', async () => {
  const ollama = await startForTest();
  ollama.control({ held: true });
  const leaving = new AbortController();
  const gone = post(ollama, '/api/generate', asked('a'), leaving.signal).catch(() => null);
  await until(ollama, (state) => state.models['llama3:8b']?.running === 1);
  leaving.abort();
  await gone;
  await until(ollama, (state) => state.models['llama3:8b']?.running === 0);
  expect(ollama.state().counters.cancelled).toBe(1);
});
