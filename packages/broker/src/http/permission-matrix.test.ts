/** Every admin route × everybody who may call: what the table says is what HTTP answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { movingClock, peopleOn, signedIn, somebody } from '../features/people/testing/some-people.ts';
import {
  ADMIN_TOKEN,
  hasPermission,
  permissionsOf,
  PERMISSIONS,
  ROLES,
  type Caller,
  type Permission,
} from '../features/people/permissions.ts';
import type { People } from '../features/people/people.ts';
import { silentLogger } from '../kernel/logger.ts';
import { DATABASES } from '../testing/databases.ts';
import { allRoutes } from './open-api.ts';
import { buildApp } from './server.ts';

interface AdminRoute {
  readonly method: string;
  readonly url: string;
  readonly permission: Permission;
}

const TOKEN = 'fila_admin_0123456789abcdefghijklmnopqrstuv';
const clock = movingClock();
const callers: { who: string; token: string; caller: Caller | null }[] = [];
const routes: AdminRoute[] = [];
let people: People;
let url: string;

/** All routes of the broker; a call that gets past the door is answered 204 before any room sees it. */
const app = (): ReturnType<typeof buildApp> =>
  buildApp(
    {
      ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1024, adminToken: TOKEN, logger: silentLogger },
      ...{ acceptKey: async () => null, routes: allRoutes(), people },
    },
    (inner) => {
      inner.addHook('onRoute', ({ method, url: path, config }) => {
        for (const one of [method].flat())
          if (config?.permission && one !== 'HEAD')
            routes.push({ method: one, url: path.replace(':id', 'x'), permission: config.permission });
      });
      inner.addHook('preValidation', (_request, reply) => reply.code(204).send());
    },
  );

beforeAll(async () => {
  people = peopleOn(await DATABASES[0]!.open(), clock);
  for (const role of ROLES) {
    const { name } = await somebody(people, role);
    const { token, caller } = await signedIn(people, name);
    callers.push({ who: role, token, caller });
  }
  const expires_at = new Date(clock.now() + 3_600_000).toISOString();
  for (const scope of ['keys.read', 'dead_letters.write']) {
    const { token } = await people.serviceTokens.create(ADMIN_TOKEN, {
      name: scope,
      scopes: [scope],
      expires_at,
    });
    callers.push({ who: `a token for ${scope}`, token, caller: await people.accept(token) });
  }
  callers.push({ who: 'the admin token', token: TOKEN, caller: ADMIN_TOKEN });
  callers.push({ who: 'a stranger', token: `fila_sess_${'x'.repeat(43)}`, caller: null });
  const server = app();
  url = await server.listen({ host: '127.0.0.1', port: 0 });
  afterAll(() => server.close());
});

async function answerTo({ method, url: path }: AdminRoute, token: string): Promise<string> {
  const answer = await fetch(url + path, { method, headers: { authorization: `Bearer ${token}` } });
  const { code } = (answer.status === 204 ? {} : await answer.json()) as { code?: string };
  return code ? `${answer.status} ${code}` : String(answer.status);
}

function expected(caller: Caller | null, { permission }: AdminRoute, isFresh: boolean): string {
  if (!caller) return '401 unauthorized';
  if (!hasPermission(caller, permission)) return '403 forbidden';
  return PERMISSIONS[permission].needsStepUp && !isFresh && caller.kind === 'user'
    ? '403 step_up_required'
    : '204';
}

async function matrix(isFresh: boolean): Promise<void> {
  for (const { who, token, caller } of callers) {
    const got: Record<string, string> = {};
    const want: Record<string, string> = {};
    for (const route of routes) {
      got[`${who}: ${route.method} ${route.url}`] = await answerTo(route, token);
      want[`${who}: ${route.method} ${route.url}`] = expected(caller, route, isFresh);
    }
    expect(got).toEqual(want);
  }
}

describe('the permission matrix', () => {
  it('covers every admin route, and every permission has a route', () => {
    expect(routes.length).toBeGreaterThan(50);
    expect(new Set(routes.map(({ permission }) => permission))).toEqual(new Set(Object.keys(PERMISSIONS)));
  });

  it('lets nobody change anything with a permission to read', () => {
    for (const { method, url: path, permission } of routes)
      if (permission !== 'own.session')
        expect(permission.endsWith('.read'), `${method} ${path} needs ${permission}`).toBe(method === 'GET');
  });

  it('holds for each caller on each route', () => matrix(true));

  it('holds five minutes later: what is dangerous needs a fresh proof', async () => {
    clock.pass(5 * 60_000);
    await matrix(false);
  });
});

describe('the table', () => {
  const as = (role: (typeof ROLES)[number]): Permission[] =>
    permissionsOf({ ...ADMIN_TOKEN, kind: 'user', role });

  it('gives each role all that the one before has', () => {
    const sizes = ROLES.map((role) => new Set(as(role)));
    for (let i = 1; i < sizes.length; i++)
      expect([...sizes[i]!]).toEqual(expect.arrayContaining([...sizes[i - 1]!]));
    expect(new Set(sizes.map((set) => set.size)).size).toBe(ROLES.length);
  });

  it('lets a viewer only read, and nobody but a super-admin change who may what', () => {
    expect(as('viewer').filter((name) => !/\.read$/.test(name))).toEqual(['own.session', 'own.secure']);
    expect(as('admin').filter((name) => name.startsWith('users.'))).toEqual(['users.read']);
    expect(as('operator')).not.toContain('keys.write');
    expect(as('operator')).toContain('dead_letters.write');
    expect(as('super-admin')).not.toContain('setup.write');
  });
});
