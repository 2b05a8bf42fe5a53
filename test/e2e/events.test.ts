/** What an operator sees of all brokers at once: the overview, and events wherever they happen. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fila, type Event } from '@fila/sdk';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const SECRET = 'a-prompt-that-nobody-else-may-see';

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('overview and events', () => {
    let ollama: SimulatedOllama;
    let daemons: Daemon[];
    let clients: Fila[];
    let admin: Fila;

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 4, answerTokens: 3 });
      const engines = await environment();
      const settings = { ...engines, FILA_OLLAMA_URLS: `${ollama.url}#slots=4` };
      // Several brokers only where they share their engines.
      const count = 'FILA_REDIS_URL' in engines ? 2 : 1;
      daemons = [];
      for (let i = 0; i < count; i++) daemons.push(await startDaemon(settings));
      admin = new Fila({ url: daemons[0]!.url, adminToken: daemons[0]!.adminToken });
      const { key } = await admin.keys.create({ name: 'shop' });
      clients = daemons.map(({ url }) => new Fila({ url, apiKey: key }));
    });
    afterAll(async () => {
      for (const daemon of daemons) expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });

    it('tell of every request, at whichever broker, from its arrival to its end, without its content', async () => {
      const stopping = new AbortController();
      const seen = new Map<string, Event[]>();
      const connected = Promise.withResolvers<void>();
      const options = { kinds: ['request'] as const, signal: stopping.signal };
      const listening = (async () => {
        for await (const event of admin.events({ ...options, onConnection: () => connected.resolve() })) {
          const id = event.request_id ?? '';
          seen.set(id, [...(seen.get(id) ?? []), event]);
        }
      })();
      await connected.promise;
      const hasEnded = (id: string): boolean =>
        seen.get(id)?.some(({ type }) => type === 'request.completed') ?? false;
      // The others learn within moments that somebody listens; what comes before then is not told.
      const brokers = new Set<string>();
      while (brokers.size < daemons.length) {
        const sent = await Promise.all(
          clients.map((client) => client.requests.createAndWait({ prompt: SECRET })),
        );
        for (let tries = 0; tries < 20 && !sent.every(({ id }) => hasEnded(id)); tries++)
          await new Promise((resolve) => setTimeout(resolve, 50));
        for (const events of seen.values()) for (const { broker } of events) brokers.add(broker ?? '');
      }
      stopping.abort();
      await listening;
      const whole = [...seen.values()].find((events) => events.length >= 3)!;
      expect(whole.map(({ type }) => type).sort()).toEqual([
        ...['request.accepted', 'request.completed', 'request.started'],
      ]);
      expect(JSON.stringify([...seen.values()])).not.toContain(SECRET);
    });

    it('go on after the last event that was seen, through a lost connection', async () => {
      const first = admin.events({ kinds: ['request'] });
      const pending = first.next();
      const sent: string[] = [];
      let found: IteratorResult<Event, void> | null = null;
      void pending.then((one) => (found = one));
      while (!found) {
        sent.push((await clients[0]!.requests.createAndWait({ prompt: 'x' })).id);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const { value } = await pending;
      await first.return();
      const { id } = await clients[0]!.requests.createAndWait({ prompt: 'while nobody listens' });
      for await (const event of admin.events({ kinds: ['request'], lastEventId: value!.id })) {
        expect(event.type).not.toBe('gap');
        if (event.request_id === id && event.type === 'request.completed') break;
      }
    });

    it('count what waits and runs, at every broker the same', async () => {
      ollama.control({ firstTokenMs: 60_000 });
      const requests = await Promise.all(
        Array.from({ length: 10 }, () => clients.at(-1)!.requests.create({ prompt: SECRET })),
      );
      for (const { url, adminToken } of daemons) {
        const fila = new Fila({ url, adminToken, fetch: checkedFetch });
        const unfinished = async (): Promise<number> => {
          const { pending, processing } = (await fila.overview()).requests;
          return processing >= 4 ? pending + processing : 0;
        };
        await expect.poll(unfinished, { timeout: 10_000 }).toBe(10);
        const { lanes, keys, models } = await fila.overview();
        const sum = ([one]: readonly { pending: number; processing: number }[]): number =>
          one!.pending + one!.processing;
        expect([sum(lanes), sum(keys), sum(models)]).toEqual([10, 10, 10]);
        expect([lanes[0]?.key_name, keys[0]?.key_name, models[0]?.model]).toEqual([
          ...['shop', 'shop', 'llama3:8b'],
        ]);
        await expect.poll(async () => (await fila.overview()).broker.brokers).toBe(daemons.length);
      }
      const { url, adminToken } = daemons[0]!;
      const operator = new Fila({ url, adminToken, fetch: checkedFetch });
      const { items } = await operator.requests.listAll({ status: 'processing' }).page();
      expect(items.length).toBeGreaterThanOrEqual(4);
      expect(JSON.stringify(items)).not.toContain(SECRET);
      for (const { id } of requests)
        expect(await operator.requests.cancelAny(id)).toMatchObject({ id, status: 'cancelled' });
      ollama.reset();
    });
  });
});
