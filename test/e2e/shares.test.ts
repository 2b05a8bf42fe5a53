/** Shares of a model's slots as keys have them by their weights, seen by the model. */
import { Fila } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSimulatedOllama } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const SLOTS = 2;
const EACH = 120;
/** Of the answers in which both keys still had something waiting. */
const LOOKED_AT = 100;

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('two keys that both have much to ask', () => {
    it('share the slots as their weights say, one of them by its plan', async () => {
      const ollama = await startSimulatedOllama({ slots: SLOTS, firstTokenMs: 10, answerTokens: 1 });
      onTestFinished(() => ollama.stop());
      ollama.control({ held: true });
      const daemon = await startDaemon({
        ...(await environment()),
        FILA_OLLAMA_URLS: `${ollama.url}#slots=${SLOTS}`,
      });
      onTestFinished(async () => void (await daemon.stop()));
      const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
      await admin.plans.create({ name: 'gold', weight: 3 });
      const keys = {
        gold: await admin.keys.create({ name: 'gold', plan: 'gold' }),
        plain: await admin.keys.create({ name: 'plain' }),
      };
      // Somebody else's calls hold the slots until all is there: slot time that one of the two had alone would count.
      const { key } = await admin.keys.create({ name: 'before' });
      const before = new Fila({ url: daemon.url, apiKey: key });
      for (let n = 0; n < SLOTS; n++) await before.requests.create({ prompt: `before ${n}` });
      await expect.poll(() => ollama.state().calls.length, { timeout: 10_000 }).toBe(SLOTS);
      for (const [name, { key }] of Object.entries(keys)) {
        const client = new Fila({ url: daemon.url, apiKey: key });
        const all = Array.from({ length: EACH }, (_, n) =>
          client.requests.create({ prompt: `${name} ${n}` }),
        );
        await Promise.all(all);
      }
      ollama.control({ held: false });
      await expect.poll(() => ollama.state().counters.completed, { timeout: 20_000 }).toBe(2 * EACH + SLOTS);
      const { calls } = ollama.state();
      const first = calls
        .toSorted((a, b) => a.startedAtMs! - b.startedAtMs!)
        .slice(SLOTS, SLOTS + LOOKED_AT)
        .filter(({ body }) => JSON.stringify(body).includes('gold '));
      // Three of four; the start, and rows that were claimed before the other key came, may shift a few.
      expect(first.length / LOOKED_AT).toBeGreaterThan(0.62);
      expect(first.length / LOOKED_AT).toBeLessThan(0.88);
    });
  });
});
