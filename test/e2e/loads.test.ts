/** What loading models costs, with the real daemon in front of two simulated Ollamas: sessions, preloading, no swap for every request. */
import { Fila } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const [LARGE, SMALL] = ['llama3:8b', 'gemma2:2b'];
const hostOf = ({ url }: SimulatedOllama): string => new URL(url).host;

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('models that have to be loaded', () => {
    const ollamas: SimulatedOllama[] = [];
    let daemon: Daemon;
    let admin: Fila;
    let fila: Fila;

    beforeAll(async () => {
      for (let server = 0; server < 2; server++)
        ollamas.push(await startSimulatedOllama({ slots: 2, maxLoaded: 1, loadMs: 300, firstTokenMs: 5 }));
      daemon = await startDaemon({
        ...(await environment()),
        FILA_OLLAMA_URLS: ollamas.map(({ url }) => `${url}#slots=2&max_models=1`).join(','),
        FILA_SESSION_WAIT_MS: '5000',
      });
      const { url, adminToken } = daemon;
      admin = new Fila({ url, adminToken, fetch: checkedFetch, maxRetries: 0 });
      fila = new Fila({ url, apiKey: (await admin.keys.create({ name: 'shop' })).key, fetch: checkedFetch });
    });
    afterAll(async () => {
      expect(await daemon.stop()).toBe(0);
      for (const ollama of ollamas) await ollama.stop();
    });

    it('are preloaded where an operator says, and listed as loaded', async () => {
      const upstream = hostOf(ollamas[0]!);
      const { items } = await admin.models.preload({ model: SMALL, upstream });
      expect(items).toMatchObject([{ upstream, status: 'loaded', error: null }]);
      expect(items[0]!.took_ms).toBeGreaterThanOrEqual(290);
      const loaded = (await admin.models.list()).items.filter(({ state }) => state === 'loaded');
      expect(loaded).toMatchObject([{ model: SMALL, upstream }]);
    });

    it('are not swapped for every request: 100 in turns take a few loads', async () => {
      const before = loads(ollamas);
      const all = Array.from({ length: 100 }, (_, n) => ({
        prompt: `${n}`,
        model: n % 2 === 0 ? LARGE : SMALL,
      }));
      const ended = await Promise.all(all.map((body) => fila.requests.createAndWait(body)));
      expect(ended.map(({ status }) => status)).toEqual(all.map(() => 'completed'));
      expect(loads(ollamas) - before).toBeLessThanOrEqual(10);
    });

    it('keep a session at one upstream, until that is gone', async () => {
      const askOften = async (count: number): Promise<Set<string>> => {
        const metadata = { session_id: 'conversation 1' };
        const prompts = Array.from({ length: count }, (_, n) => `turn ${n}`);
        const bodies = prompts.map((prompt) => ({ prompt, model: LARGE, metadata }));
        const ended = await Promise.all(bodies.map((body) => fila.requests.createAndWait(body)));
        expect(ended.every(({ status }) => status === 'completed')).toBe(true);
        return new Set(ollamas.filter(sawSession).map(hostOf));
      };
      for (const ollama of ollamas) ollama.reset();
      const home = await askOften(10);
      expect(home.size).toBe(1);
      const [gone, other] = [...ollamas].sort((one) => (home.has(hostOf(one)) ? -1 : 1)) as [
        SimulatedOllama,
        SimulatedOllama,
      ];
      gone.control({ down: true });
      other.reset();
      expect((await askOften(3)).has(hostOf(other))).toBe(true);
    });
  });
});

function loads(ollamas: readonly SimulatedOllama[]): number {
  const counts = ollamas.flatMap((ollama) => Object.values(ollama.state().models));
  return counts.reduce((sum, model) => sum + model.loads, 0);
}

function sawSession(ollama: SimulatedOllama): boolean {
  return ollama.state().calls.some(({ body }) => JSON.stringify(body).includes('turn '));
}
