import { describe, expect, it } from 'vitest';
import type { Json } from './test-calls.ts';
import { asked, errorOf, getJson, post, postJson, startForTest } from './test-calls.ts';

describe('/_simulate', () => {
  it('shows the state, as much of it as wanted', async () => {
    const ollama = await startForTest();
    for (const prompt of ['a', 'b', 'c'])
      await postJson(ollama, '/api/generate', asked(prompt, { stream: false }));
    const state = await getJson(ollama, '/_simulate');
    expect(state).toEqual(JSON.parse(JSON.stringify(ollama.state())));
    expect(state.counters).toMatchObject({ calls: 3, completed: 3, requests: 3 });
    const short = await getJson(ollama, '/_simulate?calls=1&prompts=0');
    expect((short.calls as Json[]).map((call) => call.body)).toEqual([asked('c', { stream: false })]);
    expect(short.promptCalls).toEqual({});
  });

  it('changes what is told, and nothing else', async () => {
    const ollama = await startForTest({ slots: 3 });
    const state = await postJson(ollama, '/_simulate', {
      loadMs: 5,
      faults: { all: 'error_500' },
      models: [{ name: 'only' }],
    });
    expect(state.settings).toMatchObject({ slots: 3, loadMs: 5 });
    expect(state.faults).toEqual({ next: [], all: 'error_500', probability: {} });
    expect((await post(ollama, '/api/generate', asked('a', { model: 'only' }))).status).toBe(500);
    expect((await post(ollama, '/api/generate', asked('a'))).status).toBe(404);
  });

  it.each<[unknown, string]>([
    ['{', 'control: the body is not JSON'],
    [[], 'control must be an object'],
    [{ slots: 0 }, 'control.slots must be a whole number from 1 to 1000000'],
    [{ firstTokenMs: -1 }, 'control.firstTokenMs must be a number from 0 to 2147483647'],
    [{ down: 'yes' }, 'control.down must be true or false'],
    [{ models: [{ name: 'a' }, { loadMs: 4 }] }, 'control.models[1].name is missing'],
    [
      { faults: { probability: { reset: 0.6, html: 0.6 } } },
      'control.faults.probability must together be at most 1, not 1.2',
    ],
    [
      { faults: { next: [{ fault: 'reset', times: 0 }] } },
      'control.faults.next[0].times must be a whole number from 1 to 1000000',
    ],
  ])('refuses %j and says where', async (patch, error) => {
    const ollama = await startForTest();
    const before = ollama.state();
    expect(await errorOf(await post(ollama, '/_simulate', patch))).toEqual([400, error]);
    expect(ollama.state()).toEqual(before);
  });

  it('names what there is when a field or a fault is not', async () => {
    const ollama = await startForTest();
    const [, unknownField] = await errorOf(await post(ollama, '/_simulate', { slot: 1 }));
    expect(unknownField).toMatch(/^control has no field "slot"; there are slots, maxQueue, /);
    const [, unknownFault] = await errorOf(await post(ollama, '/_simulate', { faults: { all: 'flood' } }));
    expect(unknownFault).toMatch(/^control\.faults\.all must be one of error_500, /);
    expect((await post(ollama, '/_simulate/rest', {})).status).toBe(404);
  });

  it('goes back to the start on reset', async () => {
    const ollama = await startForTest({ slots: 2, models: [{ name: 'mine' }] });
    const before = ollama.state();
    await postJson(ollama, '/_simulate', {
      slots: 5,
      down: true,
      models: [],
      faults: { all: 'html', next: [{ fault: 'reset' }] },
    });
    ollama.control({ down: false, models: [{ name: 'mine' }], faults: { all: null, next: [] } });
    await postJson(ollama, '/api/generate', asked('a', { model: 'mine', stream: false }));
    ollama.control({ down: true });
    await postJson(ollama, '/_simulate/reset', {});
    expect(ollama.state()).toEqual(before);
    expect((await post(ollama, '/api/generate', asked('a', { model: 'mine' }))).status).toBe(200);
  });

  it('draws the same chances after a reset as from the start', async () => {
    const ollama = await startForTest({ seed: 9 });
    const draw = async () => {
      ollama.control({ faults: { probability: { error_500: 0.5 } } });
      const calls = Array.from({ length: 20 }, () => post(ollama, '/api/generate', asked('a')));
      await Promise.all(calls.map(async (call) => (await call).text()));
      return ollama.state().counters.failed;
    };
    const first = await draw();
    ollama.reset();
    expect(await draw()).toBe(first);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(20);
  });
});
