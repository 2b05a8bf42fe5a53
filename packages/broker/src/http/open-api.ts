/** Writes the OpenAPI 3.1 document of the routes as they are registered. Used by `npm run generate`, never by the daemon. */
import swagger from '@fastify/swagger';
import errors from '@fila/php-bridge-spec/errors.json' with { type: 'json' };
import type { FastifyInstance } from 'fastify';
import { auditRoutes } from '../features/audit/audit-routes.ts';
import { batchRoutes } from '../features/batches/batch-routes.ts';
import { deadLetterRoutes } from '../features/dead-letters/dead-letter-routes.ts';
import { healthRoutes } from '../features/health/health-routes.ts';
import { keyRoutes } from '../features/keys/key-routes.ts';
import { limitRoutes } from '../features/limits/limit-routes.ts';
import { planRoutes } from '../features/limits/plan-routes.ts';
import { logRoutes } from '../features/logs/log-routes.ts';
import { aliasRoutes } from '../features/models/alias-routes.ts';
import { operationRoutes } from '../features/operations/operation-routes.ts';
import { overviewRoutes } from '../features/overview/overview-routes.ts';
import { serviceTokenRoutes } from '../features/people/service-token-routes.ts';
import { sessionRoutes } from '../features/people/session-routes.ts';
import { userRoutes } from '../features/people/user-routes.ts';
import { queueRoutes } from '../features/queues/queue-routes.ts';
import { entryRoutes } from '../features/requests/entry-routes.ts';
import { settingRoutes } from '../features/settings/setting-routes.ts';
import { usageRoutes } from '../features/usage/usage-routes.ts';
import { explainRoutes } from '../features/requests/explain-routes.ts';
import { idempotencyKeyOf, requestRoutes } from '../features/requests/request-routes.ts';
import { traceRoutes } from '../features/requests/trace-routes.ts';
import { streamRoutes } from '../features/streams/stream-routes.ts';
import { modelRoutes } from '../features/upstreams/model-routes.ts';
import { upstreamRoutes } from '../features/upstreams/upstream-routes.ts';
import { verifyRoutes } from '../features/verify/verify-routes.ts';
import { webhookRoutes } from '../features/webhooks/webhook-routes.ts';
import { silentLogger } from '../kernel/logger.ts';
import { keyOf } from './authenticate.ts';
import { SCHEMAS } from './contract.ts';
import { buildApp, type Routes } from './server.ts';

type Operation = { security?: object[]; responses: Record<string, object>; tags?: string[] };
type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
};

const NO_ROOM = {} as never;

const INFO = {
  title: 'Fila',
  version: '1.0.0',
  description:
    'Durable, fair and private prompts to local Ollama servers. Errors are application/problem+json (RFC 9457).',
  license: { name: 'MIT', identifier: 'MIT' },
};

const TAGS = [
  { name: 'requests', description: 'Prompts and their answers; with an API key.' },
  { name: 'batches', description: 'Requests that are uploaded together; with an API key.' },
  { name: 'keys', description: 'About the own API key.' },
  { name: 'webhooks', description: 'Who is told when requests of the key end; with an API key.' },
  { name: 'admin', description: 'For operators; with the admin token, a session or a service token.' },
  { name: 'sessions', description: 'Signing in.' },
  { name: 'health', description: 'For load balancers and supervisors.' },
];

/** All routes without the rooms behind them: only what they say about themselves. */
export function allRoutes(): readonly Routes[] {
  return [
    healthRoutes(NO_ROOM),
    keyRoutes({ keys: NO_ROOM, keyOf }),
    planRoutes(NO_ROOM),
    limitRoutes(NO_ROOM),
    userRoutes(NO_ROOM),
    sessionRoutes({ people: NO_ROOM, addressOf: NO_ROOM }),
    serviceTokenRoutes(NO_ROOM),
    verifyRoutes(NO_ROOM),
    auditRoutes(NO_ROOM),
    logRoutes(NO_ROOM),
    webhookRoutes({ webhooks: NO_ROOM, keyOf }),
    upstreamRoutes(NO_ROOM),
    explainRoutes(NO_ROOM),
    traceRoutes(NO_ROOM),
    entryRoutes(NO_ROOM),
    usageRoutes(NO_ROOM),
    modelRoutes(NO_ROOM),
    aliasRoutes(NO_ROOM),
    deadLetterRoutes({ deadLetters: NO_ROOM, operations: NO_ROOM }),
    operationRoutes(NO_ROOM),
    overviewRoutes({ overview: NO_ROOM, stopping: NO_ROOM }),
    queueRoutes(NO_ROOM),
    settingRoutes({ settings: NO_ROOM, authorOf: NO_ROOM }),
    requestRoutes({ requests: NO_ROOM, arrive: NO_ROOM, keyOf, maxWaitSeconds: () => 0 }),
    batchRoutes({ batches: NO_ROOM, keyOf, idempotencyKeyOf }),
    streamRoutes({ requests: NO_ROOM, streams: NO_ROOM, keyOf, logger: silentLogger }),
  ];
}

/** `look` is handed the app before the routes are. */
export async function openApiDocument(look?: (app: FastifyInstance) => void): Promise<object> {
  const app = buildApp(
    {
      ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1_048_576, adminToken: '', logger: silentLogger },
      acceptKey: async () => null,
      routes: allRoutes(),
    },
    (inner) => {
      look?.(inner);
      for (const schema of SCHEMAS) inner.addSchema(schema);
      void inner.register(swagger, {
        openapi: {
          openapi: '3.1.0',
          info: INFO,
          servers: [{ url: 'http://127.0.0.1:7433', description: 'A broker on this machine.' }],
          tags: TAGS,
          security: [{ key: [] }],
          components: {
            securitySchemes: {
              key: {
                type: 'http',
                scheme: 'bearer',
                description: 'An API key (fila_live_…). Also taken from X-API-Key.',
              },
              admin: {
                type: 'http',
                scheme: 'bearer',
                description:
                  'The admin token, the token of a session (fila_sess_…) or a service token (fila_svc_…).',
              },
            },
          },
        },
        refResolver: {
          buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `def-${index}`),
        },
      });
    },
  );
  await app.ready();
  const document = app.swagger() as unknown as Document;
  await app.close();
  for (const path of Object.values(document.paths))
    for (const operation of Object.values(path)) complete(operation);
  // Queries were written out as parameters.
  for (const name of Object.keys(document.components.schemas))
    if (name.endsWith('Query')) delete document.components.schemas[name];
  return document;
}

const PROBLEM = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** What holds for every route and is therefore not said by each. */
function complete(operation: Operation): void {
  const isAdmin = operation.tags?.includes('admin');
  // Signing in needs no key and is refused all the same.
  const isOpen = operation.security?.length === 0 && !operation.tags?.includes('sessions');
  if (isAdmin) operation.security = [{ admin: [] }];
  const statuses = new Set(
    errors.http.map((one) => one.status).filter((status) => isOpen !== true || status !== 401),
  );
  for (const status of [...statuses].sort()) {
    const codes = errors.http.filter((one) => one.status === status);
    operation.responses[status] ??= {
      description: codes.map((one) => `${one.code}: ${one.title}.`).join(' '),
      content: PROBLEM,
    };
  }
}
