/** An operator asks why a request ran where it did and how long it may take: over the SDK and on the command line. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fila } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';

const SECRET = 'the patient of room 12';

describe('an operator', () => {
  let ollama: SimulatedOllama;
  let daemon: Daemon;
  let fila: Fila;

  beforeAll(async () => {
    ollama = await startSimulatedOllama({ slots: 1, answerTokens: 5, firstTokenMs: 20 });
    daemon = await startDaemon({ FILA_OLLAMA_URLS: `${ollama.url}#slots=1` });
    const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
    const { key } = await admin.keys.create({ name: 'shop' });
    fila = new Fila({ url: daemon.url, apiKey: key, adminToken: daemon.adminToken });
  });
  afterAll(async () => {
    expect(await daemon.stop()).toBe(0);
    await ollama.stop();
  });

  it('sees the timers follow from what calls took, where a request ran, and where one that waits would run', async () => {
    const host = new URL(ollama.url).host;
    let last = '';
    for (let i = 0; i < 6; i++) last = (await fila.requests.createAndWait({ prompt: `${SECRET} ${i}` })).id;
    const done = await fila.requests.explain(last);
    expect(done).toMatchObject({
      ...{ id: last, status: 'completed', attempts: 1, next_attempt: null },
      last_attempt: { upstream: host, outcome: 'answered', took_ms: expect.any(Number) },
    });
    const waited = done.last_attempt!.terms.find(({ name }) => name === 'wait');
    expect(waited).toMatchObject({ source: 'measured', samples: 5 });
    expect(waited!.value).toBeGreaterThanOrEqual(20);

    ollama.control({ held: true });
    const [running, waiting] = [
      await fila.requests.create({ prompt: SECRET }),
      await fila.requests.create({ prompt: SECRET, parameters: { max_tokens: 9 } }),
    ];
    await expect
      .poll(async () => (await fila.requests.explain(running.id)).last_attempt, { timeout: 10_000 })
      .toMatchObject({ upstream: host, outcome: 'running' });
    const next = await fila.requests.explain(waiting.id);
    expect(next).toMatchObject({
      last_attempt: null,
      next_attempt: { upstream: host, reason: 'no_free_slot', began_at: null },
    });
    const timers = Object.fromEntries(next.next_attempt!.timers.map(({ name, ms }) => [name, ms]));
    expect(timers['first_token']).toBeLessThan(300_000);
    expect(JSON.stringify([done, next])).not.toContain(SECRET);

    const shown = await promisify(execFile)(process.execPath, [CLI, 'requests', 'explain', waiting.id], {
      env: daemonEnvironment(daemon.dataDir, {}),
    });
    expect(shown.stdout).toContain(`Next attempt, if it was made now: at ${host}, once it has a free slot`);
    expect(shown.stdout).toMatch(/max_tokens\t9\trequest/);
    ollama.control({ held: false });
    await fila.requests.wait(waiting.id);
  });

  it('is told when there is no such request', async () => {
    await expect(fila.requests.explain('req_0000000000000000000000000a')).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
