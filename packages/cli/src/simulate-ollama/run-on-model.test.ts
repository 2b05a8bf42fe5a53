/** What the record says of the slots that calls held. */
import { expect, it } from 'vitest';
import { asked, post, postJson, startForTest, until } from './test-calls.ts';

/** What a number of some 10^12 ms cannot tell apart. */
const RESOLUTION_MS = 0.001;

it('records when each call held its slot, which the next in line takes at once', async () => {
  const ollama = await startForTest({ firstTokenMs: 10.25 });
  const prompts = ['a', 'b', 'c', 'd'];
  await Promise.all(
    prompts.map((prompt) => postJson(ollama, '/api/generate', asked(prompt, { stream: false }))),
  );
  const { calls } = await until(ollama, ({ counters }) => counters.running === 0);
  const held = calls.toSorted((a, b) => a.slotTakenAtMs! - b.slotTakenAtMs!);
  for (const { startedAtMs, slotTakenAtMs, slotGivenAtMs, endedAtMs } of held) {
    expect(slotTakenAtMs).toBeGreaterThanOrEqual(startedAtMs);
    expect(slotGivenAtMs! - slotTakenAtMs!).toBeGreaterThanOrEqual(10.25 - RESOLUTION_MS);
    expect(endedAtMs).toBeGreaterThanOrEqual(slotGivenAtMs!);
  }
  const gapsMs = held.slice(1).map(({ slotTakenAtMs }, n) => slotTakenAtMs! - held[n]!.slotGivenAtMs!);
  expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(0);
  expect(gapsMs.toSorted((a, b) => a - b)[1]).toBeLessThan(2);
});

it('records no slot of a call that never had one, and a kept one only when it is free again', async () => {
  const ollama = await startForTest({ tokensPerSecond: 500 });
  ollama.control({ cancelKeepsSlotMs: 20 });
  await post(ollama, '/api/generate', asked('a', { model: 'x' }));
  const leaving = new AbortController();
  const answer = await post(ollama, '/api/generate', asked('a'), leaving.signal);
  leaving.abort();
  await expect(answer.text()).rejects.toThrow();
  await until(ollama, ({ models }) => models['llama3:8b']!.running === 0);
  const [refused, cancelled] = ollama.state().calls;
  expect([refused!.slotTakenAtMs, refused!.slotGivenAtMs]).toEqual([undefined, undefined]);
  expect(cancelled!.slotGivenAtMs! - cancelled!.endedAtMs!).toBeGreaterThan(15);
});
