import type { FastifyRequest, RouteOptions } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import type { ActCall, Act } from '../features/audit/audit.ts';
import { ADMIN_TOKEN } from '../features/people/permissions.ts';
import { ALL_RIGHTS } from '../kernel/key-rights.ts';
import { fail } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { actOf } from './audit-acts.ts';
import { openApiDocument } from './open-api.ts';
import { createServer, type Routes, type Server, type ServerDeps } from './server.ts';

const ADMIN = 'a'.repeat(40);
const KEY = { id: 'key_1', name: 'shop', rights: ALL_RIGHTS } as never;

let server: Server | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const deps = (more: Partial<ServerDeps>): ServerDeps => ({
  ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1024, adminToken: ADMIN, logger: silentLogger },
  ...{ acceptKey: async (secret) => (secret === 'good' ? KEY : null), routes: [], ...more },
});

/** Every route of the broker, as it is registered. */
async function registered(): Promise<RouteOptions[]> {
  const found: RouteOptions[] = [];
  await openApiDocument((app) => app.addHook('onRoute', (one) => void found.push(one)));
  return found;
}

/** A server whose audit trail only remembers. */
async function started(routes: Routes) {
  const done: { act: Act; call: ActCall }[] = [];
  server = createServer(
    deps({
      routes: [routes],
      audit: {
        perform: async (act, call, work) => {
          done.push({ act, call });
          return work();
        },
      },
    }),
  );
  await server.start();
  const url = server.url();
  const call = (method: string, path: string, headers: Record<string, string> = {}, body?: object) =>
    fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      body: body && JSON.stringify(body),
    });
  return { done, call };
}

describe('acts of routes', () => {
  it('each route of an operator that changes something is an act of its own name', async () => {
    const changing = (await registered()).filter(
      ({ config, method }) => config?.access !== 'anyone' && method !== 'GET' && method !== 'HEAD',
    );
    const names = Object.fromEntries(
      changing.map((route) => [`${String(route.method)} ${route.url}`, actOf(route)?.name ?? null]),
    );
    const silent = Object.keys(names).filter((route) => names[route] === null);
    // Clients' own requests, what they do with their webhooks' deliveries, and the trail itself.
    expect(silent.sort()).toEqual([
      'POST /api/v1/admin/audit/checkpoints',
      'POST /api/v1/authenticate',
      'POST /api/v1/batches',
      'POST /api/v1/batches/:id/cancel',
      'POST /api/v1/requests',
      'POST /api/v1/requests/:id/cancel',
      'POST /api/v1/webhooks/:id/redeliver',
      'POST /api/v1/webhooks/:id/test',
      'POST /api/v1/webhooks/deliveries/:id/redeliver',
    ]);
    const given = Object.values(names).filter((name) => name !== null);
    expect(new Set(given).size).toBe(given.length);
    for (const name of given) expect(name).toMatch(/^[a-z_]+\.[a-z_]+$|^[a-z][A-Za-z]+$/);
  });

  it('are told who calls, from where, why, and with what', async () => {
    const { done, call } = await started((app) => {
      app.put('/things/:id', { config: { access: 'admin', permission: 'keys.write' } }, async () => ({
        ok: true,
      }));
    });
    const reason = encodeURIComponent('João pediu');
    await call('PUT', '/things/7', { 'x-fila-reason': reason, 'x-request-id': 'mine' }, { size: 1 });
    await call('PUT', '/things/7', { 'x-fila-reason': '100% sure' }, {});
    await call('PUT', '/things/7', {}, { reason: 'from the body' });
    await call('PUT', '/things/7', {}, {});
    expect(done[0]).toMatchObject({
      act: { name: '/things/:id', kind: 'other' },
      call: {
        actor: { kind: 'admin_token', id: null, name: null },
        ...{
          ip: '127.0.0.1',
          requestId: 'mine',
          reason: 'João pediu',
          params: { id: '7' },
          body: { size: 1 },
        },
      },
    });
    expect(done.slice(1).map((one) => one.call.reason)).toEqual(['100% sure', 'from the body', null]);
  });

  it('of a key are told the key, and of whoever a hook has found, that one', async () => {
    const { done, call } = await started((app) => {
      const act = { name: 'things.change', kind: 'thing' };
      app.post('/mine', { config: { access: 'key', scope: null, act } }, async () => null);
      const onRequest = async (request: FastifyRequest): Promise<void> => {
        request.caller = { ...ADMIN_TOKEN, kind: 'user', id: 'usr_1', name: 'Ana' };
      };
      app.post(
        '/theirs',
        { config: { access: 'admin', permission: 'keys.write' }, onRequest },
        async () => null,
      );
    });
    await call('POST', '/mine', { authorization: 'Bearer good' });
    await call('POST', '/theirs');
    expect(done.map((one) => one.call.actor)).toEqual([
      { kind: 'key', id: 'key_1', name: 'shop' },
      { kind: 'user', id: 'usr_1', name: 'Ana' },
    ]);
  });

  it('are none for reads, for clients, for wrong tokens and for bodies that are not valid', async () => {
    const { done, call } = await started((app) => {
      app.get('/things', { config: { access: 'admin', permission: 'keys.write' } }, async () => null);
      app.post('/mine', { config: { access: 'key', scope: null } }, async () => null);
      const body = { type: 'object', required: ['size'], properties: { size: { type: 'integer' } } };
      app.post(
        '/things',
        { config: { access: 'admin', permission: 'keys.write' }, schema: { body } },
        async () => null,
      );
    });
    await call('GET', '/things');
    await call('POST', '/mine', { authorization: 'Bearer good' });
    await call('POST', '/things', { authorization: 'Bearer wrong' }, { size: 1 });
    expect((await call('POST', '/things', {}, { size: 'big' })).status).toBe(422);
    expect(done).toEqual([]);
  });

  it('answer as their handler does', async () => {
    const { call } = await started((app) => {
      app.post(
        '/made',
        { config: { access: 'admin', permission: 'keys.write' } },
        async (_request, reply) => {
          void reply.code(201).header('location', '/things/1');
          return { id: '1' };
        },
      );
      app.post('/refused', { config: { access: 'admin', permission: 'keys.write' } }, async () => {
        throw fail('conflict');
      });
    });
    const made = await call('POST', '/made');
    expect([made.status, made.headers.get('location'), await made.json()]).toEqual([
      201,
      '/things/1',
      { id: '1' },
    ]);
    expect((await call('POST', '/refused')).status).toBe(409);
  });
});
