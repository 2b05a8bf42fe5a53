/** What loading costs, against a simulated Ollama: one load at a time, no swap for every request, models spread over servers. */
import { describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
  type SimulatedOllamaOptions,
} from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { hostOf, nextFree, PATIENT, roomOf, stopping, until } from './testing/rig.ts';
import type { Slot, Upstreams } from './upstreams.ts';

const [ONE, TWO] = ['llama3:8b', 'gemma2:2b'];

const simulated = (options: SimulatedOllamaOptions = {}) =>
  stopping(startSimulatedOllama({ answerTokens: 2, slots: 4, loadMs: 80, ...options }));

const loadsAt = (ollama: SimulatedOllama): number =>
  Object.values(ollama.state().models).reduce((sum, { loads }) => sum + loads, 0);

/** Requests in their order, each started when its model has a free slot, as the dispatcher does. Resolves when all were answered. */
async function run(upstreams: Upstreams, models: readonly string[]): Promise<string[]> {
  const waiting = models.map((model) => ({ model, sinceMs: Date.now() }));
  const calls: Promise<string>[] = [];
  async function call(model: string, slot: Slot): Promise<string> {
    const outcome = await slot.run({ model, prompt: 'hi' }, PATIENT);
    slot.release();
    if (outcome.kind !== 'answered') throw new Error(JSON.stringify(outcome));
    return slot.upstream;
  }
  while (waiting.length > 0) {
    const since = new Map<string, number>();
    for (const { model, sinceMs } of waiting)
      since.set(model, Math.min(sinceMs, since.get(model) ?? sinceMs));
    upstreams.demand(since);
    const next = waiting.findIndex(({ model }) => upstreams.free(model) > 0);
    const slot = next === -1 ? null : upstreams.take(waiting[next]!.model);
    if (slot) calls.push(call(waiting.splice(next, 1)[0]!.model, slot));
    else await nextFree(upstreams);
  }
  return Promise.all(calls);
}

const inTurns = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => (n % 2 === 0 ? ONE : TWO));

describe('a model that is not loaded', () => {
  it('is loaded by one call; the others of it, and all of the next one, are sent after that', async () => {
    const ollama = await simulated();
    const upstreams = await roomOf([ollama]);
    await run(upstreams, inTurns(12));
    const { calls, models } = ollama.state();
    expect(Object.values(models).map(({ loads }) => loads)).toEqual([1, 1]);
    const first = calls.filter(({ body }) => (body as { model: string }).model === ONE);
    expect(first[1]!.startedAtMs - first[0]!.startedAtMs).toBeGreaterThanOrEqual(70);
    for (const { maxWaiting } of Object.values(models)) expect(maxWaiting).toBe(0);
  });

  it('is known to be loaded before its first token', async () => {
    const ollama = await simulated({ loadMs: 20 });
    ollama.control({ held: true });
    const upstreams = await roomOf([ollama], { probeMs: 60_000 });
    const first = upstreams.take(ONE)!;
    const answer = first.run({ model: ONE, prompt: 'hi' }, PATIENT);
    expect([upstreams.free(ONE), upstreams.capacity(ONE)]).toEqual([0, 4]);
    await until(() => upstreams.free(ONE) === 3);
    ollama.control({ held: false });
    expect(await answer).toMatchObject({ kind: 'answered' });
  });

  it('may be loaded by another call when the first one is cancelled', async () => {
    const ollama = await simulated({ loadMs: 60_000 });
    const upstreams = await roomOf([ollama]);
    const cancel = new AbortController();
    const slot = upstreams.take(ONE)!;
    const outcome = slot.run({ model: ONE, prompt: 'hi' }, { ...PATIENT, signal: cancel.signal });
    expect([upstreams.free(ONE), upstreams.free(TWO)]).toEqual([0, 0]);
    cancel.abort();
    await outcome;
    slot.release();
    expect([upstreams.free(ONE), upstreams.free(TWO)]).toEqual([1, 1]);
  });

  it('is loaded elsewhere while one upstream is loading another', async () => {
    const [first, second] = [await simulated(), await simulated()];
    const upstreams = await roomOf([first, second]);
    const one = upstreams.take(ONE)!;
    const two = upstreams.take(TWO)!;
    expect(new Set([one.upstream, two.upstream]).size).toBe(2);
  });
});

describe('two models that do not fit together', () => {
  it.each([undefined, 1])(
    'are swapped a tenth as often as first in first out would, or less (max_models %s)',
    async (maxModels) => {
      const ollama = await simulated({ maxLoaded: 1, firstTokenMs: 2 });
      const upstreams = await roomOf([ollama], {
        upstreams: [{ url: ollama.url, slots: 4, maxModels }],
      });
      await run(upstreams, inTurns(200));
      expect(loadsAt(ollama)).toBeLessThanOrEqual(20);
    },
  );

  it('are told apart by the bound: the other one comes in though the first is asked for all the time', async () => {
    const ollama = await simulated({ maxLoaded: 1, loadMs: 5 });
    const upstreams = await roomOf([ollama], {
      upstreams: [{ url: ollama.url, slots: 1, maxModels: 1 }],
      swapBounds: { requests: 1_000_000, ms: 150 },
    });
    await run(upstreams, [ONE]);
    await until(() => upstreams.free(ONE) === 1);
    const waiting = new Map([ONE, TWO].map((model) => [model, Date.now()]));
    upstreams.demand(waiting);
    expect([upstreams.free(ONE), upstreams.free(TWO)]).toEqual([1, 0]);
    // Something may be told to be free a moment before it is. Whoever hears of it says again what waits, and when.
    while (upstreams.free(TWO) === 0) {
      await nextFree(upstreams);
      upstreams.demand(waiting);
    }
    expect([upstreams.free(ONE), upstreams.free(TWO)]).toEqual([0, 1]);
  });

  it('end up at two servers when there are two, once it was found out that they do not fit', async () => {
    const [first, second] = [await simulated({ maxLoaded: 1 }), await simulated({ maxLoaded: 1 })];
    const upstreams = await roomOf([first, second]);
    await run(upstreams, inTurns(60));
    const before = loadsAt(first) + loadsAt(second);
    const where = await run(upstreams, inTurns(60));
    const of = (model: string) => new Set(where.filter((_, n) => inTurns(60)[n] === model));
    expect(loadsAt(first) + loadsAt(second) - before).toBeLessThanOrEqual(2);
    expect(new Set([...of(ONE), ...of(TWO)])).toEqual(new Set([hostOf(first), hostOf(second)]));
  });
});
