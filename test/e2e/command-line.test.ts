/** The real CLI against a real daemon: what an operator does in a day, and what a developer does in the first minute. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiKey, CreatedApiKey, Request } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { CLI, daemonEnvironment, newDataDir, startDaemon, type Daemon } from '../helpers/daemon.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('on the machine of the daemon', () => {
  let ollama: SimulatedOllama;
  let daemon: Daemon;
  let key: CreatedApiKey;

  /** Finds the daemon by itself, through its data folder. */
  function fila(words: readonly string[], more: Record<string, string> = {}): Promise<Ended> {
    const env = daemonEnvironment(daemon.dataDir, more);
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [CLI, ...words], { env }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(child.exitCode) : 0, stdout, stderr });
      });
      child.stdin?.end();
    });
  }
  const asClient = (words: readonly string[]): Promise<Ended> => fila(words, { FILA_API_KEY: key.key });

  beforeAll(async () => {
    ollama = await startSimulatedOllama({ slots: 2 });
    daemon = await startDaemon({ FILA_OLLAMA_URLS: `${ollama.url}#slots=2` });
    const created = await fila([
      'keys',
      'create',
      '--name',
      'shop',
      '--limit-minute',
      '60',
      '--limit-hour',
      '0',
      '--limit-day',
      '0',
      '-o',
      'json',
    ]);
    expect(created).toMatchObject({ code: 0 });
    key = JSON.parse(created.stdout) as CreatedApiKey;
  });
  afterAll(async () => {
    expect(await daemon.stop()).toBe(0);
    await ollama.stop();
  });

  it('makes a key that works, and shows its secret this once', async () => {
    expect(key).toMatchObject({
      name: 'shop',
      status: 'active',
      limit_minute: 60,
      limit_hour: 0,
      limit_day: 0,
    });
    const shown = await fila(['keys', 'show', key.id, '-o', 'json']);
    expect(JSON.parse(shown.stdout) as ApiKey).toMatchObject({ id: key.id, prefix: key.key.slice(0, 18) });
    expect(shown.stdout).not.toContain(key.key);
    expect(daemon.log()).not.toContain(key.key);
  });

  it('prints the key alone when it is piped', async () => {
    const { stdout, stderr } = await fila(['keys', 'create', '--name', 'piped']);
    expect(stdout).toMatch(/^fila_live_[0-9A-Za-z]{36}\n$/);
    expect(stderr).toContain('shown');
  });

  it('sends a prompt and prints the answer', async () => {
    const { code, stdout } = await asClient(['requests', 'send', 'Say hello', '--wait']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${simulatedAnswer('llama3:8b', 'Say hello')}\n` });
  });

  it('sends, watches, gets, lists and cancels', async () => {
    const sent = await asClient(['requests', 'send', 'In steps', '-o', 'name']);
    const id = sent.stdout.trim();
    expect(id).toMatch(/^req_/);
    expect((await asClient(['requests', 'watch', id])).code).toBe(0);
    const got = JSON.parse((await asClient(['requests', 'get', id, '-o', 'json'])).stdout) as Request;
    expect(got).toMatchObject({
      id,
      status: 'completed',
      result: { text: simulatedAnswer('llama3:8b', 'In steps') },
    });
    const listed = await asClient(['requests', 'list', '--status', 'completed', '-o', 'jsonl']);
    expect(
      listed.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as Request).id),
    ).toContain(id);
    expect((await asClient(['requests', 'cancel', id])).code).toBe(6);
    const hanging = (
      await asClient(['requests', 'send', '[[fault:hang_mid_stream]]', '-o', 'name'])
    ).stdout.trim();
    expect((await asClient(['requests', 'cancel', hanging])).code).toBe(0);
  });

  it('suspends, resumes and revokes; each counts at once', async () => {
    const { stdout } = await fila(['keys', 'create', '--name', 'short', '-o', 'json']);
    const short = JSON.parse(stdout) as CreatedApiKey;
    const tries = () => fila(['requests', 'list'], { FILA_API_KEY: short.key });
    expect((await tries()).code).toBe(0);
    expect((await fila(['keys', 'suspend', short.id])).code).toBe(0);
    expect((await tries()).code).toBe(4);
    expect((await fila(['keys', 'resume', short.id])).code).toBe(0);
    expect((await tries()).code).toBe(0);
    expect(await fila(['keys', 'revoke', short.id])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    });
    expect((await fila(['keys', 'revoke', short.id, '--yes'])).code).toBe(0);
    expect((await tries()).code).toBe(4);
    expect((await fila(['keys', 'list', '-o', 'name'])).stdout).toContain(short.id);
  });

  it('keeps its secrets in files that only their owner reads', async () => {
    const modes = await Promise.all(
      (await readdir(daemon.dataDir)).map(
        async (name) => [name, (await stat(join(daemon.dataDir, name))).mode & 0o777] as const,
      ),
    );
    const secret = modes.filter(([name]) => /token|master|daemon\.json/.test(name));
    expect(secret.length).toBeGreaterThanOrEqual(2);
    expect(secret.filter(([, mode]) => mode !== 0o600)).toEqual([]);
  });

  it('refuses a second daemon on the same folder', async () => {
    const second = await fila(['serve']);
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('Another Fila daemon') });
    expect(second.stderr).not.toMatch(/\n\s+at /);
  });

  it('names everything that is wrong with the settings, and ends with 78', async () => {
    const { code, stderr } = await fila(['serve'], {
      FILA_PORT: 'many',
      FILA_OLLAMA_URLS: 'ftp://x',
      FILA_DATABASE_URL: 'mysql://h/d',
      FILA_MASTER_KEY: '',
    });
    expect(code).toBe(78);
    expect(stderr).toContain('FILA_PORT');
    expect(stderr).toContain('FILA_OLLAMA_URLS');
  });

  it('will not start on a shared database without a master key', async () => {
    const dataDir = await newDataDir();
    const { code, stderr } = await fila(['serve'], {
      FILA_DATA_DIR: dataDir,
      FILA_DATABASE_URL: 'mysql://root@127.0.0.1:1/x',
      FILA_MASTER_KEY: '',
    });
    expect({ code, stderr }).toMatchObject({ code: 78, stderr: expect.stringContaining('FILA_MASTER_KEY') });
  });
});

describe('fila dev', () => {
  it('says that the Ollama is simulated, prints a curl that answers, and ends with its children on SIGTERM', async () => {
    const dataDir = await newDataDir();
    const env = daemonEnvironment(dataDir, { FILA_OLLAMA_URLS: 'http://127.0.0.1:9' });
    const child = spawn(process.execPath, [CLI, 'dev'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const text of child.stdout.setEncoding('utf8')) {
      said += text as string;
      if (said.includes('Ready.')) break;
    }
    expect(said).toContain('SIMULATED');
    const [curl] = /^curl [\s\S]*?\n\n/m.exec(said)!;
    const answer = await new Promise<string>((resolve, reject) => {
      execFile('sh', ['-c', curl], (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
    expect(JSON.parse(answer)).toMatchObject({ status: 'completed' });
    const children = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim();
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
    expect(children).toBe('');
  });
});

describe('the examples', () => {
  it('print answers', async () => {
    const ollama = await startSimulatedOllama();
    const daemon = await startDaemon({ FILA_OLLAMA_URLS: ollama.url });
    const { Fila } = await import('@fila/sdk');
    const { key } = await new Fila({ url: daemon.url, adminToken: daemon.adminToken }).keys.create({
      name: 'example',
    });
    const env = { ...process.env, FILA_URL: daemon.url, FILA_API_KEY: key };
    const printed = (...words: string[]) =>
      new Promise<string>((resolve, reject) => {
        execFile(process.execPath, words, { env }, (error, stdout) =>
          error ? reject(error) : resolve(stdout),
        );
      });
    const answerTo = (prompt: string): string => simulatedAnswer('llama3:8b', prompt);
    expect(await printed('examples/first-request.ts', 'From the example')).toBe(
      `${answerTo('From the example')}\n`,
    );
    expect(await printed('examples/batch.ts')).toBe(
      ['red', 'green', 'blue']
        .map((colour) => `${colour}: ${answerTo(`Name a fruit that is ${colour}.`)}\n`)
        .join(''),
    );
    await daemon.stop();
    await ollama.stop();
  });
});
