import { beforeEach, describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { createServer, type Server } from '../../http/server.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { modelRoutes } from './model-routes.ts';
import { hostOf, PATIENT, roomOf, stopping, until } from './testing/rig.ts';
import type { Upstreams } from './upstreams.ts';

const TOKEN = 'the-admin-token-of-this-test-0123456789';
const MODELS = [{ name: 'one:1b' }, { name: 'two:2b' }];

let both: SimulatedOllama;
let single: SimulatedOllama;
let upstreams: Upstreams;
let server: Server;

beforeEach(async () => {
  both = await stopping(startSimulatedOllama({ loadMs: 60, slots: 2, models: MODELS }));
  single = await stopping(startSimulatedOllama({ loadMs: 60, slots: 2, models: MODELS.slice(0, 1) }));
  upstreams = await roomOf([both, single], { probeMs: 60_000 });
  server = createServer({
    ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 65_536, adminToken: TOKEN, logger: silentLogger },
    acceptKey: async () => null,
    routes: [modelRoutes(upstreams)],
  });
  await server.start();
  return () => server.stop();
});

async function call(path: string, body?: object) {
  const answer = await fetch(`${server.url()}/api/v1/admin/models${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

const states = async (): Promise<string[]> => {
  const { items } = (await call('')).body as { items: { model: string; upstream: string; state: string }[] };
  return items.map(
    ({ model, upstream, state }) => `${model} ${upstream === hostOf(both) ? 'both' : 'single'} ${state}`,
  );
};

describe('an operator', () => {
  it('has a model loaded everywhere it is, and sees that it is', async () => {
    expect((await states()).toSorted()).toEqual([
      'one:1b both installed',
      'one:1b single installed',
      'two:2b both installed',
    ]);
    const { status, body } = await call('/preload', { model: 'One:1b' });
    expect([status, body]).toMatchObject([
      200,
      { model: 'One:1b', items: [{ status: 'loaded', error: null }, {}] },
    ]);
    for (const { took_ms: tookMs } of body.items) expect(tookMs).toBeGreaterThanOrEqual(50);
    await until(() => upstreams.free('one:1b') === 8);
    expect((await states()).filter((one) => one.endsWith(' loaded'))).toHaveLength(2);
    expect(both.state().counters).toMatchObject({ loaded: 1, completed: 0 });
  });

  it('has it loaded at one upstream, and kept as long as is said', async () => {
    const upstream = hostOf(both);
    await call('/preload', { model: 'one:1b', upstream, keep_alive: '42s' });
    expect(single.state().counters.calls).toBe(0);
    expect(both.state().calls[0]!.body).toMatchObject({ model: 'one:1b', keep_alive: '42s' });
  });

  it('hears of what nobody has, and of what failed', async () => {
    expect((await call('/preload', { model: 'three' })).status).toBe(404);
    expect((await call('/preload', { model: 'one:1b', upstream: 'no:1' })).status).toBe(404);
    expect((await call('/preload', { model: 'one:1b', keep_alive: 'x' })).status).toBe(422);
    both.control({ models: MODELS.slice(0, 1) });
    const { body } = await call('/preload', { model: 'two:2b' });
    expect(body.items).toMatchObject([{ status: 'failed', error: expect.any(String) }]);
    expect(upstreams.free('two:2b')).toBe(1);
  });

  it('does not have two models loaded at once', async () => {
    const [first, second] = await Promise.all(
      ['one:1b', 'two:2b'].map((model) => call('/preload', { model, upstream: hostOf(both) })),
    );
    const took = [first!, second!].map(({ body }) => body.items[0].took_ms).toSorted((a, b) => a - b);
    expect(took[1]).toBeGreaterThanOrEqual(took[0] + 50);
  });
});

it('models that are to be preloaded are loaded when an upstream comes up, and when it comes back', async () => {
  const first = await startSimulatedOllama({ models: MODELS });
  const room = await roomOf([first], { preloadModels: ['two:2b', 'nowhere'] });
  const isLoaded = (): boolean =>
    room.models().some(({ model, state }) => model === 'two:2b' && state === 'loaded');
  await until(isLoaded);
  await first.stop();
  const slot = room.take('one:1b')!;
  await slot.run({ model: 'one:1b', prompt: 'hi' }, PATIENT);
  slot.release();
  await until(() => room.models().length === 0);
  const again = await stopping(startSimulatedOllama({ models: MODELS, port: first.port }));
  await until(() => again.state().models['two:2b']?.isLoaded === true);
  expect(again.state().counters.calls).toBe(1);
});
