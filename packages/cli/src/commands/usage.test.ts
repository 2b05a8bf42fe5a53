/** `fila usage`: what it asks for, and what people and programs read. */
import type { Usage } from '@fila/sdk';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../testing/run-cli.ts';
import { startScriptedBroker, type ScriptedBroker } from '../testing/scripted-broker.ts';

const NOTHING = {
  requests: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
};
const FULL = {
  ...NOTHING,
  requests: 80,
  completed: 78,
  failed: 2,
  prompt_tokens: 900,
  completion_tokens: 1800,
};
const USAGE: Usage = {
  since: '2026-11-20T06:00:00.000Z',
  until: '2026-11-20T08:30:00.000Z',
  key: null,
  hours: [
    { ...FULL, hour: '2026-11-20T06:00:00.000Z' },
    { ...NOTHING, hour: '2026-11-20T07:00:00.000Z' },
    { ...NOTHING, requests: 1, hour: '2026-11-20T08:00:00.000Z' },
  ],
  total: { ...FULL, requests: 81 },
};

let broker: ScriptedBroker;
beforeEach(async () => {
  broker = await startScriptedBroker(() => ({ body: USAGE }));
});
afterEach(() => broker.stop());

const usage = (words: readonly string[], setup: CliSetup = {}) =>
  runCli(['usage', ...words], {
    nowMs: Date.parse(USAGE.until),
    ...setup,
    env: { FILA_URL: broker.url, FILA_TOKEN: 'admin-token' },
  });

it('asks for a day of all keys, or for a key and a time', async () => {
  await usage([]);
  await usage(['--key', 'key_a', '--since', '2h']);
  expect(broker.calls.map(({ route, query }) => [route, query])).toEqual([
    ['GET /api/v1/admin/usage', { since: '2026-11-19T08:30:00.000Z' }],
    ['GET /api/v1/admin/usage', { key: 'key_a', since: '2026-11-20T06:30:00.000Z' }],
  ]);
});

it('shows a person each hour with its share of the fullest, and the sum', async () => {
  const { code, stdout, stderr } = await usage([], { columns: 100 });
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^HOUR +REQUESTS +TREND +FAILED +PROMPT-TOKENS +ANSWER-TOKENS$/);
  expect(lines[1]).toMatch(/^2026-11-20 06:00 +80 +█{12} +2 +900 +1800$/);
  expect(lines[2]).toMatch(/^2026-11-20 07:00 +0 {2,}0 +0 +0$/);
  expect(lines[3]).toMatch(/^2026-11-20 08:00 +1 +▏ +0 +0 +0$/);
  expect(stderr).toBe('81 requests, 2 failed, 900 + 1800 tokens of prompts and answers.\n');
});

it('gives programs the numbers: JSON as it came, CSV with titles, one row an hour', async () => {
  expect(JSON.parse((await usage(['-o', 'json'])).stdout)).toEqual(USAGE);
  const csv = (await usage(['-o', 'csv'])).stdout.trimEnd().split('\n');
  expect(csv).toEqual([
    'hour,requests,completed,failed,cancelled,expired,prompt-tokens,answer-tokens',
    '2026-11-20T06:00:00.000Z,80,78,2,0,0,900,1800',
    '2026-11-20T07:00:00.000Z,0,0,0,0,0,0,0',
    '2026-11-20T08:00:00.000Z,1,0,0,0,0,0,0',
  ]);
  expect((await usage([])).stdout.split('\n')[0]).toBe('2026-11-20T06:00:00.000Z\t80\t2\t900\t1800');
});
