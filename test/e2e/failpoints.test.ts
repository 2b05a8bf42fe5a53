/** A daemon that is told to fail does so where it was told, and what it had accepted survives. */
import { spawnSync } from 'node:child_process';
import { Fila } from '@fila/sdk';
import { describe, expect, it } from 'vitest';
import { startSimulatedOllama } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { CLI, daemonEnvironment, newDataDir, startDaemon } from '../helpers/daemon.ts';
import { inParallel } from '../helpers/in-parallel.ts';

describe('failpoints of the settings', () => {
  it('crash the daemon at the third flush, and the next run completes what was accepted', async () => {
    const ollama = await startSimulatedOllama({ slots: 2, firstTokenMs: 0 });
    const settings = { FILA_OLLAMA_URLS: `${ollama.url}#slots=2` };
    const first = await startDaemon({ ...settings, FILA_FAILPOINTS: 'ledger.after_commit:crash@3' });
    expect(first.log()).toContain('failpoints are armed');
    const { key } = await new Fila({ url: first.url, adminToken: first.adminToken }).keys.create({
      name: 'survivor',
    });
    const fila = new Fila({ url: first.url, apiKey: key, maxRetries: 0 });
    const accepted: string[] = [];
    for (let n = 0; first.child.signalCode === null; n++) {
      const sent = await fila.requests.create({ prompt: `Survive ${n}` }).catch(() => null);
      if (sent) accepted.push(sent.id);
    }
    expect(first.child.signalCode).toBe('SIGKILL');

    const second = await startDaemon(settings, first.dataDir);
    expect(second.log()).not.toContain('failpoints are armed');
    const after = new Fila({ url: second.url, apiKey: key });
    const done = await inParallel(4, accepted, (id) => after.requests.wait(id, { timeoutMs: 60_000 }));
    expect(done.map((one) => one.status)).toEqual(accepted.map(() => 'completed'));
    expect(await second.stop()).toBe(0);
    await ollama.stop();
  });

  it('that nobody knows are an error in the settings', async () => {
    const env = daemonEnvironment(await newDataDir(), { FILA_FAILPOINTS: 'ledger.after_comit:crash' });
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'serve'], { env, encoding: 'utf8' });
    expect(status).toBe(78);
    expect(stderr).toContain('FILA_FAILPOINTS');
  });
});
