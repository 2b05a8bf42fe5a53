/** What a pending request is told of its place in line and of its wait comes true. */
import { Fila, type Request } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSimulatedOllama } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { inParallel } from '../helpers/in-parallel.ts';

const SLOTS = 4;

async function newClients(daemon: Daemon, names: readonly string[]): Promise<Fila[]> {
  const { keys } = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
  return Promise.all(
    names.map(async (name) => new Fila({ url: daemon.url, apiKey: (await keys.create({ name })).key })),
  );
}

async function medianErrorOf({ url }: Daemon): Promise<number> {
  const body = (await (await fetch(`${url}/readyz?verbose`)).json()) as {
    checks: { name: string; detail?: string }[];
  };
  const { detail } = body.checks.find(({ name }) => name === 'wait estimates')!;
  return Number(/off by (\d+) %/.exec(detail!)![1]);
}

const msOf = (time: string | null): number => Date.parse(time!);

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)('place and wait of pending requests come true under steady load', async () => {
    const ollama = await startSimulatedOllama({ slots: SLOTS, firstTokenMs: 100, answerTokens: 3 });
    onTestFinished(() => ollama.stop());
    const daemon = await startDaemon({
      ...(await environment()),
      FILA_OLLAMA_URLS: `${ollama.url}#slots=${SLOTS}`,
    });
    const clients = await newClients(daemon, ['many', 'few', 'one']);
    const told: { request: Request; askedAt: number }[] = [];
    const untilMs = performance.now() + 12_000;

    /** One that always has so many requests under way, and looks at some of them while they wait. */
    const load = (fila: Fila, atOnce: number, name: string): Promise<unknown> =>
      inParallel(
        atOnce,
        Array.from({ length: atOnce }, (_, n) => n),
        async (n) => {
          for (let count = 0; performance.now() < untilMs; count++) {
            const { id } = await fila.requests.create({ prompt: `${name} ${n} ${count}` });
            if (count > 2 && count % 2 === n % 2) {
              const request = await fila.requests.get(id);
              if (request.position !== undefined) told.push({ request, askedAt: Date.now() });
            }
            await fila.requests.get(id, { waitSeconds: 60 });
          }
        },
      );
    await Promise.all([
      load(clients[0]!, 40, 'many'),
      load(clients[1]!, 12, 'few'),
      load(clients[2]!, 1, 'one'),
    ]);

    const errors = await inParallel(8, told, async ({ request, askedAt }) => {
      const all = await Promise.all(clients.map((fila) => fila.requests.get(request.id).catch(() => null)));
      const waitedMs = Math.max(0, msOf(all.find((found) => found !== null)!.started_at) - askedAt);
      return Math.abs(request.eta_ms! - waitedMs) / Math.max(request.eta_ms!, waitedMs, 100);
    });
    expect(errors.length).toBeGreaterThan(50);
    const median = errors.sort((one, other) => one - other)[Math.floor(errors.length / 2)]!;
    expect(median).toBeLessThan(0.3);
    // This counts the first seconds as well, when little is known.
    expect(await medianErrorOf(daemon)).toBeLessThan(50);

    // With nothing ending any more the line stands still, and its places can be counted.
    ollama.control({ firstTokenMs: 60_000 });
    const [many] = clients as [Fila, ...Fila[]];
    const ids: string[] = [];
    for (let n = 0; n < 30; n++) ids.push((await many.requests.create({ prompt: `Still ${n}` })).id);
    const places = await inParallel(1, ids.slice(-3), async (id) => (await many.requests.get(id)).position!);
    expect(places).toEqual([places[0], places[0]! + 1, places[0]! + 2]);
    expect(places[0]).toBeGreaterThan(1);
    expect(places[2]).toBeLessThanOrEqual(30);
    const page = await many.requests.list({ limit: 1 }).page();
    expect(page.items[0]).not.toHaveProperty('position');
    await daemon.kill();
  });
});
