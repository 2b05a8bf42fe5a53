/** The room's slots in front of a simulated Ollama that nobody has told the slots of. */
import { describe, expect, it } from 'vitest';
import { startSimulatedOllama } from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { load, MODEL, roomOf, stopping } from './testing/rig.ts';

async function roomBefore(slots: number) {
  const ollama = await stopping(startSimulatedOllama({ slots, firstTokenMs: 25, answerTokens: 5 }));
  const upstreams = await roomOf([], { upstreams: [{ url: ollama.url, slots: 'auto' }] });
  const state = () => upstreams.states()[0]!.byModel[0]!;
  return { ollama, upstreams, state };
}

describe('slots that nobody fixed', () => {
  it('begin with one', async () => {
    const { upstreams } = await roomBefore(4);
    expect(upstreams.free(MODEL)).toBe(1);
  });

  it('grow while calls beside each other bring more tokens, and say so', async () => {
    const { ollama, upstreams, state } = await roomBefore(6);
    await load(upstreams, { calls: 300, atOnce: 16 });
    expect(state().slots).toBeGreaterThanOrEqual(3);
    expect(state().slotsChange).toMatchObject({ reason: expect.any(String), to: state().slots });
    expect(upstreams.capacity(MODEL)).toBe(state().slots);
    const most = Math.max(...ollama.state().calls.map(({ concurrency }) => concurrency ?? 0));
    expect(most).toBeGreaterThanOrEqual(3);
  });

  it('stay near one where more calls only wait in the queue of the server', async () => {
    const { upstreams, state } = await roomBefore(1);
    await load(upstreams, { calls: 120, atOnce: 16 });
    expect(state().slots).toBeLessThanOrEqual(2);
  });

  it('are halved when the server says that it is full, which fails nothing', async () => {
    const { ollama, upstreams, state } = await roomBefore(8);
    await load(upstreams, { calls: 200, atOnce: 16 });
    const before = state().slots;
    expect(before).toBeGreaterThanOrEqual(2);
    ollama.control({ faults: { next: [{ fault: 'error_503', times: 1 }] } });
    const [full] = await load(upstreams, { calls: 1, atOnce: 1 });
    expect(full!.outcome).toMatchObject({ kind: 'busy' });
    expect(state()).toMatchObject({
      slots: Math.floor(before / 2),
      slotsChange: { from: before, reason: 'busy' },
    });
  });

  it('of a number that an operator fixed never change', async () => {
    const ollama = await stopping(startSimulatedOllama({ slots: 8, firstTokenMs: 2, answerTokens: 5 }));
    const upstreams = await roomOf([ollama]);
    await load(upstreams, { calls: 200, atOnce: 16 });
    expect(upstreams.states()[0]!.byModel[0]).toMatchObject({ slots: 4, slotsChange: null });
    expect(Math.max(...ollama.state().calls.map(({ concurrency }) => concurrency ?? 0))).toBeLessThanOrEqual(
      4,
    );
  });
});
