/** Routes of keys: a client asks about its own, an operator manages all. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type {
  ApiKeyList,
  Authentication,
  CreateApiKey,
  ListApiKeysQuery,
  RotateApiKeyQuery,
  UpdateApiKey,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { isId } from '../../kernel/ids.ts';
import { limitsOnWire } from '../../kernel/key-limits.ts';
import { rightsOnWire } from '../../kernel/key-rights.ts';
import type { Act } from '../audit/audit.ts';
import type { AcceptedKey, Keys } from './keys.ts';

interface KeyRouteDeps {
  readonly keys: Keys;
  readonly keyOf: (request: FastifyRequest) => AcceptedKey;
}

type WithId = { Params: { id: string } };

const PATH = '/api/v1/admin/api-keys';
const ID = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'Id of the key.' } },
};
const DEFAULT_PAGE = 50;
const read = { access: 'admin', permission: 'keys.read' } as const;
const config = { access: 'admin', permission: 'keys.write' } as const;
const key = (description: string) => ({ 200: { description, $ref: 'ApiKey#' } });

export function keyRoutes({ keys, keyOf }: KeyRouteDeps) {
  /** What a key was used for last changes by itself. */
  const state = async (id: string) => ({ ...(await keys.get(id)), last_used_at: undefined });
  const acting = (verb: string) => ({
    ...config,
    act: { name: `keys.${verb}`, kind: 'key', isOneTransaction: true, state } satisfies Act,
  });

  async function list({ limit = DEFAULT_PAGE, cursor, status }: ListApiKeysQuery): Promise<ApiKeyList> {
    if (cursor !== undefined && !isId('key', cursor)) throw fail('invalid_cursor');
    const rows = await keys.list({ limit: limit + 1, before: cursor, status });
    const items = rows.slice(0, limit);
    return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : null };
  }

  function authenticationRoute(app: FastifyInstance): void {
    app.post('/api/v1/authenticate', {
      config: { access: 'key', scope: null, calls: 'read' },
      schema: {
        tags: ['keys'],
        operationId: 'authenticate',
        summary: 'Check a key',
        response: { 200: { description: 'The key is good.', $ref: 'Authentication#' } },
      },
      handler: async (request): Promise<Authentication> => {
        const key = keyOf(request);
        const { id, name, expiresAt, plan, rights } = key;
        const expires_at = expiresAt === null ? null : new Date(expiresAt).toISOString();
        const { allowed_ips: _, ...may } = rightsOnWire(rights.stored);
        return { valid: true, key: { id, name, expires_at, plan, ...limitsOnWire(key), ...may } };
      },
    });
  }

  return (app: FastifyInstance): void => {
    authenticationRoute(app);
    const tags = ['admin'];

    app.post<{ Body: CreateApiKey }>(PATH, {
      config: acting('create'),
      schema: {
        tags,
        operationId: 'createApiKey',
        summary: 'Make a key',
        body: { $ref: 'CreateApiKey#' },
        response: {
          201: {
            description: 'The key, with its secrets, which are shown this once.',
            $ref: 'CreatedApiKey#',
          },
        },
      },
      handler: async (request, reply) => {
        const created = await keys.create(request.body);
        void reply.code(201).header('location', `${PATH}/${created.id}`);
        return created;
      },
    });
    app.get<{ Querystring: ListApiKeysQuery }>(PATH, {
      config: read,
      schema: {
        tags,
        operationId: 'listApiKeys',
        summary: 'List keys, newest first',
        querystring: { $ref: 'ListApiKeysQuery#' },
        response: { 200: { description: 'One page.', $ref: 'ApiKeyList#' } },
      },
      handler: (request) => list(request.query),
    });
    app.get<WithId>(`${PATH}/:id`, {
      config: read,
      schema: {
        tags,
        operationId: 'getApiKey',
        summary: 'Look at a key',
        params: ID,
        response: key('The key.'),
      },
      handler: (request) => keys.get(request.params.id),
    });
    app.put<WithId & { Body: UpdateApiKey }>(`${PATH}/:id`, {
      config: acting('update'),
      schema: {
        tags,
        operationId: 'updateApiKey',
        summary: 'Change a key',
        params: ID,
        body: { $ref: 'UpdateApiKey#' },
        response: key('The changed key.'),
      },
      handler: (request) => keys.update(request.params.id, request.body),
    });
    app.delete<WithId>(`${PATH}/:id`, {
      config: acting('revoke'),
      schema: {
        tags,
        operationId: 'revokeApiKey',
        summary: 'Revoke a key for good',
        params: ID,
        response: key('The revoked key.'),
      },
      handler: (request) => keys.revoke(request.params.id),
    });
    app.post<WithId & { Querystring: RotateApiKeyQuery }>(`${PATH}/:id/rotate`, {
      config: acting('rotate'),
      schema: {
        tags,
        operationId: 'rotateApiKey',
        summary: 'Give a key a new secret',
        description:
          'The secret before is accepted as well until the overlap is over; one before that no more. With `at` both begin then, and until then nothing changes. The webhook secret stays.',
        params: ID,
        querystring: { $ref: 'RotateApiKeyQuery#' },
        response: {
          200: {
            description: 'The key and its new secret, which is shown this once.',
            $ref: 'RotatedApiKey#',
          },
        },
      },
      handler: (request) => keys.rotate(request.params.id, request.query),
    });
    app.post<WithId>(`${PATH}/:id/suspend`, {
      config: acting('suspend'),
      schema: {
        tags,
        operationId: 'suspendApiKey',
        summary: 'Refuse a key until it is resumed',
        params: ID,
        response: key('The suspended key.'),
      },
      handler: (request) => keys.suspend(request.params.id),
    });
    app.post<WithId>(`${PATH}/:id/resume`, {
      config: acting('resume'),
      schema: {
        tags,
        operationId: 'resumeApiKey',
        summary: 'Accept a suspended key again',
        params: ID,
        response: key('The active key.'),
      },
      handler: (request) => keys.resume(request.params.id),
    });
  };
}
