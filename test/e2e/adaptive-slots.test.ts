/** An operator who fixed no slots sees how many a model turned out to have, and why; one who fixed them sees just that. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fila } from '@fila/sdk';
import { expect, it } from 'vitest';
import { startSimulatedOllama } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { CLI, daemonEnvironment, startDaemon } from '../helpers/daemon.ts';
import { inParallel } from '../helpers/in-parallel.ts';

it('slots grow under load, are shown with the reason of the last change, and can be fixed', async () => {
  const ollama = await startSimulatedOllama({ slots: 6, firstTokenMs: 30, answerTokens: 5 });
  const other = await startSimulatedOllama({ slots: 2, models: [{ name: 'other:1b' }] });
  const daemon = await startDaemon({ FILA_OLLAMA_URLS: `${ollama.url},${other.url}#slots=2` });
  const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
  const { key } = await admin.keys.create({ name: 'shop' });
  const fila = new Fila({ url: daemon.url, apiKey: key });
  const [id, fixed] = [new URL(ollama.url).host, new URL(other.url).host];
  expect(await admin.upstreams.get(id)).toMatchObject({ slots: 1, slots_auto: true });

  await inParallel(24, Array.from({ length: 300 }), async (_one, number) => {
    expect(await fila.requests.createAndWait({ prompt: `${number}` })).toMatchObject({ status: 'completed' });
  });
  const grown = await admin.upstreams.get(id);
  expect(grown.slots).toBeGreaterThanOrEqual(2);
  expect(grown.breakers[0]).toMatchObject({
    slots: grown.slots,
    slots_changed: { to: grown.slots, reason: expect.any(String), at: expect.stringMatching(/Z$/) },
  });
  expect(await admin.upstreams.get(fixed)).toMatchObject({ slots: 2, slots_auto: false });

  const { stdout } = await promisify(execFile)(process.execPath, [CLI, 'upstreams', 'show', id], {
    env: daemonEnvironment(daemon.dataDir, {}),
  });
  expect(stdout).toMatch(/^slots of llama3:8b\t\d+, from \d+ /m);
  expect(await daemon.stop()).toBe(0);
  await ollama.stop();
  await other.stop();
});
