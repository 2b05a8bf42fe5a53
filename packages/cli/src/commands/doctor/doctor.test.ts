/** The doctor against a broker that answers as each test says, with a data folder of its own. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  someDeadLetter,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
} from '../../testing/scripted-broker.ts';
import type { Finding } from './finding.ts';

const MODEL = { model: 'llama3:8b', upstream: 'gpu1:11434', state: 'loaded', running: 0 };
const WELL: Record<string, unknown> = {
  'GET /readyz': {
    status: 'ok',
    version: manifest.version,
    checks: [
      { name: 'database', status: 'ok' },
      { name: 'upstream gpu1:11434', status: 'ok', detail: 'dispatched by this broker' },
    ],
  },
  'GET /api/v1/admin/models': { items: [MODEL], next_cursor: null },
  'GET /api/v1/admin/queues': { items: [], next_cursor: null },
  'GET /api/v1/admin/dead-letters': { items: [], next_cursor: null },
  'GET /api/v1/webhooks': { items: [], next_cursor: null },
};

let folder: string;
let broker: ScriptedBroker | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fila-doctor-'));
  for (const name of ['master.key', 'admin.token', 'dev.key'])
    writeFileSync(join(folder, name), 'fila_secret\n', { mode: 0o600 });
});
afterEach(async () => {
  await broker?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the doctor as a script would; `changes` answers some calls otherwise. */
async function doctor(changes: Record<string, unknown> = {}, setup: CliSetup = {}) {
  const answers = { ...WELL, ...changes };
  broker = await startScriptedBroker(({ route }): ScriptedAnswer => ({ body: answers[route] }));
  const env = { FILA_URL: broker.url, FILA_DATA_DIR: folder, FILA_DEFAULT_MODEL: 'llama3:8b', ...setup.env };
  const run = await runCli(['doctor', '-o', 'json'], { ...setup, env });
  const { status, checks } = JSON.parse(run.stdout) as { status: string; checks: Finding[] };
  return { code: run.code, status, of: (name: string) => checks.find((one) => one.name === name), checks };
}

describe('fila doctor', () => {
  it('passes and ends with 0 when all is well', async () => {
    const { code, status, checks } = await doctor();
    expect(checks.filter((one) => one.status !== 'passed')).toEqual([]);
    expect({ code, status }).toEqual({ code: 0, status: 'passed' });
    expect(checks.map(({ name }) => name)).toEqual([
      'daemon',
      'version',
      'clock',
      'database',
      'upstream gpu1:11434',
      'model llama3:8b',
      'webhooks',
      'dead letters',
      'disk space',
      'data folder',
      'master.key',
      'admin.token',
    ]);
  });

  it('names what is down at the daemon, and the command that looks further', async () => {
    const { code, of } = await doctor({
      'GET /readyz': {
        status: 'degraded',
        version: '0.0.1',
        checks: [
          { name: 'redis', status: 'down', detail: 'ECONNREFUSED', since: '2026-11-20T08:00:00.000Z' },
          { name: 'upstream gpu2:11434', status: 'down', detail: 'no answer' },
        ],
      },
    });
    expect(code).toBe(1);
    expect(of('redis')).toMatchObject({
      status: 'failed',
      detail: 'down: ECONNREFUSED, since 2026-11-20T08:00:00.000Z',
      command: 'fila config show',
    });
    expect(of('upstream gpu2:11434')).toMatchObject({
      status: 'failed',
      command: 'fila upstreams show gpu2:11434',
    });
    expect(of('version')).toMatchObject({ status: 'failed' });
  });

  it('finds a clock that is off', async () => {
    const { code, of } = await doctor({}, { nowMs: Date.now() - 120_000 });
    expect(code).toBe(1);
    expect(of('clock')).toMatchObject({ status: 'failed', command: 'timedatectl status' });
    expect(of('clock')!.detail).toMatch(/^1[12]\d s ahead of this machine$/);
  });

  it('finds models that settings or queues name and no upstream has', async () => {
    const { of } = await doctor(
      {
        'GET /api/v1/admin/queues': { items: [{ name: 'chat', fallback_model: 'tiny' }], next_cursor: null },
      },
      { env: { FILA_PRELOAD_MODELS: 'llama3:8b,big:70b' } },
    );
    expect(of('model llama3:8b')).toMatchObject({ status: 'passed' });
    expect(of('model big:70b')).toMatchObject({ status: 'failed', command: 'ollama pull big:70b' });
    expect(of('model tiny:latest')).toMatchObject({ status: 'failed' });
  });

  it('finds dead letters, and webhooks that fail or are disabled', async () => {
    const hook = { status: 'enabled', disabled_reason: null, failing_since: null };
    const { of } = await doctor({
      'GET /api/v1/admin/dead-letters': { items: [someDeadLetter(), someDeadLetter()], next_cursor: null },
      'GET /api/v1/webhooks': {
        items: [
          { ...hook, id: 'whk_a' },
          { ...hook, id: 'whk_b', failing_since: '2026-11-20T08:00:00.000Z' },
          { ...hook, id: 'whk_c', status: 'disabled', disabled_reason: 'gone' },
        ],
        next_cursor: null,
      },
    });
    expect(of('dead letters')).toMatchObject({
      detail: '2 requests failed for good: upstream_timeout',
      command: 'fila dlq list',
    });
    expect(of('webhook whk_a')).toBeUndefined();
    expect(of('webhook whk_b')).toMatchObject({ status: 'failed' });
    expect(of('webhook whk_c')).toMatchObject({ status: 'failed', command: 'fila webhooks enable whk_c' });
  });

  it('finds secrets and a folder that others can open', async () => {
    chmodSync(join(folder, 'master.key'), 0o644);
    chmodSync(folder, 0o755);
    const { code, of } = await doctor();
    expect(code).toBe(1);
    expect(of('master.key')).toMatchObject({
      status: 'failed',
      command: `chmod 600 ${join(folder, 'master.key')}`,
    });
    expect(of('data folder')).toMatchObject({ status: 'failed', command: `chmod 700 ${folder}` });
    expect(of('admin.token')).toMatchObject({ status: 'passed' });
  });

  it('skips what needs credentials that are not there', async () => {
    rmSync(join(folder, 'admin.token'));
    rmSync(join(folder, 'dev.key'));
    const { code, of } = await doctor();
    expect(code).toBe(0);
    expect(of('models')).toMatchObject({ status: 'skipped' });
    expect(of('webhooks')).toMatchObject({ status: 'skipped' });
  });

  it('says that nothing answers, skips what would be asked, and still looks at the folder', async () => {
    const gone = await startScriptedBroker(() => ({ body: {} }));
    await gone.stop();
    const { code, of } = await doctor({}, { env: { FILA_URL: gone.url } });
    expect(code).toBe(1);
    expect(of('daemon')).toMatchObject({ status: 'failed', command: expect.stringContaining('fila serve') });
    expect(of('dead letters')).toMatchObject({ status: 'skipped' });
    expect(of('disk space')).toMatchObject({ status: 'passed' });
  });

  it('a person reads the sentence and the command below each failure', async () => {
    broker = await startScriptedBroker(({ route }) => ({
      body:
        route === 'GET /api/v1/admin/dead-letters'
          ? { items: [someDeadLetter()], next_cursor: null }
          : WELL[route],
    }));
    const env = { FILA_URL: broker.url, FILA_DATA_DIR: folder, FILA_DEFAULT_MODEL: 'llama3:8b' };
    const { code, stdout } = await runCli(['doctor'], { env, columns: 100 });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✔ PASSED {3}daemon /);
    expect(stdout).toMatch(
      /✖ FAILED {3}dead letters .*\n +Look why, then retry or discard them\. {2}fila dlq list\n/,
    );
  });
});
