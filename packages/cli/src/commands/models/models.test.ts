import { expect, it, onTestFinished } from 'vitest';
import { runCli } from '../../testing/run-cli.ts';
import { startScriptedBroker, type ScriptedAnswer } from '../../testing/scripted-broker.ts';

/** Runs `fila models …` against a broker that answers so. */
async function models(words: readonly string[], answer: ScriptedAnswer, columns?: number) {
  const broker = await startScriptedBroker(() => answer);
  onTestFinished(() => broker.stop());
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token' };
  const run = await runCli(['models', ...words], { env, columns });
  return { ...run, calls: broker.calls };
}

const LIST = {
  body: {
    items: [
      { model: 'gemma2:2b', upstream: 'gpu-1:11434', state: 'installed', running: 0 },
      { model: 'llama3:8b', upstream: 'gpu-1:11434', state: 'loaded', running: 3 },
    ],
    next_cursor: null,
  },
};
const item = { upstream: 'gpu-1:11434', status: 'loaded', took_ms: 5_210, error: null };
const failed = { upstream: 'gpu-2:11434', status: 'failed', took_ms: 12, error: 'It is gone.' };

it('list shows every model at every upstream and whether it is loaded', async () => {
  const { stdout } = await models(['list'], LIST, 120);
  const [header, first, second] = stdout.split('\n');
  expect(header).toMatch(/^MODEL +UPSTREAM +STATE +RUNNING$/);
  expect(first).toMatch(/^gemma2:2b +gpu-1:11434 +installed +0$/);
  expect(second).toMatch(/^llama3:8b +gpu-1:11434 +loaded +3$/);
  const empty = await models(['list'], { body: { items: [], next_cursor: null } });
  expect(empty.stderr).toContain('No models');
});

it('preload says how long it took, and asks for one upstream if told so', async () => {
  const words = ['preload', 'llama3:8b', '--upstream', 'gpu-1:11434', '--keep-alive', '30m'];
  const { code, stdout, calls } = await models(words, { body: { model: 'llama3:8b', items: [item] } }, 120);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/gpu-1:11434 +loaded +5\.2 s/)]);
  expect(calls[0]).toMatchObject({
    route: 'POST /api/v1/admin/models/preload',
    body: { model: 'llama3:8b', upstream: 'gpu-1:11434', keep_alive: '30m' },
  });
});

it('preload ends with 8 when an upstream could not load it', async () => {
  const { code, stdout } = await models(['preload', 'llama3:8b'], {
    body: { model: 'llama3:8b', items: [item, failed] },
  });
  expect([code, stdout]).toEqual([8, 'gpu-1:11434\tloaded\t5210\t\ngpu-2:11434\tfailed\t12\tIt is gone.\n']);
});

const FAST = { alias: 'fast', model: 'gemma2:2b', created_at: '2026-11-20T08:00:00.000Z' };

it('alias names a model, aliases lists, unalias takes away', async () => {
  const made = await models(['alias', 'fast', 'gemma2:2b'], { body: FAST });
  expect(made.stdout).toContain('alias\tfast\nmodel\tgemma2:2b\n');
  expect(made.calls[0]).toMatchObject({
    route: 'PUT /api/v1/admin/models/aliases/fast',
    body: { model: 'gemma2:2b' },
  });
  const page = { body: { items: [FAST], next_cursor: null } };
  expect((await models(['aliases'], page, 120)).stdout).toMatch(/^ALIAS +MODEL +CREATED\nfast +gemma2:2b /);
  expect((await models(['aliases', '-o', 'name'], page)).stdout).toBe('fast\n');
  const none = await models(['aliases'], { body: { items: [], next_cursor: null } });
  expect(none.stderr).toContain('fila models alias');
  const removed = await models(['unalias', 'fast'], { body: FAST });
  expect(removed).toMatchObject({ code: 0, stdout: 'alias/fast removed\n' });
  expect(removed.calls[0]!.route).toBe('DELETE /api/v1/admin/models/aliases/fast');
});
