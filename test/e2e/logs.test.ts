/** The log of a real daemon: in files of its data folder, and what matters of it found through the real CLI. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fila, type LogLine } from '@fila/sdk';
import { describe, expect, it } from 'vitest';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, newDataDir, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)(
    'lines are in files, and warnings can be searched',
    { timeout: 60_000 },
    async () => {
      const dataDir = await newDataDir();
      const first = await startDaemon({ ...(await environment()), FILA_OLLAMA_URLS: NOWHERE }, dataDir);
      const admin = new Fila({ url: first.url, adminToken: first.adminToken, fetch: checkedFetch });
      const { key, id } = await admin.keys.create({ name: 'canary' });
      const texts = async () => (await admin.logs.list({ text: 'UPSTREAM is' }).page()).items;
      await expect.poll(async () => (await texts()).length, { timeout: 10_000 }).toBe(1);
      expect((await texts())[0]).toMatchObject({
        ...{ level: 'warning', message: 'upstream is down' },
        fields: { upstream: '127.0.0.1:9' },
      });
      const found = await fila(first, ['logs', 'search', 'is down', '--level', 'warning', '-o', 'jsonl']);
      expect((JSON.parse(found.stdout) as LogLine).message).toBe('upstream is down');
      expect((await fila(first, ['logs', 'search', 'is down', '--level', 'error'])).stdout).toBe('');
      const tail = follow(first);
      await admin.upstreams.add({ url: 'http://127.0.0.1:10' });
      await expect.poll(() => tail.text(), { timeout: 10_000 }).toContain('127.0.0.1:10');
      await tail.stop();

      const folder = join(dataDir, 'logs');
      expect(await first.stop()).toBe(0);
      const info = await lines(folder, /^info-.*\.log$/);
      expect(info).toContain('listening');
      expect(info).toContain('"msg":"stopped"');
      expect(info).toContain(id);
      expect(info).not.toContain(key);
      expect(await lines(folder, /^warning-.*\.log$/)).toContain('upstream is down');
    },
  );
});

/** All text of the files whose name is like this. */
async function lines(folder: string, name: RegExp): Promise<string> {
  const names = (await readdir(folder)).filter((one) => name.test(one));
  const texts = names.map((one) => readFile(join(folder, one), 'utf8'));
  return (await Promise.all(texts)).join('');
}

function fila(daemon: Daemon, words: readonly string[]) {
  const env = daemonEnvironment(daemon.dataDir, {});
  return new Promise<{ code: number; stdout: string }>((resolve) => {
    const child = execFile(process.execPath, [CLI, ...words], { env }, (error, stdout) =>
      resolve({ code: error ? Number(child.exitCode) : 0, stdout }),
    );
    child.stdin?.end();
  });
}

/** `fila logs tail -f`, until it is stopped. */
function follow({ dataDir }: Daemon): { text(): string; stop(): Promise<unknown> } {
  const env = daemonEnvironment(dataDir, {});
  const child = spawn(process.execPath, [CLI, 'logs', 'tail', '-f', '-o', 'jsonl'], { env });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
  return {
    text: () => text,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
