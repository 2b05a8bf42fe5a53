/** Every route for keys and the one scope that opens it: what the table says is what HTTP answers. */
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doorRoutes } from '../features/doors/doors.ts';
import { NO_LIMITS } from '../kernel/key-limits.ts';
import { ALL_STORED_RIGHTS, rightsOf, SCOPES, type Scope } from '../kernel/key-rights.ts';
import { silentLogger } from '../kernel/logger.ts';
import { asFilaError } from './error-answer.ts';
import { allRoutes } from './open-api.ts';
import { buildApp } from './server.ts';

const SCOPE_OF: Readonly<Record<string, Scope | null>> = {
  'POST /api/v1/authenticate': null,
  'POST /api/v1/requests': 'requests:write',
  'GET /api/v1/requests': 'requests:read',
  'GET /api/v1/requests/:id': 'requests:read',
  'POST /api/v1/requests/:id/cancel': 'requests:write',
  'GET /api/v1/requests/:id/stream': 'requests:read',
  'POST /api/v1/batches': 'requests:write',
  'GET /api/v1/batches': 'requests:read',
  'GET /api/v1/batches/:id': 'requests:read',
  'POST /api/v1/batches/:id/cancel': 'requests:write',
  'GET /api/v1/batches/:id/results': 'requests:read',
  'GET /api/v1/batches/:id/errors': 'requests:read',
  'POST /api/v1/webhooks': 'webhooks:write',
  'GET /api/v1/webhooks': 'webhooks:read',
  'GET /api/v1/webhooks/:id': 'webhooks:read',
  'PUT /api/v1/webhooks/:id': 'webhooks:write',
  'DELETE /api/v1/webhooks/:id': 'webhooks:write',
  'POST /api/v1/webhooks/:id/rotate': 'webhooks:write',
  'POST /api/v1/webhooks/:id/enable': 'webhooks:write',
  'POST /api/v1/webhooks/:id/test': 'webhooks:write',
  'POST /api/v1/webhooks/:id/redeliver': 'webhooks:write',
  'GET /api/v1/webhooks/deliveries': 'webhooks:read',
  'GET /api/v1/webhooks/deliveries/:id': 'webhooks:read',
  'POST /api/v1/webhooks/deliveries/:id/redeliver': 'webhooks:write',
  'POST /api/generate': 'requests:write',
  'POST /api/chat': 'requests:write',
  'POST /v1/chat/completions': 'requests:write',
  'POST /v1/completions': 'requests:write',
  'POST /api/embed': 'requests:write',
  'POST /api/embeddings': 'requests:write',
  'POST /v1/embeddings': 'requests:write',
  'GET /api/tags': 'models:read',
  'GET /api/ps': 'models:read',
  'GET /api/version': 'models:read',
  'POST /api/show': 'models:read',
  'POST /api/pull': 'models:write',
  'POST /api/push': 'models:write',
  'POST /api/create': 'models:write',
  'POST /api/copy': 'models:write',
  'DELETE /api/delete': 'models:write',
  'POST /api/blobs/:digest': 'models:write',
  'DELETE /v1/models/*': 'models:write',
  'GET /v1/models': 'models:read',
  'GET /v1/models/*': 'models:read',
};
/** Nothing is behind them, whoever asks. */
const NOT_SERVED = /^\w+ \/v1\/\*$/;

const routes = new Set<string>();
let app: FastifyInstance;

beforeAll(async () => {
  app = buildApp(
    {
      ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1024, adminToken: 'none', logger: silentLogger },
      // The secret says which scope the key has.
      acceptKey: async (secret) => {
        const rights = rightsOf({ ...ALL_STORED_RIGHTS, scopes: [secret] });
        return { id: 'key_1', name: 'shop', plan: null, expiresAt: null, ...NO_LIMITS, rights };
      },
      routes: [...allRoutes(), doorRoutes({ errorOf: asFilaError } as never)],
    },
    (inner) => {
      inner.addHook('onRoute', ({ method, url, config }) => {
        for (const one of [method].flat())
          if (config?.access === 'key' && one !== 'HEAD') routes.add(`${one} ${url}`);
      });
      inner.addHook('preValidation', (_request, reply) => reply.code(204).send());
    },
  );
  await app.ready();
  afterAll(() => app.close());
});

describe('routes for keys', () => {
  it('are those of the table', () => {
    const served = [...routes].filter((route) => !NOT_SERVED.test(route));
    expect(served.sort()).toEqual(Object.keys(SCOPE_OF).sort());
  });

  it.each(Object.entries(SCOPE_OF))('%s is opened by %s alone', async (route, scope) => {
    const [method, path = ''] = route.split(' ');
    const url = path.replace(/:\w+/, 'x').replace('*', 'x');
    for (const one of SCOPES) {
      const headers = { authorization: `Bearer ${one}` };
      const { statusCode } = await app.inject({ method: method as 'GET', url, headers });
      expect(statusCode, one).toBe(scope === null || scope === one ? 204 : 403);
    }
  });
});
