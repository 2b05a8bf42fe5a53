/** The real CLI against a real daemon: the doctor, the requests of all keys, usage, and a key that gets a new secret. */
import { execFile } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CreatedApiKey, Request, RequestEntry, RotatedApiKey, Usage } from '@fila/sdk';
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

interface Report {
  readonly status: string;
  readonly checks: readonly { name: string; status: string; command?: string }[];
}

let ollama: SimulatedOllama;
let daemon: Daemon;
let shop: CreatedApiKey;
let site: CreatedApiKey;

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

async function newKey(name: string): Promise<CreatedApiKey> {
  return JSON.parse((await fila(['keys', 'create', '--name', name, '-o', 'json'])).stdout) as CreatedApiKey;
}

const jsonLines = <T>(text: string): T[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

const statusOf = ({ checks }: Report): Record<string, string> =>
  Object.fromEntries(checks.map(({ name, status }) => [name.replace(/^upstream .*/, 'upstream'), status]));

beforeAll(async () => {
  ollama = await startSimulatedOllama({ slots: 2 });
  daemon = await startDaemon({ FILA_OLLAMA_URLS: `${ollama.url}#slots=2` });
  [shop, site] = [await newKey('shop'), await newKey('site')];
  for (const [key, prompt] of [
    [shop, 'One'],
    [shop, 'Two'],
    [site, 'Three'],
  ] as const) {
    const sent = await fila(['requests', 'send', prompt, '--wait'], { FILA_API_KEY: key.key });
    expect(sent).toMatchObject({ code: 0, stdout: `${simulatedAnswer('llama3:8b', prompt)}\n` });
  }
});
afterAll(async () => {
  await daemon.stop();
  await ollama.stop();
});

describe('the doctor', () => {
  it('finds a new daemon well, and then what is no more', async () => {
    await chmod(daemon.dataDir, 0o700);
    const well = await fila(['doctor', '-o', 'json'], { FILA_API_KEY: shop.key });
    const report = JSON.parse(well.stdout) as Report;
    expect(report.checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect({ code: well.code, status: report.status }).toEqual({ code: 0, status: 'passed' });
    expect(statusOf(report)).toMatchObject({
      ...{ daemon: 'passed', version: 'passed', clock: 'passed', database: 'passed', upstream: 'passed' },
      ...{ 'model llama3:8b': 'passed', webhooks: 'passed', 'dead letters': 'passed' },
      ...{ 'disk space': 'passed', 'admin.token': 'passed' },
    });
    await chmod(join(daemon.dataDir, 'admin.token'), 0o644);
    const ill = await fila(['doctor', '-o', 'json'], { FILA_PRELOAD_MODELS: 'absent:1b' });
    expect(ill.code).toBe(1);
    expect(statusOf(JSON.parse(ill.stdout) as Report)).toMatchObject({
      'admin.token': 'failed',
      'model absent:1b': 'failed',
      webhooks: 'skipped',
    });
    await chmod(join(daemon.dataDir, 'admin.token'), 0o600);
  });
});

describe('the requests of all keys', () => {
  it('are listed for the operator, without a word of their content, and for nobody else', async () => {
    const listed = await fila(['requests', 'list', '--all-keys', '-o', 'jsonl']);
    const entries = jsonLines<RequestEntry>(listed.stdout);
    expect(entries.map(({ key_id }) => key_id)).toEqual([site.id, shop.id, shop.id]);
    for (const word of ['One', 'Two', 'Three']) expect(listed.stdout).not.toContain(word);
    const ofShop = await fila(['requests', 'list', '--key', shop.id, '--status', 'completed', '-o', 'name']);
    expect(ofShop.stdout.trimEnd().split('\n')).toEqual(entries.slice(1).map(({ id }) => id));
    const asClient = await fetch(`${daemon.url}/api/v1/admin/requests`, {
      headers: { authorization: `Bearer ${shop.key}` },
    });
    expect([401, 403]).toContain(asClient.status);
  });

  it('are exported: own ones with their answers, all of them as rows of CSV in a file', async () => {
    const own = await fila(['requests', 'export', '--since', '1h'], { FILA_API_KEY: shop.key });
    expect(jsonLines<Request>(own.stdout).map(({ result }) => result?.text)).toEqual([
      simulatedAnswer('llama3:8b', 'Two'),
      simulatedAnswer('llama3:8b', 'One'),
    ]);
    const file = join(await newDataDir(), 'all.csv');
    const all = await fila(['requests', 'export', '--all-keys', '--format', 'csv', '--file', file]);
    expect(all).toMatchObject({ code: 0, stdout: '' });
    const [titles, ...rows] = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(titles).toMatch(/^id,key_id,status,/);
    expect(rows.map((row) => row.split(',')[1])).toEqual([site.id, shop.id, shop.id]);
  });

  it('are counted by the hour', async () => {
    const all = JSON.parse((await fila(['usage', '-o', 'json'])).stdout) as Usage;
    expect(all.total).toMatchObject({ requests: 3, completed: 3, failed: 0 });
    expect(all.total.completion_tokens).toBeGreaterThan(0);
    const ofSite = await fila(['usage', '--key', site.id, '--since', '2h', '-o', 'csv']);
    const sum = ofSite.stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .reduce((total, row) => total + Number(row.split(',')[1]), 0);
    expect(sum).toBe(1);
  });
});

describe('a key that is rotated', () => {
  const tries = async (secret: string): Promise<number> =>
    (await fila(['requests', 'list'], { FILA_API_KEY: secret })).code;

  it('works with both secrets while they overlap, and without an overlap with the new one alone', async () => {
    const first = await fila(['keys', 'rotate', shop.id, '--overlap', '1h', '-o', 'json']);
    const rotated = JSON.parse(first.stdout) as RotatedApiKey;
    expect(rotated).toMatchObject({ id: shop.id, previous_secret_until: expect.any(String) });
    expect(await Promise.all([tries(shop.key), tries(rotated.key)])).toEqual([0, 0]);
    const second = await fila(['keys', 'rotate', shop.id, '--overlap', '0s']);
    const last = second.stdout.trim();
    expect(await Promise.all([tries(shop.key), tries(rotated.key), tries(last)])).toEqual([4, 4, 0]);
    for (const secret of [rotated.key, last]) expect(daemon.log()).not.toContain(secret);
  });
});

describe('completion', () => {
  it('of the program as it is built offers its verbs', async () => {
    const { stdout } = await fila(['completion', 'bash']);
    const offered = await new Promise<string>((resolve, reject) => {
      const asked = `${stdout}\nCOMP_WORDS=(fila keys rot); COMP_CWORD=2; _fila; echo "\${COMPREPLY[@]}"`;
      execFile('bash', ['-c', asked], (error, said) => (error ? reject(error) : resolve(said)));
    });
    expect(offered.trim()).toBe('rotate');
  });
});
