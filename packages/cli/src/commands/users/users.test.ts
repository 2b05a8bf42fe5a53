/** Looking at and changing people, sessions and service tokens; against a scripted broker. */
import { afterEach, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const at = '2026-11-20T08:00:00.000Z';
const ANA = {
  ...{
    id: 'usr_0000000000000000000000000a',
    name: 'ana',
    role: 'admin',
    status: 'active',
    has_password: true,
  },
  ...{ totp: true, last_login_at: at, created_at: at },
};
const BIA = { ...ANA, id: 'usr_0000000000000000000000000b', name: 'bia', has_password: false, totp: false };
const SESSION = {
  ...{
    id: 'ses_0000000000000000000000000a',
    user_id: ANA.id,
    user: 'ana',
    client: 'cli',
    address: '10.0.0.1',
  },
  ...{
    created_at: at,
    last_used_at: at,
    idle_until: at,
    expires_at: '2026-11-20T12:00:00.000Z',
    is_current: true,
  },
};
const TOKEN = {
  ...{ id: 'svc_0000000000000000000000000a', name: 'ci', prefix: 'fila_svc_12345678', scopes: ['keys.read'] },
  ...{ created_by: 'ana', last_used_at: null, created_at: at, revoked_at: null, expires_at: at },
};

let broker: ScriptedBroker | undefined;
afterEach(() => broker?.stop());

const usual = ({ route }: SeenCall): ScriptedAnswer => {
  if (route.endsWith('/users')) return { body: { items: [ANA, BIA], next_cursor: null } };
  if (route.endsWith('/me')) return { body: { permissions: ['own.session'], totp: false, name: 'ana' } };
  if (/sessions$/.test(route) && route.startsWith('GET'))
    return { body: { items: [SESSION], next_cursor: null } };
  if (route.includes('/sessions')) return { body: { ended: 2 } };
  if (route.endsWith('/service-tokens')) return { body: { items: [TOKEN], next_cursor: null } };
  return { body: route.includes('/service-tokens/') ? TOKEN : ANA };
};

async function fila(words: readonly string[], setup: CliSetup = {}, answer = usual) {
  broker = await startScriptedBroker(answer);
  const env = { FILA_URL: broker.url, FILA_TOKEN: 't' };
  return { ...(await runCli(words, { nowMs: NOW, ...setup, env })), calls: broker.calls };
}
const routes = (calls: readonly SeenCall[]): string[] =>
  calls.map(({ route }) => route.replace('/api/v1/admin', ''));

it('users list shows who has which role, and who has no password yet', async () => {
  const { stdout } = await fila(['users', 'list'], { columns: 120 });
  expect(stdout).toMatch(/^NAME +ROLE +STATUS +2FA +LAST-LOGIN +ID/);
  expect(stdout).toMatch(/ana +admin +● active +on +2h ago/);
  expect(stdout).toMatch(/bia +admin +○ no password yet +off/);
});

it.each([
  [['users', 'show', 'bia'], `GET /users/${BIA.id}`, undefined],
  [['users', 'set', 'bia', '--role', 'viewer'], `PUT /users/${BIA.id}`, { role: 'viewer' }],
  [['users', 'suspend', 'bia'], `PUT /users/${BIA.id}`, { status: 'suspended' }],
  [['users', 'resume', 'BIA'], `PUT /users/${BIA.id}`, { status: 'active' }],
  [['users', 'reset-totp', BIA.id], `POST /users/${BIA.id}/reset-totp`, undefined],
  [['users', 'remove', 'bia', '--yes'], `DELETE /users/${BIA.id}`, undefined],
  [['sessions', 'list', '--user', 'bia'], 'GET /sessions', undefined],
  [['sessions', 'revoke', SESSION.id], `DELETE /me/sessions/${SESSION.id}`, undefined],
  [['sessions', 'revoke', '--others'], 'POST /me/sessions/revoke', undefined],
  [['sessions', 'revoke', '--user', 'bia'], 'POST /sessions/revoke', { user: BIA.id }],
  [['sessions', 'revoke', '--all'], 'POST /sessions/revoke', {}],
  [['service-tokens', 'revoke', TOKEN.id], `DELETE /service-tokens/${TOKEN.id}`, undefined],
])('%j ends with %s', async (words, route, body) => {
  const { code, calls } = await fila(words);
  expect(code).toBe(0);
  expect(routes(calls).at(-1)).toBe(route);
  expect(calls.at(-1)!.body).toEqual(body);
});

it('a name that nobody has ends with 5, before anything is changed', async () => {
  const { code, stderr, calls } = await fila(['users', 'suspend', 'zoe']);
  expect(code).toBe(5);
  expect(stderr).toContain('There is nobody called zoe');
  expect(routes(calls)).toEqual(['GET /users']);
});

it('removing asks first, and without a terminal needs --yes', async () => {
  expect((await fila(['users', 'remove', 'bia'])).code).toBe(2);
  await broker!.stop();
  const refused = await fila(['users', 'remove', 'bia'], { typed: ['n'] });
  expect([refused.code, refused.calls.length]).toEqual([1, 0]);
});

it('sessions revoke wants to know which', async () => {
  for (const words of [[], ['--all', '--others'], [SESSION.id, '--all']]) {
    expect((await fila(['sessions', 'revoke', ...words])).code).toBe(2);
    await broker!.stop();
  }
});

it('sessions list and service-tokens list show when they end', async () => {
  expect((await fila(['sessions', 'list'], { columns: 140 })).stdout).toMatch(
    /ana +10.0.0.1 +cli +2h ago +in 2h/,
  );
  await broker!.stop();
  expect((await fila(['service-tokens', 'list'], { columns: 140 })).stdout).toMatch(
    /ci +◌ expired +keys.read/,
  );
});

it('what the role does not allow ends with 4 and names the permission', async () => {
  const { code, stderr } = await fila(['users', 'list'], {}, () =>
    problem(403, 'forbidden', 'This needs users.read.'),
  );
  expect(code).toBe(4);
  expect(stderr).toContain('You may not do this');
  expect(stderr).toContain('This needs users.read.');
});
