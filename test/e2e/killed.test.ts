/** kill -9 of the daemon with a full queue: after a new start everything completes, and nobody sees two results. */
import { Fila } from '@fila/sdk';
import { describe, expect, it } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { inParallel } from '../helpers/in-parallel.ts';

const COUNT = 500;
const SLOTS = 8;

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)('500 queued and 8 running requests survive kill -9', async () => {
    const ollama = await startSimulatedOllama({ slots: SLOTS, firstTokenMs: 6_000 });
    const settings = { ...(await environment()), FILA_OLLAMA_URLS: `${ollama.url}#slots=${SLOTS}` };
    const first = await startDaemon(settings);
    const { key } = await new Fila({ url: first.url, adminToken: first.adminToken }).keys.create({
      name: 'survivor',
    });
    let fila = new Fila({ url: first.url, apiKey: key });
    const prompts = Array.from({ length: COUNT }, (_, n) => `Survive ${n}`);
    const ids = await inParallel(32, prompts, async (prompt) => (await fila.requests.create({ prompt })).id);

    await expect.poll(() => ollama.state().models['llama3:8b']?.running, { timeout: 10_000 }).toBe(SLOTS);
    await first.kill();
    ollama.control({ firstTokenMs: 0 });
    const second = await startDaemon(settings, first.dataDir);
    fila = new Fila({ url: second.url, apiKey: key });

    const done = await inParallel(64, ids, (id) => fila.requests.wait(id, { timeoutMs: 100_000 }));
    expect(done.map((one) => one.status).filter((status) => status !== 'completed')).toEqual([]);
    expect(done.map((one) => one.result?.text)).toEqual(
      prompts.map((prompt) => simulatedAnswer('llama3:8b', prompt)),
    );
    // The model may have been asked twice for what was running; it finished each prompt once.
    const counts = Object.values(ollama.state().promptCalls);
    expect(counts.filter(({ completed }) => completed !== 1)).toEqual([]);
    expect(counts.filter(({ calls }) => calls === 2).length).toBe(SLOTS);
    // A worker's death costs no attempt, and a result that is there never changes.
    expect(done.filter((one) => one.attempts !== 1)).toEqual([]);
    const again = await inParallel(64, ids, (id) => fila.requests.get(id));
    expect(again).toEqual(done);
    expect(await second.stop()).toBe(0);
    await ollama.stop();
  });

  it.skipIf(!isAvailable)(
    'SIGTERM hands running requests back at no cost when the grace is over',
    async () => {
      const ollama = await startSimulatedOllama({ slots: 2, firstTokenMs: 6_000 });
      const settings = {
        ...(await environment()),
        FILA_OLLAMA_URLS: `${ollama.url}#slots=2`,
        FILA_STOP_GRACE_MS: '300',
      };
      const first = await startDaemon(settings);
      const { key } = await new Fila({ url: first.url, adminToken: first.adminToken }).keys.create({
        name: 'patient',
      });
      const ids = await inParallel(
        4,
        [1, 2, 3, 4],
        async (n) =>
          (await new Fila({ url: first.url, apiKey: key }).requests.create({ prompt: `Stop ${n}` })).id,
      );
      await expect.poll(() => ollama.state().models['llama3:8b']?.running, { timeout: 10_000 }).toBe(2);
      const waiting = new Fila({ url: first.url, apiKey: key, maxRetries: 0 }).requests.get(ids[0]!, {
        waitSeconds: 60,
      });
      // Answered after the waiting call was sent, so that one has arrived.
      await new Fila({ url: first.url }).health.live();
      const stopping = first.stop();
      expect((await waiting).status).toMatch(/pending|processing/);
      expect(await stopping).toBe(0);

      ollama.control({ firstTokenMs: 0 });
      const second = await startDaemon(settings, first.dataDir);
      const fila = new Fila({ url: second.url, apiKey: key });
      const done = await inParallel(4, ids, (id) => fila.requests.wait(id, { timeoutMs: 60_000 }));
      expect(done.map((one) => [one.status, one.attempts])).toEqual(ids.map(() => ['completed', 1]));
      expect(await second.stop()).toBe(0);
      await ollama.stop();
    },
  );
});
