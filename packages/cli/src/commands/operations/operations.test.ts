import { afterEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  someOperation,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const ID = someOperation().id;

const brokers: ScriptedBroker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

async function operations(
  words: readonly string[],
  answer: (call: SeenCall) => ScriptedAnswer,
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  brokers.push(broker);
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token' };
  const run = await runCli(['operations', ...words], { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

describe('fila operations', () => {
  it('lists those of one state', async () => {
    const body = { items: [someOperation({ matched: 30, done: 12 })], next_cursor: null };
    const { code, stdout, calls } = await operations(['list', '--state', 'running'], () => ({ body }), {
      columns: 80,
    });
    expect(code).toBe(0);
    expect(calls[0]).toMatchObject({ route: 'GET /api/v1/admin/operations', query: { state: 'running' } });
    expect(stdout).toContain('12 of 30');
    expect(stdout).toContain('◐ running');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('shows how far one has come', async () => {
    const body = someOperation({ matched: 30, done: 12, skipped: 1, reason: 'gpu is back' });
    const { stdout } = await operations(['show', ID], () => ({ body }));
    expect(stdout).toContain('done\t12 of 30\n');
    expect(stdout).toContain('skipped\t1\n');
    expect(stdout).toContain('reason\tgpu is back\n');
    expect(stdout).not.toContain('ended');
    const json = await operations(['show', ID, '--json'], () => ({ body }));
    expect(JSON.parse(json.stdout)).toEqual(body);
  });

  it('cancels; what is over already ends with 6', async () => {
    const { code, stdout, calls } = await operations(['cancel', ID], () => ({
      body: someOperation({ state: 'cancelled' }),
    }));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `operation/${ID} cancelled\n` });
    expect(calls[0]!.route).toBe(`POST /api/v1/admin/operations/${ID}/cancel`);
    expect((await operations(['cancel', ID], () => problem(409, 'conflict'))).code).toBe(6);
  });
});
