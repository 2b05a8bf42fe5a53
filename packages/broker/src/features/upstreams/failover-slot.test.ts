import { describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllamaOptions,
  type FaultName,
} from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { WARM, ASK, ask, hostOf, MODEL, PATIENT, roomOf, stopping } from './testing/rig.ts';
import { hold, startScriptedOllama } from './testing/scripted-ollama.ts';

const simulated = (options: SimulatedOllamaOptions = {}) =>
  stopping(startSimulatedOllama({ ...WARM, answerTokens: 5, slots: 4, ...options }));

/** The first is taken first. */
async function two(fault: FaultName | null, more: { second?: FaultName } = {}) {
  const [first, second] = [await simulated(), await simulated()];
  first.control({ faults: { all: fault } });
  second.control({ faults: { all: more.second ?? null } });
  // Probes only at the start, so that nothing but calls is seen.
  const upstreams = await roomOf([first, second], { probeMs: 3_600_000 });
  return { first, second, upstreams };
}

describe('a call that fails before its first token', () => {
  it.each<FaultName>(['error_500', 'error_500_running', 'error_500_load', 'error_503', 'error_404'])(
    'by %s is answered by another upstream, and that one is named',
    async (fault) => {
      const { first, second, upstreams } = await two(fault);
      const slot = upstreams.take(MODEL)!;
      expect(slot.upstream).toBe(hostOf(first));
      expect(await slot.run(ASK, PATIENT)).toMatchObject({ kind: 'answered' });
      expect(slot.upstream).toBe(hostOf(second));
      expect(upstreams.states().map(({ running }) => running)).toEqual([0, 1]);
      slot.release();
      slot.release();
      expect(upstreams.free(MODEL)).toBe(8);
      expect([first.state().counters.calls, second.state().counters.calls]).toEqual([1, 1]);
    },
  );

  it('for want of a server is answered by another upstream', async () => {
    const { first, second, upstreams } = await two(null);
    await first.stop();
    const slot = upstreams.take(MODEL)!;
    expect(slot.upstream).toBe(hostOf(first));
    expect(await slot.run(ASK, PATIENT)).toMatchObject({ kind: 'answered' });
    expect(slot.upstream).toBe(hostOf(second));
  });

  it('for a connection that breaks is answered by another upstream', async () => {
    const breaking = await startScriptedOllama((response) => void response.socket!.destroy());
    const second = await simulated();
    const upstreams = await roomOf([breaking, second], { probeMs: 3_600_000 });
    const outcome = await upstreams.take(MODEL)!.run(ASK, PATIENT);
    expect(outcome).toMatchObject({ kind: 'answered' });
    await breaking.stop();
  });

  it('asks each upstream once at most', async () => {
    const all = [await simulated(), await simulated(), await simulated()];
    for (const one of all) one.control({ faults: { all: 'error_500' } });
    const upstreams = await roomOf(all);
    expect((await ask(upstreams)).outcome).toMatchObject({ code: 'upstream_failed' });
    expect(all.map((one) => one.state().counters.calls)).toEqual([1, 1, 1]);
  });

  it('does not go where the model is not installed', async () => {
    const [first, second] = [await simulated(), await simulated({ models: [{ name: 'other' }] })];
    first.control({ faults: { all: 'error_500' } });
    const upstreams = await roomOf([first, second]);
    expect((await ask(upstreams)).outcome).toMatchObject({ code: 'upstream_failed' });
    expect(second.state().counters.calls).toBe(0);
  });

  it('does not go where no slot is free', async () => {
    const { second, upstreams } = await two('error_500');
    const slot = upstreams.take(MODEL)!;
    // The least loaded is the second until all are taken.
    const others = Array.from({ length: 7 }, () => upstreams.take(MODEL)!);
    expect(await slot.run(ASK, PATIENT)).toMatchObject({ code: 'upstream_failed' });
    expect(second.state().counters.calls).toBe(0);
    for (const one of [slot, ...others]) one.release();
    expect(upstreams.free(MODEL)).toBe(8);
  });

  it('holds the first slot until its socket is closed, and never two', async () => {
    const gate = hold();
    const [first, second] = [await startScriptedOllama(), await startScriptedOllama(gate.answer)];
    first.answer = (response) => {
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"boom"}');
    };
    const upstreams = await roomOf([first, second], { probeMs: 3_600_000 });
    const slot = upstreams.take(MODEL)!;
    const seen: number[][] = [];
    const look = () => seen.push(upstreams.states().map(({ running }) => running));
    upstreams.onFree(look);
    const outcome = slot.run(ASK, PATIENT);
    await gate.arrived;
    look();
    gate.letGo();
    expect(await outcome).toMatchObject({ kind: 'answered' });
    // The second is taken before the first is given up, in one step: nobody can come in between.
    expect(seen).toEqual([
      [0, 1],
      [0, 1],
    ]);
    await first.stop();
    await second.stop();
  });

  it('has no more time at the second upstream than the whole attempt has left', async () => {
    const { first, upstreams } = await two('error_500', { second: 'hang_headers' });
    first.control({ answerDelayMs: 300 });
    const started = performance.now();
    const timers = { ...PATIENT.timers, totalMs: 450 };
    const outcome = await upstreams.take(MODEL)!.run(ASK, { ...PATIENT, timers });
    expect(outcome).toMatchObject({ code: 'upstream_timeout', timer: 'total' });
    expect(performance.now() - started).toBeLessThan(700);
  });

  it('is not a missing model as long as another upstream only failed', async () => {
    const { first, upstreams } = await two('error_500', { second: 'error_404' });
    const slot = upstreams.take(MODEL)!;
    expect(await slot.run(ASK, PATIENT)).toMatchObject({ code: 'upstream_failed', retryable: true });
    expect(slot.upstream).toBe(hostOf(first));
  });

  it('can be cancelled at the second upstream', async () => {
    const { second, upstreams } = await two('error_500', { second: 'hang_headers' });
    const cancel = new AbortController();
    const outcome = upstreams.take(MODEL)!.run(ASK, { ...PATIENT, signal: cancel.signal });
    while (second.state().counters.running === 0) await new Promise(setImmediate);
    cancel.abort();
    expect(await outcome).toEqual({ kind: 'cancelled' });
  });
});

describe('a call that fails otherwise', () => {
  it.each<FaultName>(['mid_stream_error', 'no_done', 'done_false', 'reset', 'garbage_line'])(
    'after its first token, by %s, stays where it was',
    async (fault) => {
      const { second, upstreams } = await two(fault);
      expect((await ask(upstreams)).outcome).toMatchObject({ kind: 'failed', phase: 'stream' });
      expect(second.state().counters.calls).toBe(0);
    },
  );

  it.each<[string, FaultName, string]>([
    ['because of the request itself', 'error_400_context', 'context_exceeded'],
    ['by something that is not Ollama', 'html', 'upstream_invalid'],
  ])('%s stays where it was', async (_, fault, code) => {
    const { second, upstreams } = await two(fault);
    expect((await ask(upstreams)).outcome).toMatchObject({ code });
    expect(second.state().counters.calls).toBe(0);
  });

  it('for want of a first token in time stays where it was', async () => {
    const { second, upstreams } = await two('hang_headers');
    const timers = { ...PATIENT.timers, firstTokenMs: 100 };
    expect((await ask(upstreams, { ...PATIENT, timers })).outcome).toMatchObject({
      code: 'upstream_timeout',
    });
    expect(second.state().counters.calls).toBe(0);
  });
});

describe('the retry budget', () => {
  it('ends the moving on when too much fails, and successes bring it back', async () => {
    // The clock stands, so that nothing comes back with time.
    const all = [await simulated(), await simulated()];
    const upstreams = await roomOf(all, { clock: { now: () => 1_000_000 } });
    const fault = (name: FaultName | null) => all.forEach((one) => one.control({ faults: { all: name } }));
    const calls = () => all.reduce((sum, one) => sum + one.state().counters.calls, 0);
    fault('error_503');
    // Each of them is two retries: the move, and the later attempt that follows from "busy".
    for (let call = 0; call < 30; call++) await ask(upstreams);
    expect(calls()).toBe(30 + 5);
    fault(null);
    for (let call = 0; call < 20; call++) await ask(upstreams);
    fault('error_503');
    for (let call = 0; call < 30; call++) await ask(upstreams);
    expect(calls()).toBe(30 + 5 + 20 + 30 + 2);
  });
});
