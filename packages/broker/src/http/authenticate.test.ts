import Fastify, { type FastifyInstance } from 'fastify';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { AcceptedKey } from '../features/keys/keys.ts';
import type { Limits } from '../features/limits/limits.ts';
import { ADMIN_TOKEN, type Caller } from '../features/people/permissions.ts';
import { NO_LIMITS } from '../kernel/key-limits.ts';
import { ALL_RIGHTS, ALL_STORED_RIGHTS, rightsOf, type StoredRights } from '../kernel/key-rights.ts';
import { fail } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { authenticate, keyOf } from './authenticate.ts';
import { answerError } from './error-answer.ts';

const ADMIN = 'fila_admin_0123456789abcdefghijklmnopqrstuv';
const CLIENT = 'fila_live_client';
const key: AcceptedKey = {
  ...{ id: 'key_1', name: 'client', expiresAt: null, plan: null, ...NO_LIMITS, rights: ALL_RIGHTS },
};

const apps: FastifyInstance[] = [];
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())));

function newApp(adminToken = ADMIN, asked: string[] = [], why: string | null = null): FastifyInstance {
  const app = Fastify().setErrorHandler(answerError(silentLogger));
  apps.push(app);
  authenticate(app, {
    adminToken,
    whyUnavailable: () => why,
    acceptKey: async (secret) => {
      asked.push(secret);
      return secret === CLIENT ? key : null;
    },
  });
  app.get('/client', { config: { access: 'key', scope: null } }, async (request) => ({
    id: keyOf(request).id,
  }));
  app.get('/careless', { config: { access: 'key', scope: null } }, async () => 'never asks whose key it is');
  app.get('/admin', { config: { access: 'admin', permission: 'keys.read' } }, async (request) => ({
    key: request.apiKey,
  }));
  app.get('/open', { config: { access: 'anyone' } }, async (request) => ({ key: request.apiKey }));
  app.get('/wrong', { config: { access: 'anyone' } }, async (request) => ({ id: keyOf(request).id }));
  return app;
}

type Headers = Record<string, string>;
const statusOf = async (app: FastifyInstance, url: string, headers: Headers = {}) =>
  (await app.inject({ url, headers })).statusCode;
const bearer = (secret: string): Headers => ({ authorization: `Bearer ${secret}` });

describe('a route', () => {
  it.each([undefined, {}, { config: {} }])(
    'that does not say who may call it stops the start: %j',
    (options) => {
      const app = newApp();
      expect(() => app.get('/forgotten', options ?? {}, async () => 'secret')).toThrow(
        'GET /forgotten does not say who may call it.',
      );
    },
  );

  it('in a plugin that does not say who may call it stops the start, too', async () => {
    const app = newApp();
    void app.register(async (inner) => void inner.post('/forgotten', async () => 'secret'));
    await expect(async () => app.ready()).rejects.toThrow('POST /forgotten does not say who may call it.');
  });
});

describe('a route for operators without a permission of the table', () => {
  it.each([undefined, 'keys.nonsense', 'toString'])('stops the start: %s', (permission) => {
    const config = { access: 'admin', permission } as never;
    expect(() => newApp().get('/forgotten', { config }, async () => 'secret')).toThrow(
      'GET /forgotten names no permission of the table.',
    );
  });
});

describe('while no call can be answered', () => {
  it('clients and operators are refused before any key is looked up, and told why; what is for anyone answers', async () => {
    const asked: string[] = [];
    const app = newApp(ADMIN, asked, 'The database is away.');
    for (const [url, secret] of [
      ['/client', CLIENT],
      ['/careless', 'wrong'],
      ['/admin', ADMIN],
    ] as const) {
      const { statusCode, headers, body } = await app.inject({ url, headers: bearer(secret) });
      expect([statusCode, headers['retry-after'], JSON.parse(body).detail]).toEqual([
        503,
        '2',
        'The database is away.',
      ]);
    }
    expect(asked).toEqual([]);
    expect(await statusOf(app, '/open')).toBe(200);
  });
});

describe('a route for clients', () => {
  it('takes the key as Bearer or as X-API-Key, and knows whose it is', async () => {
    const app = newApp();
    for (const headers of [
      bearer(CLIENT),
      { authorization: `bearer   ${CLIENT}` },
      { 'x-api-key': CLIENT },
      { 'x-api-key': CLIENT, authorization: 'Basic YTpi' },
    ]) {
      const answer = await app.inject({ url: '/client', headers });
      expect(answer.json(), JSON.stringify(headers)).toEqual({ id: 'key_1' });
    }
  });

  it.each([
    {},
    bearer('fila_live_other'),
    bearer(ADMIN),
    { authorization: CLIENT },
    { authorization: `Basic ${CLIENT}` },
    { authorization: `Bearer ${CLIENT} ${CLIENT}` },
    { authorization: `Bearer${CLIENT}` },
    { authorization: 'Bearer ' },
    { 'x-api-key': '' },
    { 'x-api-key': 'fila_live_other' },
    { 'x-api-key': CLIENT, ...bearer('fila_live_other') },
  ])('refuses %j, always in the same words', async (headers) => {
    const app = newApp();
    const answer = await app.inject({ url: '/client', headers: headers as Headers });
    expect(await statusOf(app, '/careless', headers as Headers)).toBe(401);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(answer.json()).toMatchObject({
      ...{ code: 'unauthorized', detail: 'The key is missing or not accepted' },
    });
  });

  it('does not ask about a key that is not there', async () => {
    const asked: string[] = [];
    const app = newApp(ADMIN, asked);
    await statusOf(app, '/client');
    await statusOf(app, '/client', { 'x-api-key': '' });
    await statusOf(app, '/open', bearer(CLIENT));
    await statusOf(app, '/admin', bearer(CLIENT));
    expect(asked).toEqual([]);
  });
});

describe('a key with some rights', () => {
  function limitedApp(rights: Partial<StoredRights>) {
    const lines: object[] = [];
    const refused: string[] = [];
    const app = Fastify().setErrorHandler(answerError(silentLogger));
    apps.push(app);
    authenticate(app, {
      adminToken: ADMIN,
      acceptKey: async () => ({ ...key, rights: rightsOf({ ...ALL_STORED_RIGHTS, ...rights }) }),
      logger: { warn: (fields: object) => void lines.push(fields) },
      told: { refused: (code, keyId) => void refused.push(`${code} ${keyId}`) },
    });
    app.get('/read', { config: { access: 'key', scope: 'requests:read' } }, async () => 'in');
    app.get('/write', { config: { access: 'key', scope: 'requests:write' } }, async () => 'in');
    app.get('/any', { config: { access: 'key', scope: null } }, async () => 'in');
    const call = async (url: string, remoteAddress = '127.0.0.1') => {
      const answer = await app.inject({ url, headers: bearer(CLIENT), remoteAddress });
      return answer.statusCode === 200
        ? 'in'
        : `${answer.statusCode} ${answer.json<{ code: string }>().code}`;
    };
    return { call, lines, refused };
  }

  it('calls what its scopes name and what asks for none', async () => {
    const { call, refused } = limitedApp({ scopes: ['requests:read'] });
    expect([await call('/read'), await call('/any')]).toEqual(['in', 'in']);
    expect(await call('/write')).toBe('403 scope_missing');
    expect(refused).toEqual(['scope_missing key_1']);
  });

  it('is good from its networks; elsewhere it is refused everywhere, with one line a minute in the log', async () => {
    const { call, lines, refused } = limitedApp({ allowedIps: ['10.0.0.0/8', '2001:db8::/32'] });
    for (const ip of ['10.9.9.9', '::ffff:10.9.9.9', '2001:db8::5'])
      expect(await call('/any', ip)).toBe('in');
    for (const ip of ['11.0.0.1', '11.0.0.1', '2001:db9::5'])
      expect(await call('/any', ip)).toBe('403 address_not_allowed');
    expect(lines).toEqual([
      { keyId: 'key_1', ip: '11.0.0.1' },
      { keyId: 'key_1', ip: '2001:db9::5' },
    ]);
    expect(refused).toHaveLength(3);
  });

  it('meets no route that forgot to say which scope it asks for: that stops the start', () => {
    const app = Fastify();
    authenticate(app, { adminToken: ADMIN, acceptKey: async () => key });
    expect(() => app.get('/forgotten', { config: { access: 'key' } }, async () => 'in')).toThrow(
      'names no scope',
    );
  });
});

describe('a key that is known without a look', () => {
  const rights = rightsOf({ ...ALL_STORED_RIGHTS, scopes: ['requests:read'] });

  function knowingApp() {
    const app = Fastify().setErrorHandler(answerError(silentLogger));
    apps.push(app);
    authenticate(app, {
      adminToken: ADMIN,
      acceptKey: (secret) => (secret === CLIENT ? { ...key, rights } : null),
    });
    app.get('/client', { config: { access: 'key', scope: 'requests:read' } }, async (request) => ({
      id: keyOf(request).id,
    }));
    app.get('/write', { config: { access: 'key', scope: 'requests:write' } }, async () => 'in');
    return app;
  }

  it('opens what its rights cover and no more, as any other', async () => {
    const app = knowingApp();
    const answer = await app.inject({ url: '/client', headers: bearer(CLIENT) });
    expect(answer.json()).toEqual({ id: key.id });
    expect(await statusOf(app, '/write', bearer(CLIENT))).toBe(403);
  });

  it('is the only one: what is known to be wrong is refused, and so is a call without any', async () => {
    const app = knowingApp();
    expect(await statusOf(app, '/client', bearer('fila_live_other'))).toBe(401);
    expect(await statusOf(app, '/client')).toBe(401);
  });
});

describe('an address that is blocked', () => {
  function blockedApp() {
    const asked: string[] = [];
    const app = Fastify().setErrorHandler(answerError(silentLogger));
    apps.push(app);
    authenticate(app, {
      adminToken: ADMIN,
      acceptKey: async (secret) => (asked.push(secret), secret === CLIENT ? key : null),
      knowsKey: (secret) => secret === CLIENT || secret === 'fila_live_revoked',
      limits: {
        refusalOfAddress: () => fail('blocked', { retryAfter: 60 }),
        wrongKey: async () => fail('blocked', { retryAfter: 60 }),
      },
    });
    app.get('/client', { config: { access: 'key', scope: null } }, async () => 'in');
    app.get('/admin', { config: { access: 'admin', permission: 'keys.read' } }, async () => 'in');
    app.get('/open', { config: { access: 'anyone' } }, async () => 'in');
    return { app, asked };
  }

  it('is refused without looking a key up, unless the key was good before or is the admin token', async () => {
    const { app, asked } = blockedApp();
    for (const [url, headers] of [
      ['/client', {}],
      ['/client', bearer('fila_live_other')],
      ['/client', bearer(ADMIN)],
      ['/admin', {}],
      ['/admin', bearer('wrong')],
      ['/admin', bearer(CLIENT)],
    ] as const)
      expect(await statusOf(app, url, headers), url).toBe(429);
    expect(asked).toEqual([]);
    expect(await statusOf(app, '/client', bearer(CLIENT))).toBe(200);
    expect(await statusOf(app, '/client', bearer('fila_live_revoked'))).toBe(429);
    expect(await statusOf(app, '/admin', bearer(ADMIN))).toBe(200);
    expect(await statusOf(app, '/open')).toBe(200);
  });
});

describe('a route for operators', () => {
  it('takes the admin token, and no key of a client', async () => {
    const app = newApp();
    expect(await statusOf(app, '/admin', bearer(ADMIN))).toBe(200);
    expect(await statusOf(app, '/admin', { 'x-api-key': ADMIN })).toBe(200);
    expect(await statusOf(app, '/admin', bearer(CLIENT))).toBe(401);
    expect(await statusOf(app, '/admin')).toBe(401);
  });

  it('takes nothing but the whole token', async () => {
    const app = newApp();
    await fc.assert(
      fc.asyncProperty(fc.nat(ADMIN.length - 1), fc.stringMatching(/^[!-~]?$/), async (at, character) => {
        const guess = ADMIN.slice(0, at) + character + ADMIN.slice(at + 1);
        expect(await statusOf(app, '/admin', bearer(guess))).toBe(guess === ADMIN ? 200 : 401);
        expect(await statusOf(app, '/admin', bearer(`${ADMIN}${character || '0'}`))).toBe(401);
      }),
    );
  });

  it('is closed to everyone when there is no admin token', async () => {
    const app = newApp('');
    for (const headers of [{}, { 'x-api-key': '' }, { authorization: 'Bearer ' }] as Headers[])
      expect(await statusOf(app, '/admin', headers), JSON.stringify(headers)).toBe(401);
  });
});

describe('a route for anyone', () => {
  it('asks for nothing, and knows no key even when one is sent', async () => {
    const app = newApp();
    expect((await app.inject({ url: '/open', headers: bearer(CLIENT) })).json()).toEqual({ key: null });
    expect(await statusOf(app, '/open', bearer('nonsense'))).toBe(200);
    expect(await statusOf(app, '/wrong', bearer(CLIENT))).toBe(401);
  });

  it('keeps no key from one call to the next', async () => {
    const app = newApp();
    await statusOf(app, '/client', bearer(CLIENT));
    expect((await app.inject('/open')).json()).toEqual({ key: null });
  });
});

describe('people and programs on a route for operators', () => {
  const SESSION = 'fila_sess_of_ana';
  const ana: Caller = { ...ADMIN_TOKEN, kind: 'user', id: 'usr_1', name: 'ana', role: 'viewer' };

  function appOf(limits?: Pick<Limits, 'refusalOfAddress' | 'wrongKey'>) {
    const app = Fastify().setErrorHandler(answerError(silentLogger));
    apps.push(app);
    authenticate(app, {
      ...{ adminToken: ADMIN, acceptKey: async () => key, limits },
      people: {
        accept: async (token) => (token === SESSION ? ana : null),
        knows: (token) => token === SESSION,
        refusalOf: ({ role }, permission) =>
          role === 'viewer' && permission !== 'keys.read' ? fail('forbidden') : null,
      },
    });
    const read = { access: 'admin', permission: 'keys.read' } as const;
    app.get('/read', { config: read }, async ({ caller, apiKey }) => ({ name: caller?.name, apiKey }));
    app.get('/write', { config: { ...read, permission: 'keys.write' } }, async () => 'written');
    app.get('/client', { config: { access: 'key', scope: null } }, async ({ caller }) => ({ caller }));
    return app;
  }

  it('are known to the route, and refused what they may not', async () => {
    const app = appOf();
    const { body } = await app.inject({ url: '/read', headers: bearer(SESSION) });
    expect(JSON.parse(body)).toEqual({ name: 'ana', apiKey: null });
    expect(await statusOf(app, '/write', bearer(SESSION))).toBe(403);
    expect(await statusOf(app, '/write', bearer(ADMIN))).toBe(200);
    expect(await statusOf(app, '/read', bearer('fila_sess_other'))).toBe(401);
    expect(await statusOf(app, '/read', bearer(CLIENT))).toBe(401);
  });

  it('are nobody on a route for clients', async () => {
    const { body } = await appOf().inject({ url: '/client', headers: bearer(SESSION) });
    expect(JSON.parse(body)).toEqual({ caller: null });
  });

  it('who are known get through from an address that is blocked, others do not', async () => {
    const app = appOf({ refusalOfAddress: () => fail('blocked'), wrongKey: async () => null });
    expect(await statusOf(app, '/read', bearer(SESSION))).toBe(200);
    expect(await statusOf(app, '/read', bearer('fila_sess_other'))).toBe(429);
  });
});
