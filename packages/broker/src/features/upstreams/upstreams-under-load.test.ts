import { describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllamaOptions,
} from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { StoredUpstream } from './upstream-store.ts';
import { WARM, ask, hostOf, load, MODEL, nextFree, PATIENT, roomOf, stopping, until } from './testing/rig.ts';
import type { UpstreamState } from './upstreams.ts';

const simulated = (options: SimulatedOllamaOptions = {}) =>
  stopping(startSimulatedOllama({ ...WARM, answerTokens: 5, slots: 4, ...options }));

const STORED = {
  source: 'database',
  isEnabled: true,
  isDraining: false,
  breaker: 'auto',
  createdAt: 1,
} as const;

function stored(url: string, more: Partial<StoredUpstream> = {}): StoredUpstream {
  return { id: hostOf({ url }), url, slots: 4, ...STORED, ...more };
}

/** As a row for one that the settings name. */
function switched(url: string, more: Partial<StoredUpstream>): StoredUpstream {
  return stored(url, { source: 'settings', ...more });
}

const isAnswered = ({ outcome }: { outcome: { kind: string } }) => outcome.kind === 'answered';

describe('under load', () => {
  it('no call fails when one of two upstreams is killed and comes back', async () => {
    const first = await simulated({ firstTokenMs: 20 });
    const second = await simulated({ firstTokenMs: 20 });
    const upstreams = await roomOf([first, second], { recoveryStepMs: 50 });
    const all = await load(upstreams, {
      calls: 200,
      atOnce: 4,
      onCall: (done) => void (done === 60 && first.stop()),
    });
    expect(all.filter((one) => !isAnswered(one))).toEqual([]);
    const byFirst = all.filter(({ upstream }) => upstream === hostOf(first)).length;
    expect(byFirst).toBeGreaterThan(10);
    expect(byFirst).toBeLessThan(60);
    const again = await startSimulatedOllama({ ...WARM, port: first.port, answerTokens: 5, slots: 4 });
    await until(() => upstreams.states()[0]!.status === 'up');
    await load(upstreams, { calls: 40, atOnce: 4 });
    expect(again.state().counters.calls).toBeGreaterThan(0);
    await again.stop();
  });

  it.each([1, 2, 4, 5])(
    'an upstream that is five times slower gets a quarter of the calls at most, %i at once',
    async (atOnce) => {
      const slow = await simulated({ firstTokenMs: 150 });
      const fast = await simulated({ firstTokenMs: 30 });
      const upstreams = await roomOf([slow, fast]);
      await load(upstreams, { calls: 8, atOnce: 4 });
      const all = await load(upstreams, { calls: 80, atOnce });
      expect(all.every(isAnswered)).toBe(true);
      const bySlow = all.filter(({ upstream }) => upstream === hostOf(slow)).length;
      expect(bySlow / all.length).toBeLessThanOrEqual(0.25);
    },
  );

  it('equal upstreams share the calls', async () => {
    const pair = [await simulated({ firstTokenMs: 40 }), await simulated({ firstTokenMs: 40 })];
    const upstreams = await roomOf(pair);
    await load(upstreams, { calls: 100, atOnce: 4 });
    for (const one of pair) expect(one.state().counters.calls).toBeGreaterThan(20);
  });

  it('never more calls of a model run at an upstream than it has slots', async () => {
    const pair = [await simulated({ firstTokenMs: 5 }), await simulated({ firstTokenMs: 5 })];
    for (const one of pair)
      one.control({ faults: { probability: { error_500_running: 0.2, error_503: 0.2 } } });
    const upstreams = await roomOf(pair);
    await load(upstreams, { calls: 150, atOnce: 12 });
    for (const one of pair)
      expect(Math.max(...one.state().calls.map(({ concurrency }) => concurrency))).toBeLessThanOrEqual(4);
    expect(upstreams.states().map(({ running }) => running)).toEqual([0, 0]);
  });

  it('an upstream that has the model loaded is preferred when loads are equal', async () => {
    const [cold, warm] = [await simulated({ loaded: [] }), await simulated({ loaded: [] })];
    await fetch(`${warm.url}/api/generate`, { method: 'POST', body: JSON.stringify({ model: MODEL }) });
    const upstreams = await roomOf([cold, warm]);
    for (let call = 0; call < 5; call++) expect((await ask(upstreams)).upstream).toBe(hostOf(warm));
  });

  it.each<[string, (url: string) => StoredUpstream[]]>([
    ['draining', (url) => [switched(url, { isDraining: true })]],
    ['disabled', (url) => [switched(url, { isEnabled: false })]],
    ['with its breakers forced open', (url) => [switched(url, { breaker: 'open' })]],
  ])('one that is %s ends its calls and gets no more, until that is undone', async (_, rows) => {
    const [first, second] = [await simulated({ firstTokenMs: 10 }), await simulated({ firstTokenMs: 10 })];
    const upstreams = await roomOf([first, second]);
    let callsBefore = 0;
    const all = await load(upstreams, {
      calls: 100,
      atOnce: 4,
      onCall: (done) => {
        if (done !== 40) return;
        void upstreams.apply(rows(first.url));
        callsBefore = first.state().counters.calls;
      },
    });
    expect(all.every(isAnswered)).toBe(true);
    // What had a slot already may still have been on its way.
    expect(first.state().counters.calls - callsBefore).toBeLessThanOrEqual(4);
    expect(upstreams.states()[0]).toMatchObject({ running: 0, status: 'up' });
    expect(upstreams.free(MODEL)).toBe(4);
    const freed = nextFree(upstreams);
    await upstreams.apply([]);
    await freed;
    expect(upstreams.free(MODEL)).toBe(8);
  });

  it('what only a disabled upstream could answer waits', async () => {
    const [first, second] = [await simulated(), await simulated({ models: [{ name: 'other' }] })];
    const upstreams = await roomOf([first, second]);
    await upstreams.apply([switched(first.url, { isEnabled: false })]);
    expect([upstreams.free(MODEL), upstreams.take(MODEL)]).toEqual([0, null]);
    await first.stop();
    await until(() => upstreams.states()[0]!.status === 'down');
    expect([upstreams.free(MODEL), upstreams.take(MODEL)]).toEqual([0, null]);
  });

  it('one that is added takes calls, and one that is removed ends its calls and is forgotten', async () => {
    const [first, second] = [await simulated({ firstTokenMs: 10 }), await simulated({ firstTokenMs: 10 })];
    const upstreams = await roomOf([first]);
    await upstreams.apply([stored(second.url)]);
    expect(upstreams.states()[1]).toMatchObject({ status: 'up', source: 'database', running: 0 });
    const seen: (UpstreamState | undefined)[] = [];
    const all = await load(upstreams, {
      calls: 100,
      atOnce: 6,
      onCall: (done) => {
        if (done !== 40) return;
        void upstreams.apply([]);
        seen.push(upstreams.states()[1]);
        void upstreams.apply([]);
      },
    });
    expect(all.every(isAnswered)).toBe(true);
    expect(second.state().counters.calls).toBeGreaterThan(10);
    expect(seen[0]).toMatchObject({ id: hostOf(second), isDraining: true });
    expect(seen[0]!.running).toBeGreaterThan(0);
    expect(upstreams.states().map(({ id }) => id)).toEqual([hostOf(first)]);
    expect(second.state().counters.cancelled).toBe(0);
  });

  it('one that is removed and added again before its calls end stays', async () => {
    const [first, second] = [await simulated(), await simulated()];
    const upstreams = await roomOf([first]);
    await upstreams.apply([stored(second.url)]);
    const slots = Array.from({ length: 8 }, () => upstreams.take(MODEL)!);
    await upstreams.apply([]);
    const there = slots.findIndex(({ upstream }) => upstream === hostOf(second));
    slots.splice(there, 1)[0]!.release();
    expect(upstreams.free(MODEL)).toBe(0);
    await upstreams.apply([stored(second.url)]);
    for (const slot of slots) slot.release();
    expect(upstreams.states().map(({ isDraining, running }) => [isDraining, running])).toEqual([
      [false, 0],
      [false, 0],
    ]);
    expect(upstreams.free(MODEL)).toBe(8);
  });
});

describe('an upstream that comes back', () => {
  it('gets 1, 2, 4 … calls at once, by time', async () => {
    const first = await simulated();
    const upstreams = await roomOf([first], { recoveryStepMs: 100 });
    expect(upstreams.free(MODEL)).toBe(4);
    await first.stop();
    await until(() => upstreams.states()[0]!.status === 'down');
    const again = await startSimulatedOllama({ ...WARM, port: first.port, slots: 4 });
    const seen = new Set<number>();
    upstreams.onFree(() => seen.add(upstreams.free(MODEL)));
    await until(() => seen.has(4));
    expect([...seen]).toEqual([1, 2, 4]);
    await again.stop();
  });

  it('gets more with each call that is answered', async () => {
    const first = await simulated();
    const upstreams = await roomOf([first], { recoveryStepMs: 3_600_000 });
    await first.stop();
    await until(() => upstreams.states()[0]!.status === 'down');
    const again = await startSimulatedOllama({ ...WARM, port: first.port, slots: 4 });
    await until(() => upstreams.states()[0]!.status === 'up');
    const seen = [upstreams.free(MODEL)];
    for (let call = 0; call < 3; call++) {
      await ask(upstreams);
      seen.push(upstreams.free(MODEL));
    }
    expect(seen).toEqual([1, 2, 4, 4]);
    await again.stop();
  });
});

describe('a breaker', () => {
  const pauses = { firstMs: 200, longestMs: 400 };

  it('opens, lets single probes through by itself, closes and recovers', async () => {
    const only = await simulated();
    const lines: string[] = [];
    const log = (_: object, message: string) => void lines.push(message);
    const upstreams = await roomOf([only], {
      breakerPauses: pauses,
      recoveryStepMs: 3_600_000,
      logger: { debug: log, info: log, warn: log, error: log },
    });
    only.control({ faults: { all: 'error_500' } });
    await load(upstreams, { calls: 5, atOnce: 1 });
    expect(upstreams.free(MODEL)).toBe(0);
    expect(upstreams.take(MODEL)).toBeNull();
    expect(upstreams.states()[0]!.byModel).toMatchObject([
      { model: MODEL, breaker: 'open', running: 0, lastError: expect.stringContaining('runner') },
    ]);

    await nextFree(upstreams);
    expect(upstreams.free(MODEL)).toBe(1);
    const probe = upstreams.take(MODEL)!;
    expect([upstreams.free(MODEL), upstreams.take(MODEL)]).toEqual([0, null]);
    expect(await probe.run({ model: MODEL, prompt: 'x' }, PATIENT)).toMatchObject({ kind: 'failed' });
    probe.release();
    expect(upstreams.free(MODEL)).toBe(0);
    expect(only.state().counters.calls).toBe(6);

    only.control({ faults: { all: null } });
    await nextFree(upstreams);
    expect(upstreams.states()[0]!.byModel[0]!.breaker).toBe('half_open');
    expect((await ask(upstreams)).outcome).toMatchObject({ kind: 'answered' });
    expect(upstreams.states()[0]!.byModel[0]!.breaker).toBe('closed');
    const seen = [upstreams.free(MODEL)];
    for (let call = 0; call < 2; call++) {
      await ask(upstreams);
      seen.push(upstreams.free(MODEL));
    }
    expect(seen).toEqual([1, 2, 4]);
    expect(lines).toEqual(['upstream is up', 'breaker opened', 'breaker closed']);
  });

  it('of one model leaves the others alone', async () => {
    const only = await simulated();
    const upstreams = await roomOf([only], { breakerPauses: pauses });
    only.control({ faults: { all: 'error_500' } });
    await load(upstreams, { calls: 5, atOnce: 1 });
    expect([upstreams.free(MODEL), upstreams.free('gemma2:2b')]).toEqual([0, 4]);
  });

  it('that is open takes its upstream out of the choice, and the others do the work', async () => {
    const [bad, good] = [await simulated(), await simulated()];
    const upstreams = await roomOf([bad, good], { breakerPauses: { firstMs: 60_000, longestMs: 60_000 } });
    bad.control({ faults: { all: 'error_500' } });
    const all = await load(upstreams, { calls: 60, atOnce: 2 });
    expect(all.every(isAnswered)).toBe(true);
    expect(bad.state().counters.calls).toBeLessThanOrEqual(6);
  });

  it('asks for another probe when its probe was cancelled or never made a call', async () => {
    const only = await simulated();
    const upstreams = await roomOf([only], { breakerPauses: pauses });
    only.control({ faults: { all: 'error_500' } });
    await load(upstreams, { calls: 5, atOnce: 1 });
    await nextFree(upstreams);
    upstreams.take(MODEL)!.release();
    expect(upstreams.free(MODEL)).toBe(1);
    const cancelled = upstreams.take(MODEL)!;
    const signal = AbortSignal.abort();
    expect(await cancelled.run({ model: MODEL, prompt: 'x' }, { ...PATIENT, signal })).toEqual({
      kind: 'cancelled',
    });
    expect(upstreams.free(MODEL)).toBe(0);
    cancelled.release();
    expect(upstreams.free(MODEL)).toBe(1);
  });

  it('that is forced closed lets calls through whatever happens, and starts anew when left to itself', async () => {
    const only = await simulated();
    const warnings: string[] = [];
    const warn = (_: object, message: string) => void warnings.push(message);
    const upstreams = await roomOf([only], { breakerPauses: pauses, logger: { ...silentLogger, warn } });
    only.control({ faults: { all: 'error_500' } });
    await load(upstreams, { calls: 5, atOnce: 1 });
    await upstreams.apply([switched(only.url, { breaker: 'closed' })]);
    expect(upstreams.free(MODEL)).toBe(4);
    await load(upstreams, { calls: 12, atOnce: 1 });
    expect(upstreams.free(MODEL)).toBe(4);
    expect(warnings).toEqual(['breaker opened']);
    await upstreams.apply([]);
    await load(upstreams, { calls: 4, atOnce: 1 });
    expect(upstreams.free(MODEL)).toBe(4);
    await load(upstreams, { calls: 1, atOnce: 1 });
    expect(upstreams.free(MODEL)).toBe(0);
  });

  it('is not kept for models that nobody has: clients name what they like', async () => {
    const upstreams = await roomOf([await simulated()]);
    for (const model of ['made-up-1', 'made-up-2']) {
      const slot = upstreams.take(model)!;
      expect(await slot.run({ model, prompt: 'x' }, PATIENT)).toMatchObject({ code: 'model_not_found' });
      expect(upstreams.states()[0]!.byModel).toMatchObject([{ model: `${model}:latest`, running: 1 }]);
      slot.release();
      expect(upstreams.states()[0]!.byModel).toEqual([]);
    }
  });
});

describe('a probe that is slow', () => {
  it('does not count while calls are streaming well, and does when they are not', async () => {
    const only = await simulated({ tokensPerSecond: 20, answerTokens: 50 });
    const upstreams = await roomOf([only]);
    const slot = upstreams.take(MODEL)!;
    const streaming = new Promise<void>((started) => {
      void slot.run({ model: MODEL, prompt: 'x' }, { ...PATIENT, onProgress: () => started() });
    });
    await streaming;
    // From here on everything but what streams already takes longer than a probe waits.
    only.control({ answerDelayMs: 3_000 });
    const before = upstreams.states()[0]!.checkedAt!;
    await until(() => upstreams.states()[0]!.checkedAt! > before + 2_000);
    expect(upstreams.states()[0]).toMatchObject({ status: 'up', running: 1 });
    await until(() => upstreams.states()[0]!.status === 'down');
    expect(upstreams.states()[0]!.lastError).toBe('The upstream did not answer in time.');
  });
});
