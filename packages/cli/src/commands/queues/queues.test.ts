import type { Queue } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  startScriptedBroker,
  type ScriptedAnswer,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const PATH = '/api/v1/admin/queues';
const CHAT: Queue = {
  ...{ name: 'chat', state: 'paused', concurrency: 2, max_attempts: null, retry_base_ms: null },
  ...{ retry_cap_ms: null, total_timeout_ms: null, max_prompt_bytes: null, max_queued: 100 },
  ...{ fallback_model: 'small', default_priority: null, pending: 10_000, delayed: 1, running: 0 },
  ...{ counts_up_to: 10_000, oldest_wait_ms: 1_500, created_at: '2026-11-20T08:00:00.000Z' },
};
const EMPTY: Queue = {
  ...{ ...CHAT, name: 'default', state: 'active', concurrency: null, max_queued: null },
  ...{ fallback_model: null, pending: 0, delayed: 0, oldest_wait_ms: null },
};

async function fila(
  words: readonly string[],
  answer: (call: SeenCall) => ScriptedAnswer = () => ({ body: CHAT }),
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  onTestFinished(() => broker.stop());
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token', ...setup.env };
  const run = await runCli(words, { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

describe('fila queues', () => {
  const page = () => ({ body: { items: [CHAT, EMPTY], next_cursor: null } });

  it('list is a table on a terminal, tabs in a pipe, and names with -o name', async () => {
    const shown = await fila(['queues', 'list'], page, { columns: 120 });
    expect(shown.stdout.split('\n')[0]).toMatch(/^NAME +STATE +PENDING +DELAYED +RUNNING +OLDEST$/);
    expect(shown.stdout).toMatch(/chat +⊘ paused +10000\+ +1 +0 +1\.5s/);
    expect(shown.stdout).toMatch(/default +● active +0 +0 +0 +-/);
    const piped = await fila(['queues', 'list'], page);
    expect(piped.stdout).toBe('chat\tpaused\t10000+\t1\t0\t1500\ndefault\tactive\t0\t0\t0\t\n');
    expect((await fila(['queues', 'list', '-o', 'name'], page)).stdout).toBe('chat\ndefault\n');
    const wide = await fila(['queues', 'list', '-o', 'wide'], page);
    expect(wide.stdout).toContain('concurrency 2, max queued 100, fallback model small');
    expect(JSON.parse((await fila(['queues', 'list', '--json'], page)).stdout)).toEqual(page().body);
  });

  it('create and set send the rules that were named, and what is left to the settings as null', async () => {
    const words = ['queues', 'create', 'chat', '--concurrency', '2', '--fallback-model', 'small:1b'];
    const created = await fila(words);
    expect(created.calls[0]).toMatchObject({
      ...{ route: `POST ${PATH}`, headers: { authorization: 'Bearer admin-token' } },
      body: { name: 'chat', concurrency: 2, fallback_model: 'small:1b' },
    });
    expect(created.stdout).toContain('fallback model\tsmall\n');
    expect(created.stdout).not.toContain('max attempts');
    const set = await fila(['queues', 'set', 'chat', '--max-attempts', '5', '--fallback-model', 'unset']);
    expect(set.calls[0]).toMatchObject({
      ...{ route: `PUT ${PATH}/chat`, body: { max_attempts: 5, fallback_model: null } },
    });
    const all = ['retry-base-ms', 'retry-cap-ms', 'total-timeout-ms', 'max-prompt-bytes', 'max-queued'];
    const flags = [...all, 'default-priority'].flatMap((flag, n) => [`--${flag}`, String(n + 1)]);
    expect((await fila(['queues', 'set', 'chat', ...flags])).calls[0]!.body).toEqual({
      ...{ retry_base_ms: 1, retry_cap_ms: 2, total_timeout_ms: 3, max_prompt_bytes: 4 },
      ...{ max_queued: 5, default_priority: 6 },
    });
  });

  it('show, pause, resume, drain and remove, several at once', async () => {
    expect(JSON.parse((await fila(['queues', 'show', 'chat', '--json'])).stdout)).toEqual(CHAT);
    for (const [verb, done] of [
      ['pause', 'paused'],
      ['resume', 'active'],
      ['drain', 'draining'],
    ] as const) {
      const { code, stdout, calls } = await fila(['queues', verb, 'chat', 'other']);
      expect([code, stdout]).toEqual([0, `queue/chat ${done}\nqueue/other ${done}\n`]);
      expect(calls.map(({ route }) => route)).toEqual([
        `POST ${PATH}/chat/${verb}`,
        `POST ${PATH}/other/${verb}`,
      ]);
    }
    const removed = await fila(['queues', 'remove', 'chat']);
    expect(removed).toMatchObject({ code: 0, stdout: 'queue/chat removed\n' });
    expect((await fila(['queues', 'remove', 'chat'], () => problem(409, 'conflict'))).code).toBe(6);
    expect((await fila(['queues', 'show', 'none'], () => problem(404, 'not_found'))).code).toBe(5);
  });

  it.each([
    [['queues', 'set', 'chat']],
    [['queues', 'set', 'chat', '--concurrency', 'many']],
    [['queues', 'set', 'chat', '--max-attempts', '0']],
    [['queues', 'create', 'chat', '--default-priority', '10']],
  ])('%j is a usage error', async (words) => {
    const { code, calls } = await fila(words);
    expect([code, calls.length]).toEqual([2, 0]);
  });
});
