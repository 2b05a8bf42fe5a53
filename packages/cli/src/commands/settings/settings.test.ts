import type { Setting, SettingVersion } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  startScriptedBroker,
  type ScriptedAnswer,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const PATH = '/api/v1/admin/settings';
const setting = (more: Partial<Setting>): Setting => ({
  ...{ name: 'maxQueued', variable: 'FILA_MAX_QUEUED', value: '500', source: 'database' },
  ...{ start_value: '7', start_source: 'environment', default_value: '0', unit: '', live: true },
  ...{ secret: false, expects: 'a whole number', about: 'Requests that have not ended.', ...more },
});
const ITEMS = [
  setting({}),
  setting({ name: 'port', value: '7433', default_value: '7433', source: 'default', live: false }),
  setting({ name: 'logDir', value: '', default_value: '', source: 'default', live: false }),
];
const version = (number: number, overrides: Record<string, string>): SettingVersion => ({
  ...{ version: number, at: '2026-11-20T08:00:00.000Z', act: 'set', restored_version: null },
  ...{ actor: { kind: 'user', id: 'usr_1', name: 'ana' }, reason: 'sale', overrides },
  changes: [{ name: 'maxQueued', before: null, after: '10' }],
});
const VERSIONS = [
  version(3, { ageingMs: '0', maxQueued: '20' }),
  version(2, { maxQueued: '20' }),
  version(1, { maxQueued: '10' }),
];

function answerTo({ route }: SeenCall): ScriptedAnswer {
  if (route === `GET ${PATH}`) return { body: { items: ITEMS, version: 3, next_cursor: null } };
  if (route.startsWith(`GET ${PATH}/versions`)) return { body: { items: VERSIONS, next_cursor: null } };
  return { body: route.endsWith('/restore') ? VERSIONS[0] : ITEMS[0] };
}

async function settings(words: readonly string[], setup: CliSetup = {}, answer = answerTo) {
  const broker = await startScriptedBroker(answer);
  onTestFinished(() => broker.stop());
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token' };
  const run = await runCli(['settings', ...words], { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

describe('fila settings', () => {
  it('list is a table on a terminal and tabs in a pipe; --live leaves out what needs a restart', async () => {
    const shown = (await settings(['list'], { columns: 100 })).stdout.split('\n');
    expect(shown[0]).toMatch(/^NAME +VALUE +SOURCE +LIVE +UNIT$/);
    expect(shown[1]).toMatch(/^maxQueued +500 +database +live *$/);
    expect(shown[3]).toMatch(/^logDir +- +default +start *$/);
    const piped = await settings(['list', '--live']);
    expect(piped.stdout).toBe('maxQueued\t500\tdatabase\tlive\t\n');
    expect((await settings(['list', '-o', 'name'])).stdout).toBe('maxQueued\nport\nlogDir\n');
  });

  it('get and set show the setting; set sends the value as it was written, and why', async () => {
    expect(JSON.parse((await settings(['get', 'maxQueued', '--json'])).stdout)).toEqual(ITEMS[0]);
    const { calls, stdout } = await settings(['set', 'maxQueued', '500', '--why', 'sale']);
    expect(calls[0]).toMatchObject({ route: `PUT ${PATH}/maxQueued`, body: { value: '500' } });
    expect(calls[0]!.headers['x-fila-reason']).toBe('sale');
    expect(stdout).toContain('value\t500\n');
    expect(stdout).toContain('at the start\t7\n');
  });

  it('set of what is refused ends with the code and the sentence of the broker', async () => {
    const refused = await settings(['set', 'port', '80'], {}, () => problem(409, 'conflict'));
    expect(refused.code).toBe(6);
    const wrong = await settings(['set', 'maxQueued', 'many'], {}, () => problem(422, 'validation_failed'));
    expect(wrong.code).toBe(2);
  });

  it('unset says what holds again, for each', async () => {
    const { code, stdout, calls } = await settings(['unset', 'maxQueued', 'ageingMs']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'setting/maxQueued is 500 again\nsetting/ageingMs is 500 again\n',
    });
    expect(calls.map(({ route }) => route)).toEqual([`DELETE ${PATH}/maxQueued`, `DELETE ${PATH}/ageingMs`]);
  });

  it('diff says what differs from the defaults, or between versions; 0 is the start', async () => {
    expect((await settings(['diff'])).stdout).toBe('maxQueued\t0\t500\tdatabase\n');
    expect((await settings(['diff', '1', '3'])).stdout).toBe('ageingMs\t\t0\nmaxQueued\t10\t20\n');
    expect((await settings(['diff', '2'])).stdout).toBe('ageingMs\t\t0\n');
    expect((await settings(['diff', '3', '0'])).stdout).toBe('ageingMs\t0\t\nmaxQueued\t20\t\n');
    expect((await settings(['diff', '2', '2'])).stderr).toContain('Nothing differs.');
    expect((await settings(['diff', '1', '9'])).code).toBe(5);
  });

  it('history and restore show who, when, why and what', async () => {
    const shown = (await settings(['history'], { columns: 120 })).stdout.split('\n');
    expect(shown[0]).toMatch(/^VERSION +AT +ACTOR +ACT +CHANGES +REASON$/);
    expect(shown[1]).toMatch(/^3 +2h ago +ana +set +maxQueued as started → 10 +sale$/);
    expect((await settings(['history', '-o', 'name'])).stdout).toBe('3\n2\n1\n');
    const { calls, stdout } = await settings(['restore', '1']);
    expect(calls[0]!.route).toBe(`POST ${PATH}/versions/1/restore`);
    expect(stdout).toContain('version\t3\n');
    const nothing = () => ({ body: { items: [], next_cursor: null } });
    expect((await settings(['history'], {}, nothing)).stderr).toContain('Nothing was changed');
  });

  it.each([[['restore', 'first']], [['restore', '-1']], [['diff', 'now']], [['set', 'maxQueued']]])(
    '%j is a usage error',
    async (words) => {
      const { code, calls } = await settings(words);
      expect({ code, calls }).toEqual({ code: 2, calls: [] });
    },
  );
});
