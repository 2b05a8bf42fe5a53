import type { Plan } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  someKey,
  startScriptedBroker,
  type ScriptedAnswer,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const PATH = '/api/v1/admin/plans';
const GOLD: Plan = {
  ...{ name: 'gold', limit_minute: 600, limit_hour: 0, limit_day: 9000, limit_burst: 20 },
  ...{
    limit_tokens_day: 0,
    max_queued: 50,
    max_concurrent: 0,
    weight: 0,
    created_at: '2026-11-20T08:00:00.000Z',
  },
};

async function fila(
  words: readonly string[],
  answer: (call: SeenCall) => ScriptedAnswer = () => ({ body: GOLD }),
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  onTestFinished(() => broker.stop());
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token', ...setup.env };
  const run = await runCli(words, { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

describe('fila plans', () => {
  it('create sends the limits that were named, and shows the plan', async () => {
    const words = ['plans', 'create', 'gold', '--limit-minute', '600', '--limit-tokens-day', '0'];
    const { code, stdout, calls } = await fila(words);
    expect(code).toBe(0);
    expect(calls[0]).toMatchObject({
      route: `POST ${PATH}`,
      headers: { authorization: 'Bearer admin-token' },
    });
    expect(calls[0]!.body).toEqual({ name: 'gold', limit_minute: 600, limit_tokens_day: 0 });
    expect(stdout).toContain('limits\t600/minute,9000/day,20 at once,50 queued\n');
  });

  it('list is a table on a terminal, tabs in a pipe, and names with -o name', async () => {
    const page = () => ({ body: { items: [GOLD, { ...GOLD, name: 'none' }], next_cursor: null } });
    const shown = await fila(['plans', 'list'], page, { columns: 120 });
    expect(shown.stdout.split('\n')[0]).toMatch(/^NAME +LIMITS +CREATED$/);
    expect(shown.stdout).toMatch(/gold +600\/minute,9000\/day,20 at once,50 queued +2h ago/);
    expect((await fila(['plans', 'list', '-o', 'name'], page)).stdout).toBe('gold\nnone\n');
    const empty = await fila(['plans', 'list'], () => ({ body: { items: [], next_cursor: null } }));
    expect(empty.stderr).toContain('fila plans create');
  });

  it('show, set and remove', async () => {
    expect(JSON.parse((await fila(['plans', 'show', 'gold', '--json'])).stdout)).toEqual(GOLD);
    const set = await fila(['plans', 'set', 'gold', '--max-concurrent', '3']);
    expect(set.calls[0]).toMatchObject({ route: `PUT ${PATH}/gold`, body: { max_concurrent: 3 } });
    const removed = await fila(['plans', 'remove', 'gold']);
    expect(removed).toMatchObject({ code: 0, stdout: 'plan/gold removed\n' });
    expect(removed.calls[0]!.route).toBe(`DELETE ${PATH}/gold`);
    expect((await fila(['plans', 'remove', 'gold'], () => problem(409, 'conflict'))).code).toBe(6);
  });

  it.each([
    [['plans', 'set', 'gold']],
    [['plans', 'set', 'gold', '--limit-minute', 'plan']],
    [['plans', 'create', 'gold', '--limit-minute', '-1']],
    [['keys', 'set', 'key_a']],
    [['keys', 'set', 'key_a', '--limit-hour', 'none']],
  ])('%j is a usage error', async (words) => {
    const { code, calls } = await fila(words);
    expect(code).toBe(2);
    expect(calls).toHaveLength(0);
  });
});

describe('fila keys with a plan', () => {
  it('set gives a key a plan, limits of its own, and takes both away', async () => {
    const key = () => ({ body: someKey({ plan: 'gold' }) });
    const words = ['keys', 'set', 'key_a', '--plan', 'gold', '--limit-minute', '5', '--limit-hour', 'plan'];
    const { calls, stdout } = await fila(words, key);
    expect(calls[0]).toMatchObject({ route: 'PUT /api/v1/admin/api-keys/key_a' });
    expect(calls[0]!.body).toEqual({ plan: 'gold', limit_minute: 5, limit_hour: null });
    expect(stdout).toContain('plan\tgold\n');
    expect((await fila(['keys', 'set', 'key_a', '--plan', 'none'], key)).calls[0]!.body).toEqual({
      plan: null,
    });
  });

  it('create with a plan leaves to it what is not named', async () => {
    const { calls } = await fila(
      ['keys', 'create', '--name', 'shop', '--plan', 'gold', '--max-queued', '0'],
      () => ({
        body: { ...someKey(), key: 'fila_live_x', webhook_secret: 'whsec_x' },
      }),
    );
    expect(calls[0]!.body).toEqual({ name: 'shop', plan: 'gold', max_queued: 0 });
  });
});
