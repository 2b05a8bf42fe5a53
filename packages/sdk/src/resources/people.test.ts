import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient, aProblem } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

const ADMIN = '/api/v1/admin';

async function heard(work: (fila: ReturnType<typeof aClient>['fila']) => Promise<unknown>[]) {
  const server = await scriptedServer(() => ({ json: {} }));
  for (const call of work(aClient(server.url).fila)) await call;
  return server.calls;
}

const lines = (calls: Awaited<ReturnType<typeof heard>>): string[] =>
  calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());

describe('fila.users', () => {
  it('has a path for each verb, and the admin token on each', async () => {
    const calls = await heard(({ users }) => [
      users.setUp({ name: 'ana', password: 'p' }),
      users.create({ name: 'bia', role: 'viewer' }),
      users.list(),
      users.get('usr_a'),
      users.update('usr_a', { role: 'admin' }),
      users.remove('usr_a'),
      users.resetPassword('usr_a'),
      users.resetTotp('usr_a'),
    ]);
    expect(lines(calls).sort()).toEqual(
      [
        `POST ${ADMIN}/setup {"name":"ana","password":"p"}`,
        `POST ${ADMIN}/users {"name":"bia","role":"viewer"}`,
        `GET ${ADMIN}/users`,
        `GET ${ADMIN}/users/usr_a`,
        `PUT ${ADMIN}/users/usr_a {"role":"admin"}`,
        `DELETE ${ADMIN}/users/usr_a`,
        `POST ${ADMIN}/users/usr_a/reset-password`,
        `POST ${ADMIN}/users/usr_a/reset-totp`,
      ].sort(),
    );
    for (const { headers } of calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });
});

describe('fila.sessions', () => {
  it('signs in and sets a password without any token', async () => {
    const calls = await heard(({ sessions, me }) => [
      sessions.signIn({ name: 'ana', password: 'p' }),
      me.setPassword({ reset_token: 'r', password: 'p' }),
    ]);
    expect(lines(calls).sort()).toEqual([
      'POST /api/v1/sessions {"name":"ana","password":"p"}',
      'POST /api/v1/sessions/set-password {"reset_token":"r","password":"p"}',
    ]);
    for (const { headers } of calls) expect(headers.authorization).toBeUndefined();
  });

  it('has a path for each verb about oneself and about others', async () => {
    const calls = await heard(({ sessions, me }) => [
      sessions.whoami(),
      sessions.signOut(),
      sessions.stepUp({ code: '1' }),
      sessions.listOwn(),
      sessions.revokeOwn('ses_a'),
      sessions.revokeOthers(),
      sessions.list({ user: 'usr_a' }),
      sessions.revoke('ses_b'),
      sessions.revokeAll(),
      me.changePassword({ current_password: 'a', new_password: 'b' }),
      me.enrolTotp(),
      me.confirmTotp({ code: '2' }),
      me.removeTotp(),
      me.newRecoveryCodes(),
    ]);
    expect(lines(calls).sort()).toEqual(
      [
        `GET ${ADMIN}/me`,
        `POST ${ADMIN}/me/sign-out`,
        `POST ${ADMIN}/sessions/step-up {"code":"1"}`,
        `GET ${ADMIN}/me/sessions`,
        `DELETE ${ADMIN}/me/sessions/ses_a`,
        `POST ${ADMIN}/me/sessions/revoke`,
        `GET ${ADMIN}/sessions?user=usr_a`,
        `DELETE ${ADMIN}/sessions/ses_b`,
        `POST ${ADMIN}/sessions/revoke {}`,
        `POST ${ADMIN}/me/password {"current_password":"a","new_password":"b"}`,
        `POST ${ADMIN}/me/totp`,
        `POST ${ADMIN}/me/totp/confirm {"code":"2"}`,
        `DELETE ${ADMIN}/me/totp`,
        `POST ${ADMIN}/me/recovery-codes`,
      ].sort(),
    );
  });

  it('reports what is not allowed with its code, and does not try again', async () => {
    const server = await scriptedServer([aProblem(403, 'step_up_required')]);
    await expect(aClient(server.url).fila.sessions.revokeAll()).rejects.toMatchObject({
      ...{ name: 'NotAllowed', code: 'step_up_required' },
    });
    expect(server.calls).toHaveLength(1);
  });
});

describe('fila.serviceTokens', () => {
  it('has a path for each verb', async () => {
    const calls = await heard(({ serviceTokens }) => [
      serviceTokens.create({ name: 'ci', scopes: ['keys.read'], expires_at: '2027-01-01T00:00:00Z' }),
      serviceTokens.list(),
      serviceTokens.get('svc_a'),
      serviceTokens.revoke('svc_a'),
    ]);
    expect(lines(calls).sort()).toEqual(
      [
        `POST ${ADMIN}/service-tokens {"name":"ci","scopes":["keys.read"],"expires_at":"2027-01-01T00:00:00Z"}`,
        `GET ${ADMIN}/service-tokens`,
        `GET ${ADMIN}/service-tokens/svc_a`,
        `DELETE ${ADMIN}/service-tokens/svc_a`,
      ].sort(),
    );
  });
});
