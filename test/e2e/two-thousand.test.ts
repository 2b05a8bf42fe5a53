/** 2,000 requests with prompts of their own: each completes once, with what the model said to it. */
import { Fila, type Request } from '@fila/sdk';
import { describe, expect, it } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon } from '../helpers/daemon.ts';
import { inParallel } from '../helpers/in-parallel.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const COUNT = 2_000;

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)(
    '2,000 requests complete, each exactly once, each with its own answer',
    async () => {
      const ollama = await startSimulatedOllama({ slots: 8 });
      const daemon = await startDaemon({
        ...(await environment()),
        FILA_OLLAMA_URLS: `${ollama.url}#slots=8`,
        FILA_LOG_LEVEL: 'info',
      });
      const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
      const keys = await Promise.all(['a', 'b', 'c'].map((name) => admin.keys.create({ name })));
      const clients = keys.map(({ key }) => new Fila({ url: daemon.url, apiKey: key }));
      const prompts = Array.from({ length: COUNT }, (_, n) => `Prompt number ${n}`);

      const sent = await inParallel(32, prompts, async (prompt, n) => {
        const fila = clients[n % clients.length]!;
        return { fila, prompt, id: (await fila.requests.create({ prompt, priority: n % 10 })).id };
      });
      expect(new Set(sent.map((one) => one.id)).size).toBe(COUNT);
      const done = await inParallel(64, sent, async ({ fila, id, prompt }) => ({
        prompt,
        request: await fila.requests.wait(id, { timeoutMs: 100_000 }),
      }));

      const wrong = done.filter(({ prompt, request }) => !isAnswer(request, prompt));
      expect(wrong).toEqual([]);
      const { counters, promptCalls, models } = ollama.state();
      expect(counters.requests).toBeGreaterThanOrEqual(COUNT);
      expect(Object.keys(promptCalls)).toHaveLength(COUNT);
      expect(
        Object.values(promptCalls).filter(({ calls, completed }) => calls !== 1 || completed !== 1),
      ).toEqual([]);
      expect(models['llama3:8b']?.maxRunning).toBeLessThanOrEqual(8);
      expect(models['llama3:8b']?.maxWaiting).toBe(0);
      expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    },
  );
});

function isAnswer(request: Request, prompt: string): boolean {
  return (
    request.status === 'completed' &&
    request.attempts === 1 &&
    request.result?.text === simulatedAnswer('llama3:8b', prompt)
  );
}
