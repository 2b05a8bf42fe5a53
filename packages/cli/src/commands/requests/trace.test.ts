import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli } from '../../testing/run-cli.ts';
import { startScriptedBroker } from '../../testing/scripted-broker.ts';

const ID = 'req_0000000000000000000000000a';

describe('fila requests trace', () => {
  const step = (kind: string, more: object) => ({
    ...{ at: '2026-11-20T08:00:00.125Z', step: kind, detail: null, upstream: null, code: null },
    ...{ took_ms: null, actor: null, ref: null, ...more },
  });
  const TRACE = {
    ...{ id: ID, key_id: 'key_a', status: 'failed', model: 'llama3:8b', queue: 'default', complete: false },
    steps: [
      step('accepted', { detail: 'in default, llama3:8b, priority 5' }),
      step('attempt_failed', { upstream: 'gpu-1:11434', code: 'upstream_failed', detail: 'claim 1' }),
      step('act', { actor: 'ana', detail: 'requests.cancel, refused', code: 'conflict', ref: '9' }),
      step('webhook_attempt', { took_ms: 1_200, detail: 'attempt 1, answered 200', ref: 'dlv_1' }),
    ],
  };

  async function trace(words: readonly string[], columns?: number) {
    const broker = await startScriptedBroker(() => ({ body: TRACE }));
    onTestFinished(() => broker.stop());
    const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token' };
    const run = await runCli(['requests', 'trace', ID, ...words], { env, columns });
    return { ...run, calls: broker.calls };
  }

  it('is one table in the order of time, and says when there is more', async () => {
    const { code, stdout, stderr, calls } = await trace([], 140);
    expect([code, calls[0]!.route]).toEqual([0, `GET /api/v1/admin/requests/${ID}/trace`]);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^AT +STEP +UPSTREAM +CODE +TOOK +ACTOR +DETAIL$/);
    expect(lines[1]).toMatch(/^2026-11-20 08:00:00\.125 +accepted +in default, llama3:8b, priority 5$/);
    expect(lines[2]).toMatch(/attempt_failed +gpu-1:11434 +upstream_failed +claim 1$/);
    expect(lines[3]).toMatch(/act +conflict +ana +requests\.cancel, refused$/);
    expect(lines[4]).toMatch(/webhook_attempt +1\.2s +attempt 1, answered 200$/);
    expect(stderr).toContain('There is more');
  });

  it('is exact as data and in a pipe', async () => {
    expect(JSON.parse((await trace(['-o', 'json'])).stdout)).toEqual(TRACE);
    expect((await trace([])).stdout.split('\n')[3]).toBe(
      '2026-11-20T08:00:00.125Z\twebhook_attempt\t\t\t1200\t\tattempt 1, answered 200',
    );
    expect((await trace(['-o', 'name'])).stdout).toBe(`${ID}\n`);
  });
});
