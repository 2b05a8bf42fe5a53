import type { AppliedLimit, LimitExplanation } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  startScriptedBroker,
  type ScriptedAnswer,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const PATH = '/api/v1/admin/limits';

function aLimit(part: Partial<AppliedLimit>): AppliedLimit {
  return {
    ...{ name: 'minute', scope: 'key', source: 'plan', limit: 60, window_seconds: 60 },
    ...{ used: 10, left: 50, reset_after: 61, refuses: false, ...part },
  };
}

const EXPLANATION: LimitExplanation = {
  ...{ key: 'key_a', plan: 'gold', allowed: true, decided_by: 'minute', retry_after: null },
  ...{ brokers: 1, admission: 1 },
  limits: [
    aLimit({}),
    aLimit({
      name: 'queued',
      source: 'key',
      limit: 100,
      window_seconds: null,
      used: 1,
      left: 99,
      reset_after: 0,
    }),
  ],
};

async function limits(
  words: readonly string[],
  answer: (call: SeenCall) => ScriptedAnswer,
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  onTestFinished(() => broker.stop());
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token', ...setup.env };
  const run = await runCli(['limits', ...words], { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

describe('fila limits explain', () => {
  it('shows every limit, marks the one that decides, and says whether a call would pass', async () => {
    const { stdout, stderr, calls } = await limits(
      ['explain', '--key', 'key_a'],
      () => ({ body: EXPLANATION }),
      {
        columns: 120,
      },
    );
    const [header, minute, queued] = stdout.split('\n');
    expect(header).toMatch(/^LIMIT +SCOPE +FROM +ALLOWS +WITHIN +USED +LEFT +RESET$/);
    expect(minute).toMatch(/^▶ minute +key +plan +60 +1m 00s +10 +50 +in 1m 01s$/);
    expect(queued).toMatch(/queued +key +key +100 +at once +1 +99 +-$/);
    expect(stderr).toContain('A call would pass now (plan gold).');
    expect(calls[0]).toMatchObject({
      route: `GET ${PATH}/explain`,
      query: { key: 'key_a', class: 'request' },
    });
  });

  it('says what refuses, for how long, and when only a part is accepted', async () => {
    const body: LimitExplanation = {
      ...{ ...EXPLANATION, allowed: false, retry_after: 12, brokers: 3, admission: 0.41, plan: null },
      limits: [aLimit({ used: 60, left: 0, refuses: true })],
    };
    const words = ['explain', '--key', 'key_a', '--class', 'read', '--address', '10.0.0.1'];
    const { stdout, stderr, calls } = await limits(words, () => ({ body }));
    expect(stdout).toBe('minute\tkey\tplan\t60\t60\t60\t0\t61\n');
    expect(stderr).toContain('refused by minute; after 12 s it passes (no plan, shared by 3 brokers)');
    expect(stderr).toContain('41 % of all are accepted');
    expect(calls[0]!.query).toEqual({ key: 'key_a', class: 'read', address: '10.0.0.1' });
  });

  it('as json is exactly what the daemon says; without a key it is a usage error', async () => {
    const run = await limits(['explain', '--key', 'key_a', '--json'], () => ({ body: EXPLANATION }));
    expect(JSON.parse(run.stdout)).toEqual(EXPLANATION);
    expect((await limits(['explain'], () => ({ body: {} }))).code).toBe(2);
  });
});

describe('fila limits penalties and lift', () => {
  const items = [
    { id: '10.0.0.9', kind: 'address', level: 2, blocked: true, blocked_until: '2026-11-20T10:05:00.000Z' },
    { id: 'key_a', kind: 'key', level: 1, blocked: false, blocked_until: '2026-11-20T09:30:00.000Z' },
  ];

  it('lists who is blocked and who was', async () => {
    const page = () => ({ body: { items, next_cursor: null } });
    const { stdout } = await limits(['penalties'], page, { columns: 100 });
    expect(stdout).toMatch(/10\.0\.0\.9 +address +✖ blocked +in 5m +2\n/);
    expect(stdout).toMatch(/key_a +key +● free +30m ago +1\n/);
    expect((await limits(['penalties', '-o', 'name'], page)).stdout).toBe('10.0.0.9\nkey_a\n');
    const nobody = await limits(['penalties'], () => ({ body: { items: [], next_cursor: null } }));
    expect(nobody.stderr).toContain('Nobody is blocked.');
  });

  it('lifts several, and says which were not blocked', async () => {
    const { code, stdout, stderr, calls } = await limits(['lift', '10.0.0.9', 'key_b'], ({ body }) =>
      (body as { id: string }).id === 'key_b'
        ? problem(404, 'not_found')
        : { body: { id: '10.0.0.9', kind: 'address', lifted: true } },
    );
    expect(code).toBe(3);
    expect(stdout).toBe('penalty/10.0.0.9 lifted\n');
    expect(stderr).toContain('penalty/key_b: Not found');
    expect(calls[0]).toMatchObject({ route: `POST ${PATH}/penalties/lift`, body: { id: '10.0.0.9' } });
  });
});
