import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllamaOptions,
} from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { openDatabase, type Database } from '../../engines/database/database.ts';
import { up } from '../../engines/database/migrations/0004-upstreams.ts';
import { createServer, type Server } from '../../http/server.ts';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { WARM, hostOf, roomOf, stopping } from './testing/rig.ts';
import { createUpstreamRegistry, type UpstreamRegistry } from './upstream-registry.ts';
import { upstreamRoutes } from './upstream-routes.ts';
import { upstreamStore } from './upstream-store.ts';

const simulated = (options: SimulatedOllamaOptions = {}) =>
  stopping(startSimulatedOllama({ ...WARM, answerTokens: 5, slots: 4, ...options }));

const PATH = '/api/v1/admin/upstreams';
const TOKEN = 'the-admin-token-of-this-test-0123456789';

let dataDir: string;
let database: Database;
let registry: UpstreamRegistry;
let server: Server;
let first: string;
let second: string;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'fila-upstreams-'));
  database = openDatabase({ databaseUrl: null, dataDir });
  await up({ queryInterface: database.sequelize.getQueryInterface(), dialect: 'sqlite' });
  const [one, two] = [await simulated(), await simulated()];
  [first, second] = [one.url, two.url];
  const upstreams = await roomOf([one]);
  const store = upstreamStore(database.sequelize);
  registry = createUpstreamRegistry({ store, upstreams, clock: systemClock, logger: silentLogger });
  await registry.start();
  server = createServer({
    ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 65_536, adminToken: TOKEN, logger: silentLogger },
    acceptKey: async () => null,
    routes: [upstreamRoutes(registry)],
  });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  await registry.stop();
  await database.close();
  rmSync(dataDir, { recursive: true });
});

async function call(method: string, path: string, body?: object, token = TOKEN) {
  const answer = await fetch(server.url() + PATH + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as object };
}

describe('the routes of upstreams', () => {
  it('are for operators only', async () => {
    for (const [method, path] of [
      ['GET', ''],
      ['POST', ''],
      ['DELETE', '/a:1'],
      ['POST', '/a:1/drain'],
      ['POST', '/a:1/breaker'],
    ] as const)
      expect((await call(method, path, method === 'GET' ? undefined : {}, 'guess')).status).toBe(401);
  });

  it('add, show, list, change and remove', async () => {
    const id = hostOf({ url: second });
    const added = await call('POST', '', { url: second, slots: 2 });
    expect(added).toMatchObject({ status: 201, body: { id, slots: 2, status: 'up', source: 'database' } });
    expect(added.headers.get('location')).toBe(`${PATH}/${encodeURIComponent(id)}`);
    expect(await call('GET', `/${id}`)).toMatchObject({ status: 200, body: { id } });
    expect(await call('GET', `/${encodeURIComponent(id)}`)).toMatchObject({ status: 200, body: { id } });
    expect(await call('PUT', `/${id}`, { slots: 5 })).toMatchObject({ status: 200, body: { slots: 5 } });
    expect((await call('GET', '')).body).toMatchObject({
      items: [{ id: hostOf({ url: first }), source: 'settings' }, { id }],
      next_cursor: null,
    });
    expect(await call('DELETE', `/${id}`)).toMatchObject({ status: 200, body: { id, draining: true } });
    expect(await call('GET', `/${id}`)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  it.each([
    ['disable', { enabled: false }],
    ['enable', { enabled: true }],
    ['drain', { draining: true }],
    ['undrain', { draining: false }],
  ])('%s', async (verb, then) => {
    const id = hostOf({ url: first });
    await call('POST', `/${id}/${verb === 'enable' ? 'disable' : 'drain'}`);
    expect(await call('POST', `/${id}/${verb}`)).toMatchObject({ status: 200, body: then });
    expect(await call('GET', `/${id}`)).toMatchObject({ body: then });
  });

  it.each(['open', 'closed', 'auto'])('force the breakers: %s', async (state) => {
    const id = hostOf({ url: first });
    const answer = await call('POST', `/${id}/breaker`, { state });
    expect(answer).toMatchObject({ status: 200, body: { breaker: state } });
  });

  it.each([
    ['POST', '', {}],
    ['POST', '', { url: 'http://u:p@a' }],
    ['POST', '', { url: 'http://a', slots: 0 }],
    ['POST', '', { url: 'http://a', name: 'x' }],
    ['PUT', '/a:1', {}],
    ['PUT', '/a:1', { url: 'http://b' }],
    ['POST', '/a:1/breaker', { state: 'half_open' }],
  ])('%s %s refuses %o', async (method, path, body) => {
    expect(await call(method, path, body)).toMatchObject({
      status: 422,
      body: { code: 'validation_failed' },
    });
  });

  it('refuse to remove or change what the settings name', async () => {
    const id = hostOf({ url: first });
    expect(await call('DELETE', `/${id}`)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await call('PUT', `/${id}`, { slots: 2 })).toMatchObject({ status: 409 });
    expect(await call('POST', '', { url: first })).toMatchObject({ status: 409 });
  });
});
