import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { isAllowedHost } from './allowed-host.ts';
import type { SimulatedOllama } from './simulate-ollama.ts';
import { simulatedAnswer, startSimulatedOllama } from './simulate-ollama.ts';
import { asked, getJson, post, postJson, startForTest, until } from './test-calls.ts';

describe('routes', () => {
  it.each([
    ['GET', '/', 200],
    ['HEAD', '/', 200],
    ['HEAD', '/api/version', 200],
    ['HEAD', '/api/tags', 200],
    ['POST', '/', 405],
    ['GET', '/api/generate', 405],
    ['POST', '/api/tags', 405],
    ['POST', '/api/delete', 405],
    ['GET', '/api/nothing', 404],
    ['GET', '/toString', 404],
    ['HEAD', '/api/blobs/sha256:0', 404],
    ['POST', '/api/blobs/sha256:0', 400],
  ])('%s %s answers %i', async (method, path, status) => {
    const ollama = await startForTest();
    const response = await fetch(ollama.url + path, { method });
    expect(response.status).toBe(status);
    if (status === 405) expect(await response.text()).toBe('405 method not allowed');
  });

  it('answers a foreign Host header with 403 and no body', async () => {
    const ollama = await startForTest();
    expect(await statusFor(ollama, 'evil.example')).toBe(403);
    expect(await statusFor(ollama, 'ollama.internal:11434')).toBe(200);
  });

  it('answers any Host header when it listens beyond the loopback', async () => {
    const ollama = await startForTest({ host: '0.0.0.0' });
    expect(await statusFor(ollama, 'evil.example')).toBe(200);
  });

  it.each<[string | undefined, boolean]>([
    [undefined, true],
    ['localhost:11434', true],
    ['LOCALHOST', true],
    ['a.localhost', true],
    ['printer.local', true],
    ['ollama.internal', true],
    ['127.0.0.1:9', true],
    ['[::1]:9', true],
    ['192.168.1.4', true],
    ['0.0.0.0', true],
    ['8.8.8.8', false],
    ['example.com', false],
    ['localhost.example.com', false],
  ])('host %s allowed: %j', (host, isAllowed) => expect(isAllowedHost(host)).toBe(isAllowed));
});

describe('states of the whole server', () => {
  it('down destroys the connections of new calls, lets running ones end, and can be undone', async () => {
    const ollama = await startForTest({ firstTokenMs: 20 });
    const running = postJson(ollama, '/api/generate', asked('a', { stream: false }));
    await until(ollama, (state) => state.counters.running === 1);
    ollama.control({ down: true });
    await expect(fetch(ollama.url)).rejects.toThrow();
    expect((await running).response).toBe(simulatedAnswer('llama3:8b', 'a'));
    await postJson(ollama, '/_simulate', { down: false });
    expect((await fetch(ollama.url)).status).toBe(200);
  });

  it('answerDelayMs delays every route but the controls', async () => {
    const ollama = await startForTest();
    ollama.control({ answerDelayMs: 40 });
    const startedMs = performance.now();
    const order: string[] = [];
    await Promise.all([
      fetch(ollama.url).then(() => order.push('/')),
      getJson(ollama, '/_simulate').then(() => order.push('/_simulate')),
    ]);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(39);
    expect(order).toEqual(['/_simulate', '/']);
  });
});

describe('startSimulatedOllama', () => {
  it('answers by the seed it was given', async () => {
    const [one, other] = [await startForTest(), await startForTest({ seed: 2, answerTokens: 5 })];
    const ask = (ollama: SimulatedOllama) => postJson(ollama, '/api/generate', asked('a', { stream: false }));
    expect((await ask(one)).response).toBe(simulatedAnswer('llama3:8b', 'a'));
    expect((await ask(other)).response).toBe(simulatedAnswer('llama3:8b', 'a', 5, 2));
  });

  it('lets a model have its own pace and load, none at all included', async () => {
    const never = { loadMs: 600_000, firstTokenMs: 600_000, tokensPerSecond: 0.001 };
    const models = [
      { name: 'slow', loadMs: 15, firstTokenMs: 15, tokensPerSecond: 1_000 },
      { name: 'fast', loadMs: 0, firstTokenMs: 0, tokensPerSecond: 0 },
    ];
    const ollama = await startForTest({ models, answerTokens: 10, ...never });
    const ask = (model: string) => postJson(ollama, '/api/generate', asked('a', { model, stream: false }));
    expect((await ask('fast')).eval_count).toBe(10);
    expect((await ask('slow')).total_duration).toBeGreaterThanOrEqual(38e6);
  });

  it('records every call with its body, outcome and place', async () => {
    const ollama = await startForTest();
    await postJson(ollama, '/api/generate', asked('a', { stream: false }));
    await post(ollama, '/api/chat', '{');
    const [first, second] = ollama.state().calls;
    expect(first).toMatchObject({
      id: 1,
      route: '/api/generate',
      body: asked('a', { stream: false }),
      outcome: 'completed',
      status: 200,
      concurrency: 1,
    });
    expect(first!.endedAtMs).toBeGreaterThanOrEqual(first!.startedAtMs);
    expect(second).toMatchObject({ id: 2, body: '{', outcome: 'refused', status: 400, concurrency: 0 });
  });

  it('refuses options and patches that are not right', async () => {
    await expect(startSimulatedOllama({ slots: 0 })).rejects.toThrow('control.slots must be');
    const ollama = await startForTest();
    expect(() => ollama.control({ seed: 0.5 })).toThrow('control.seed must be a whole number');
  });

  it('says when its port is taken', async () => {
    const ollama = await startForTest();
    await expect(startSimulatedOllama({ port: ollama.port })).rejects.toThrow('EADDRINUSE');
  });

  it('stops in the middle of calls, and twice', async () => {
    const ollama = await startForTest({ loadMs: 10_000 });
    const call = post(ollama, '/api/generate', asked('a'));
    await until(ollama, (state) => state.loading !== null);
    await Promise.all([ollama.stop(), expect(call).rejects.toThrow()]);
    await ollama.stop();
    await expect(fetch(ollama.url)).rejects.toThrow();
  });

  it('more slots let in those who wait, at once', async () => {
    const ollama = await startForTest();
    const calls = [1, 2].map(() =>
      post(ollama, '/api/generate', asked('[[fault:hang_headers]]')).catch(() => undefined),
    );
    await until(ollama, (state) => state.models['llama3:8b']?.waiting === 1);
    ollama.control({ slots: 2 });
    expect(ollama.state().models['llama3:8b']).toMatchObject({ maxRunning: 2, waiting: 0 });
    await ollama.stop();
    await Promise.all(calls);
  });
});

function statusFor(ollama: SimulatedOllama, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = http.get(ollama.url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('error', reject);
  });
}
