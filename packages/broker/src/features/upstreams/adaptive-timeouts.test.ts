/** The room's timers against a simulated Ollama, whose pace changes. */
import { describe, expect, it } from 'vitest';
import { startSimulatedOllama } from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { ask, load, PATIENT, roomOf, stopping, type Asked } from './testing/rig.ts';

const NONE = { connectMs: 1_000, firstTokenMs: 1, gapMs: 1, totalMs: 1 };
const SLOTS = 4;

const isTimedOut = ({ outcome }: Asked): boolean =>
  outcome.kind === 'failed' && outcome.code === 'upstream_timeout';

describe('a model that gets slower', () => {
  it('tenfold is not given up call after call', async () => {
    const ollama = await stopping(startSimulatedOllama({ slots: SLOTS, firstTokenMs: 30, answerTokens: 2 }));
    const upstreams = await roomOf([ollama], { timerFloors: NONE });
    await load(upstreams, { calls: 40, atOnce: SLOTS });
    ollama.control({ firstTokenMs: 300 });
    const slow = await load(upstreams, { calls: 40, atOnce: SLOTS });
    expect(slow.filter(isTimedOut).length).toBeLessThanOrEqual(SLOTS);
    expect(slow.slice(2 * SLOTS).filter(isTimedOut)).toEqual([]);
  });

  it('far more than that costs the calls under way, and is then waited for', async () => {
    const ollama = await stopping(startSimulatedOllama({ slots: 1, firstTokenMs: 1, answerTokens: 2 }));
    const upstreams = await roomOf([ollama], { timerFloors: NONE });
    await load(upstreams, { calls: 10, atOnce: 1 });
    ollama.control({ held: true });
    expect(isTimedOut(await ask(upstreams))).toBe(true);
    ollama.control({ held: false, firstTokenMs: 100 });
    const after = await load(upstreams, { calls: 5, atOnce: 1 });
    expect(after.filter(isTimedOut)).toEqual([]);
  });
});

describe('a call that hangs', () => {
  it('is given up long before the ceiling once the model is known', async () => {
    const ollama = await stopping(startSimulatedOllama({ slots: 1, firstTokenMs: 5, answerTokens: 2 }));
    const upstreams = await roomOf([ollama], { timerFloors: NONE });
    const options = { ...PATIENT, timers: { ...PATIENT.timers, firstTokenMs: 600_000, totalMs: 600_000 } };
    await load(upstreams, { calls: 10, atOnce: 1 });
    ollama.control({ held: true });
    const { outcome } = await ask(upstreams, options);
    expect(outcome).toMatchObject({ code: 'upstream_timeout', timer: 'first_token' });
  });

  it('is given the whole time that the settings allow when timers are not to adapt', async () => {
    const ollama = await stopping(startSimulatedOllama({ slots: 1, answerTokens: 2 }));
    const upstreams = await roomOf([ollama], { timerFloors: NONE, adaptiveTimeouts: () => false });
    await load(upstreams, { calls: 10, atOnce: 1 });
    ollama.control({ held: true });
    const timers = { ...PATIENT.timers, firstTokenMs: 400 };
    const { outcome } = await ask(upstreams, { ...PATIENT, timers });
    expect(outcome).toMatchObject({ timer: 'first_token', message: expect.stringMatching(/0\.4 s|400/) });
  });
});

describe('a model that has to be loaded', () => {
  it('is not given up, though it was quick while it was there', async () => {
    const ollama = await stopping(
      startSimulatedOllama({
        ...{ slots: 1, firstTokenMs: 1, answerTokens: 2, maxLoaded: 1 },
        models: [
          { name: 'llama3:8b', loadMs: 700 },
          { name: 'gemma2:2b', loadMs: 1_100 },
        ],
      }),
    );
    const upstreams = await roomOf([ollama], { timerFloors: NONE });
    await load(upstreams, { calls: 10, atOnce: 1 });
    // Pushes it out.
    const slot = upstreams.take('gemma2:2b')!;
    await slot.run({ model: 'gemma2:2b', prompt: 'x' }, PATIENT);
    slot.release();
    expect((await ask(upstreams)).outcome).toMatchObject({ kind: 'answered' });
  });
});
