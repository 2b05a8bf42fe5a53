/** Every route of the contract has a command that calls it, and every command is known here: neither grows without the other. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from './cli-context.ts';
import { completionTree } from './commands/completion/completion-tree.ts';
import { writeSession } from './contexts.ts';
import { buildProgram } from './program.ts';
import { runCli, type CliSetup } from './testing/run-cli.ts';
import {
  problem,
  someRequest,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
} from './testing/scripted-broker.ts';

/** A command line that needs more than words to get as far as its route. */
interface Scene extends Pick<CliSetup, 'stdin' | 'typed'> {
  readonly line: string;
  /** Route → what the broker says to it; the rest gets an empty list. */
  readonly answers?: Readonly<Record<string, ScriptedAnswer>>;
  /** All that it calls to change something, in this order, when that is more than its route. */
  readonly changes?: readonly string[];
}

const LATER = '2100-01-01T00:00:00.000Z';
const USER = 'usr_0000000000000000000000000a';
const PASSWORD = 'quiet river lantern';
const TOTP = '/api/v1/admin/me/totp';
const ENROLLING = {
  body: { secret: 'JBSWY3DPEHPK3PXP', uri: 'otpauth://totp/Fila:ana?secret=JBSWY3DPEHPK3PXP' },
};
const STEP_UP = 'POST /api/v1/admin/sessions/step-up';
const SIGNED_IN = {
  body: { token: 'fila_sess_a', user: { name: 'ana', role: 'admin' }, session: { expires_at: LATER } },
};
const whoami = (...permissions: readonly string[]) => ({
  'GET /api/v1/admin/me': { body: { name: 'ana', totp: false, permissions } },
});

/** Route → a whole command line that calls it. */
const COMMANDS: Readonly<Record<string, string | Scene>> = {
  'GET /readyz': 'doctor',
  'POST /api/v1/requests': 'requests send Hello',
  'GET /api/v1/requests': 'requests list',
  'GET /api/v1/requests/{id}': 'requests show a1',
  'POST /api/v1/requests/{id}/cancel': 'requests cancel a1',
  'GET /api/v1/requests/{id}/stream': {
    line: 'requests watch a1 --stream',
    answers: {
      'GET /api/v1/requests/a1/stream': {
        body: null,
        events: [{ event: 'done', data: someRequest({ status: 'completed' }) }],
      },
    },
  },
  'POST /api/v1/batches': { line: 'batches create -', stdin: '{}' },
  'GET /api/v1/batches': 'batches list',
  'GET /api/v1/batches/{id}': 'batches show a1',
  'POST /api/v1/batches/{id}/cancel': 'batches cancel a1',
  'GET /api/v1/batches/{id}/results': {
    line: 'batches results a1',
    answers: { 'GET /api/v1/batches/a1/results': { body: null, lines: [] } },
  },
  'GET /api/v1/batches/{id}/errors': {
    line: 'batches errors a1',
    answers: { 'GET /api/v1/batches/a1/errors': { body: null, lines: [] } },
  },
  'GET /api/v1/admin/requests': 'requests list --all-keys',
  'POST /api/v1/admin/requests/{id}/cancel': 'requests cancel a1 --all-keys',
  'GET /api/v1/admin/requests/{id}/explain': 'requests explain a1',
  'GET /api/v1/admin/requests/{id}/trace': {
    line: 'requests trace a1',
    answers: { 'GET /api/v1/admin/requests/a1/trace': { body: { id: 'a1', complete: true, steps: [] } } },
  },
  'GET /api/v1/admin/usage': 'usage',
  'GET /api/v1/admin/overview': 'stats --count 1',
  'GET /api/v1/admin/events': {
    line: 'events tail',
    answers: {
      'GET /api/v1/admin/events': {
        body: null,
        events: [{ event: 'message', data: { id: 'a-1', type: 'upstream.up', at: LATER } }],
      },
    },
  },
  'GET /api/v1/admin/logs': 'logs search',
  'GET /api/v1/admin/audit': 'audit search',
  'GET /api/v1/admin/audit/rows/{seq}': 'audit show 1',
  'GET /api/v1/admin/audit/verify': 'audit verify',
  'GET /api/v1/admin/audit/checkpoints': 'audit checkpoint --all',
  'POST /api/v1/admin/audit/checkpoints': 'audit checkpoint',
  'GET /api/v1/admin/api-keys': 'keys list',
  'POST /api/v1/admin/api-keys': 'keys create --name shop',
  'GET /api/v1/admin/api-keys/{id}': 'keys show a1',
  'PUT /api/v1/admin/api-keys/{id}': 'keys set a1 --name shop',
  'DELETE /api/v1/admin/api-keys/{id}': 'keys revoke a1 --yes',
  'POST /api/v1/admin/api-keys/{id}/rotate': 'keys rotate a1',
  'POST /api/v1/admin/api-keys/{id}/suspend': 'keys suspend a1',
  'POST /api/v1/admin/api-keys/{id}/resume': 'keys resume a1',
  'GET /api/v1/admin/plans': 'plans list',
  'POST /api/v1/admin/plans': 'plans create gold',
  'GET /api/v1/admin/plans/{name}': 'plans show gold',
  'PUT /api/v1/admin/plans/{name}': 'plans set gold --limit-minute 5',
  'DELETE /api/v1/admin/plans/{name}': 'plans remove gold',
  'GET /api/v1/admin/limits/explain': 'limits explain --key a1',
  'GET /api/v1/admin/limits/penalties': 'limits penalties',
  'POST /api/v1/admin/limits/penalties/lift': 'limits lift a1',
  'GET /api/v1/admin/queues': 'queues list',
  'POST /api/v1/admin/queues': 'queues create chat',
  'GET /api/v1/admin/queues/{name}': 'queues show chat',
  'PUT /api/v1/admin/queues/{name}': 'queues set chat --concurrency 2',
  'DELETE /api/v1/admin/queues/{name}': 'queues remove chat',
  'POST /api/v1/admin/queues/{name}/pause': 'queues pause chat',
  'POST /api/v1/admin/queues/{name}/resume': 'queues resume chat',
  'POST /api/v1/admin/queues/{name}/drain': 'queues drain chat',
  'GET /api/v1/admin/settings': 'settings list',
  'GET /api/v1/admin/settings/{name}': 'settings get maxQueued',
  'PUT /api/v1/admin/settings/{name}': 'settings set maxQueued 500',
  'DELETE /api/v1/admin/settings/{name}': 'settings unset maxQueued',
  'GET /api/v1/admin/settings/versions': 'settings history',
  'POST /api/v1/admin/settings/versions/{version}/restore': 'settings restore 1',
  'GET /api/v1/admin/upstreams': 'upstreams list',
  'POST /api/v1/admin/upstreams': 'upstreams add http://gpu1:11434',
  'GET /api/v1/admin/upstreams/{id}': 'upstreams show gpu1:11434',
  'PUT /api/v1/admin/upstreams/{id}': 'upstreams set gpu1:11434 --slots 2',
  'DELETE /api/v1/admin/upstreams/{id}': 'upstreams remove gpu1:11434 --yes',
  'POST /api/v1/admin/upstreams/{id}/enable': 'upstreams enable gpu1:11434',
  'POST /api/v1/admin/upstreams/{id}/disable': 'upstreams disable gpu1:11434',
  'POST /api/v1/admin/upstreams/{id}/drain': 'upstreams drain gpu1:11434',
  'POST /api/v1/admin/upstreams/{id}/undrain': 'upstreams undrain gpu1:11434',
  'POST /api/v1/admin/upstreams/{id}/breaker': 'upstreams breaker gpu1:11434 open',
  'GET /api/v1/admin/models': 'models list',
  'POST /api/v1/admin/models/preload': 'models preload llama3:8b',
  'GET /api/v1/admin/models/aliases': 'models aliases',
  'PUT /api/v1/admin/models/aliases/{name}': 'models alias fast gemma2:2b',
  'DELETE /api/v1/admin/models/aliases/{name}': 'models unalias fast',
  'GET /api/v1/admin/dead-letters': 'dlq list',
  'GET /api/v1/admin/dead-letters/{id}': 'dlq show a1',
  'POST /api/v1/admin/dead-letters/{id}/retry': 'dlq retry a1',
  'POST /api/v1/admin/dead-letters/{id}/discard': 'dlq discard a1 --reason old',
  'POST /api/v1/admin/dead-letters/retry': 'dlq retry --all --yes',
  'GET /api/v1/admin/operations': 'operations list',
  'GET /api/v1/admin/operations/{id}': 'operations show a1',
  'POST /api/v1/admin/operations/{id}/cancel': 'operations cancel a1',
  'GET /api/v1/admin/verify': 'verify',
  'POST /api/v1/admin/verify/fix': 'verify --fix',
  'GET /api/v1/webhooks': 'webhooks list',
  'POST /api/v1/webhooks': 'webhooks create https://shop.example/fila',
  'GET /api/v1/webhooks/{id}': 'webhooks show whk_a1',
  'PUT /api/v1/webhooks/{id}': 'webhooks update a1 --to https://shop.example/other',
  'DELETE /api/v1/webhooks/{id}': 'webhooks delete a1 --yes',
  'POST /api/v1/webhooks/{id}/rotate': 'webhooks rotate a1',
  'POST /api/v1/webhooks/{id}/enable': 'webhooks enable a1',
  'POST /api/v1/webhooks/{id}/test': 'webhooks test a1',
  'POST /api/v1/webhooks/{id}/redeliver': 'webhooks redeliver whk_a1 --since 1h',
  'GET /api/v1/webhooks/deliveries': 'webhooks deliveries',
  'GET /api/v1/webhooks/deliveries/{id}': 'webhooks show dlv_a1',
  'POST /api/v1/webhooks/deliveries/{id}/redeliver': 'webhooks redeliver dlv_a1',
  'POST /api/v1/admin/setup': { line: 'setup --name ana --password-stdin', stdin: PASSWORD },
  'POST /api/v1/sessions': {
    line: 'login ana --password-stdin',
    stdin: PASSWORD,
    answers: { 'POST /api/v1/sessions': SIGNED_IN },
  },
  'POST /api/v1/sessions/set-password': {
    line: 'passwd --reset',
    typed: ['fila_reset_a', PASSWORD, PASSWORD],
  },
  'GET /api/v1/admin/me': 'whoami',
  'POST /api/v1/admin/me/password': { line: 'passwd --password-stdin', stdin: `old\n${PASSWORD}` },
  'POST /api/v1/admin/me/sign-out': 'logout',
  'POST /api/v1/admin/me/totp': { line: 'totp enable', typed: [], answers: { [`POST ${TOTP}`]: ENROLLING } },
  'POST /api/v1/admin/me/totp/confirm': {
    line: 'totp enable',
    typed: ['123456'],
    answers: { [`POST ${TOTP}`]: ENROLLING, [`POST ${TOTP}/confirm`]: { body: { codes: ['a'] } } },
    changes: [`POST ${TOTP}`, `POST ${TOTP}/confirm`],
  },
  'DELETE /api/v1/admin/me/totp': 'totp disable',
  'POST /api/v1/admin/me/recovery-codes': 'totp codes',
  'POST /api/v1/admin/sessions/step-up': {
    line: 'totp disable',
    typed: [PASSWORD],
    answers: { ...whoami(), [`DELETE ${TOTP}`]: problem(403, 'step_up_required') },
    changes: [`DELETE ${TOTP}`, STEP_UP, `DELETE ${TOTP}`],
  },
  'GET /api/v1/admin/me/sessions': 'sessions list',
  'DELETE /api/v1/admin/me/sessions/{id}': { line: 'sessions revoke a1', answers: whoami() },
  'POST /api/v1/admin/me/sessions/revoke': 'sessions revoke --others',
  'GET /api/v1/admin/sessions': 'sessions list --all',
  'DELETE /api/v1/admin/sessions/{id}': { line: 'sessions revoke a1', answers: whoami('sessions.revoke') },
  'POST /api/v1/admin/sessions/revoke': 'sessions revoke --all',
  'GET /api/v1/admin/users': 'users list',
  'POST /api/v1/admin/users': 'users create ben --role viewer',
  'GET /api/v1/admin/users/{id}': `users show ${USER}`,
  'PUT /api/v1/admin/users/{id}': `users set ${USER} --role viewer`,
  'DELETE /api/v1/admin/users/{id}': `users remove ${USER} --yes`,
  'POST /api/v1/admin/users/{id}/reset-password': `users reset-password ${USER}`,
  'POST /api/v1/admin/users/{id}/reset-totp': `users reset-totp ${USER}`,
  'GET /api/v1/admin/service-tokens': 'service-tokens list',
  'POST /api/v1/admin/service-tokens': 'service-tokens create ci --scope keys.read --expires 90d',
  'GET /api/v1/admin/service-tokens/{id}': 'service-tokens show a1',
  'DELETE /api/v1/admin/service-tokens/{id}': 'service-tokens revoke a1',
};

/** Commands that call a route which stands above with another one. */
const OTHERS: readonly (readonly [route: string, line: string])[] = [
  ['GET /api/v1/requests', 'requests export'],
  ['POST /api/v1/admin/dead-letters/{id}/retry', 'requests retry a1'],
  ['GET /api/v1/admin/operations/{id}', 'operations watch a1'],
  ['GET /api/v1/admin/audit', 'audit tail'],
  ['GET /api/v1/admin/audit', 'keys history a1'],
  ['GET /api/v1/admin/audit', 'audit export'],
  ['GET /api/v1/admin/logs', 'logs tail'],
  ['GET /api/v1/admin/settings', 'settings diff'],
  ['PUT /api/v1/admin/users/{id}', `users suspend ${USER}`],
  ['PUT /api/v1/admin/users/{id}', `users resume ${USER}`],
];

/** Routes that no operator has a use for, and why. */
const WITHOUT_COMMAND: Readonly<Record<string, string>> = {
  'GET /livez': 'asked by supervisors',
  'POST /api/v1/authenticate': 'asked by a client about itself',
};

/** Commands that are not seen calling a route here, and why. */
const WITHOUT_ROUTE: Readonly<Record<string, string>> = {
  dev: 'is a daemon itself',
  serve: 'is a daemon itself',
  'simulate-ollama': 'is a server of its own',
  'simulate-faults': 'is a server of its own',
  migrate: 'opens the database, without a daemon',
  'config show': 'reads settings of this machine',
  'config validate': 'reads settings of this machine',
  'context list': 'reads a file of this person',
  'context use': 'writes a file of this person',
  'context add': 'writes a file of this person',
  'context remove': 'writes a file of this person',
  completion: 'prints what the program knows itself',
  'open-api': 'prints what the program knows itself',
  version: 'prints what the program knows itself',
  help: 'prints what the program knows itself',
  'keys seal-key': 'writes a file of this person',
  'keys unseal': 'opens a text with a file of this person',
  top: 'draws on a terminal until a key ends it',
};

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

const contract = JSON.parse(
  readFileSync(new URL('../../php-bridge-spec/openapi.json', import.meta.url), 'utf8'),
) as OpenApi;
const routes = Object.entries(contract.paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
);
/** Commands that do something, such as "keys create". */
const leaves = completionTree(buildProgram({} as Host, () => undefined))
  .filter(({ path, commands }) => path !== '' && commands.length === 0)
  .map(({ path }) => path);
const runs = [...Object.entries(COMMANDS), ...OTHERS].map(([route, given]) => {
  const scene: Scene = typeof given === 'string' ? { line: given } : given;
  return [route, scene.line, scene] as const;
});
const leafOf = (line: string): string | undefined =>
  leaves.find((leaf) => line === leaf || line.startsWith(`${leaf} `));

describe('the contract and the commands', () => {
  it('name each route here: with its command, or among the few that have none', () => {
    const named = [...Object.keys(COMMANDS), ...Object.keys(WITHOUT_COMMAND)];
    expect(named.sort()).toEqual([...routes].sort());
  });

  it('name each command here: with its route, or among those that have none', () => {
    const withRoute = new Set(runs.map(([, line]) => leafOf(line)));
    expect([...withRoute, ...Object.keys(WITHOUT_ROUTE)].sort()).toEqual([...leaves].sort());
  });
});

describe('a command', () => {
  let broker: ScriptedBroker;
  let answers: Scene['answers'];
  let configDir: string;
  beforeAll(async () => {
    configDir = mkdtempSync(join(tmpdir(), 'fila-parity-'));
    // Enough for a list; what most commands make of it does not matter here.
    broker = await startScriptedBroker(
      ({ route }) => answers?.[route] ?? { body: { items: [], next_cursor: null } },
    );
  });
  beforeEach(() => {
    const session = { url: broker.url, token: 'fila_sess_a', user: 'ana', expires_at: LATER };
    writeSession({ FILA_CONFIG_DIR: configDir }, session);
  });
  afterAll(async () => {
    rmSync(configDir, { recursive: true });
    await broker.stop();
  });

  it.each(runs)('of %s calls it: fila %s', async (route, line, scene) => {
    const before = broker.calls.length;
    answers = scene.answers;
    await runCli([...line.split(' '), '-o', 'json'], {
      ...{ stdin: scene.stdin, typed: scene.typed },
      env: {
        ...{ FILA_URL: broker.url, FILA_CONFIG_DIR: configDir },
        ...{ FILA_TOKEN: 'admin-token', FILA_API_KEY: 'fila_live_x' },
      },
      // What would go on and on ends at its first words.
      onStdout: (_text, signals) => signals.emit('SIGINT'),
    });
    const form = new RegExp(`^${route.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    const called = broker.calls.slice(before).map((call) => call.route);
    expect(called.filter((one) => form.test(one))).not.toEqual([]);
    // Nothing else is changed on the way.
    const changed = called.filter((one) => !one.startsWith('GET'));
    if (scene.changes) expect(changed).toEqual(scene.changes);
    else expect(changed).toHaveLength(route.startsWith('GET') ? 0 : 1);
  });

  it.each(leaves)('%s has help that says what it does', async (leaf) => {
    const { code, stdout } = await runCli([...leaf.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: fila ${leaf}\\b`));
    expect(stdout.split('\n')[2]).toMatch(/\S/);
  });
});
