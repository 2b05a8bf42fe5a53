/** Every route of the contract has a command that calls it, and every command is known here: neither grows without the other. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from './cli-context.ts';
import { completionTree } from './commands/completion/completion-tree.ts';
import { buildProgram } from './program.ts';
import { runCli } from './testing/run-cli.ts';
import { startScriptedBroker, type ScriptedBroker } from './testing/scripted-broker.ts';

/** Route → a whole command line that calls it. */
const COMMANDS: Readonly<Record<string, string>> = {
  'GET /readyz': 'doctor',
  'POST /api/v1/requests': 'requests send Hello',
  'GET /api/v1/requests': 'requests list',
  'GET /api/v1/requests/{id}': 'requests get a1',
  'POST /api/v1/requests/{id}/cancel': 'requests cancel a1',
  'GET /api/v1/admin/requests': 'requests list --all-keys',
  'GET /api/v1/admin/requests/{id}/explain': 'requests explain a1',
  'GET /api/v1/admin/usage': 'usage',
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
};

/** For supervisors, and for a client about itself: no operator has a use for them. */
const WITHOUT_COMMAND = ['GET /livez', 'POST /api/v1/authenticate'];

/** Commands that change nothing at the daemon and call no route of their own. */
const WITHOUT_ROUTE = [
  ...['dev', 'serve', 'migrate', 'simulate-ollama', 'config show', 'config validate'],
  ...['completion', 'version', 'help', 'requests watch', 'requests export'],
];

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
const leafOf = (line: string): string | undefined =>
  leaves.find((leaf) => line === leaf || line.startsWith(`${leaf} `));

describe('the contract and the commands', () => {
  it('name each route here: with its command, or among the few that have none', () => {
    expect([...routes].sort()).toEqual([...Object.keys(COMMANDS), ...WITHOUT_COMMAND].sort());
  });

  it('name each command here: with its route, or among those that have none', () => {
    const named = new Set([...Object.values(COMMANDS).map(leafOf), ...WITHOUT_ROUTE]);
    expect([...named].sort()).toEqual([...leaves].sort());
  });
});

describe('a command', () => {
  let broker: ScriptedBroker;
  beforeAll(async () => {
    // Enough for a list; what other commands make of it does not matter here.
    broker = await startScriptedBroker(() => ({ body: { items: [], next_cursor: null } }));
  });
  afterAll(() => broker.stop());

  it.each(Object.entries(COMMANDS))('of %s calls it: fila %s', async (route, line) => {
    const before = broker.calls.length;
    const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token', FILA_API_KEY: 'fila_live_x' };
    await runCli([...line.split(' '), '-o', 'json'], { env });
    const form = new RegExp(`^${route.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    const called = broker.calls.slice(before).map((call) => call.route);
    expect(called.filter((one) => form.test(one))).not.toEqual([]);
    // What changes something changes nothing else on the way.
    if (!route.startsWith('GET')) expect(called.filter((one) => !one.startsWith('GET'))).toHaveLength(1);
  });

  it.each(leaves)('%s has help that says what it does', async (leaf) => {
    const { code, stdout } = await runCli([...leaf.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: fila ${leaf}\\b`));
    expect(stdout.split('\n')[2]).toMatch(/\S/);
  });
});
