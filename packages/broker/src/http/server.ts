/** The HTTP server: limits, ids, headers and errors for all routes; the rooms bring the routes themselves. */
import type { AddressInfo, Socket } from 'node:net';
import type {} from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { failpoint } from '../kernel/failpoints.ts';
import { newId } from '../kernel/ids.ts';
import { fail } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Service } from '../kernel/service.ts';
import { auditActs } from './audit-acts.ts';
import { authenticate } from './authenticate.ts';
import { validatorOf } from './contract.ts';
import { answerError, problemOf, PROBLEM_TYPE, sendProblem, UNAVAILABLE_RETRY_S } from './error-answer.ts';
import { parseJsonBody } from './json-body.ts';
import { limitCalls } from './limit-calls.ts';
import type { Audit } from '../features/audit/audit.ts';
import type { AcceptedKey } from '../features/keys/keys.ts';
import type { Limits } from '../features/limits/limits.ts';
import type { People } from '../features/people/people.ts';
import type { Told } from '../features/overview/overview.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body is lines of JSON, and the handler reads it as it comes; no other body is taken. */
    takesLines?: boolean;
  }
}

/** What a room adds: its routes. */
export type Routes = (app: FastifyInstance) => void;

export interface ServerDeps {
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly adminToken: string;
  /** People and programs that may administer; absent: only the admin token may. */
  readonly people?: Pick<People, 'accept' | 'knows' | 'refusalOf'>;
  readonly knowsKey?: (secret: string) => boolean;
  readonly acceptKey: (secret: string) => AcceptedKey | null | Promise<AcceptedKey | null>;
  /** Why no call but those for anyone can be answered now, or null. */
  readonly whyUnavailable?: () => string | null;
  /** Networks of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies?: readonly string[];
  readonly limits?: Limits;
  /** Where acts of operators are written down. */
  readonly audit?: Pick<Audit, 'perform'>;
  readonly told?: Told;
  readonly routes: readonly Routes[];
  readonly logger: Logger;
  /** Called first when the server stops: waiting calls should answer now. */
  readonly onStopping?: () => void;
}

export interface Server extends Service {
  readonly app: FastifyInstance;
  /** Where it listens; known once started. */
  url(): string;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;
const MAX_HEADER_BYTES = 16 * 1024;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const JSON_LINES = /^application\/(x-ndjson|jsonl)(;|$)/i;
const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

export function createServer(deps: ServerDeps): Server {
  const { logger } = deps;
  let stopping = false;
  const app = buildApp(deps);
  const connections = watchConnections(app);

  app.addHook('onRequest', (_request, _reply, done) => {
    if (!stopping) return done();
    done(
      fail('unavailable', {
        detail: 'The broker is stopping. Nothing was accepted.',
        retryAfter: UNAVAILABLE_RETRY_S,
      }),
    );
  });

  app.addHook('onSend', (_request, reply, _payload, done) => {
    // A kept-alive connection would hold the stop back until its client lets go.
    if (stopping) void reply.header('connection', 'close');
    done();
  });

  return {
    name: 'http',
    app,
    url: () => urlOf(app),
    start: async () => {
      await app.listen({ host: deps.host, port: deps.port });
      logger.info({ url: urlOf(app) }, 'listening');
    },
    stop: async () => {
      if (stopping) return;
      stopping = true;
      deps.onStopping?.();
      const closing = setInterval(connections.closeIdle, 50);
      await app.close();
      clearInterval(closing);
    },
  };
}

/**
 * Node's closeIdleConnections spares connections that never sent a whole call (probes, spares of browsers, broken
 * clients) and would let each of them hold the stop back for half a minute.
 */
function watchConnections(app: FastifyInstance): { closeIdle(): void } {
  const running = new Map<Socket, number>();
  const count = (socket: Socket, change: number): void => {
    const calls = running.get(socket);
    if (calls !== undefined) running.set(socket, calls + change);
  };
  app.server.on('connection', (socket: Socket) => {
    running.set(socket, 0);
    socket.once('close', () => running.delete(socket));
  });
  app.server.on('request', ({ socket }, response) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  return {
    closeIdle: () => {
      for (const [socket, calls] of running) if (calls === 0) socket.destroySoon();
    },
  };
}

function urlOf(app: FastifyInstance): string {
  const { address, port } = app.addresses()[0] as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** All of the server but its port: what the OpenAPI document is made from, too. */
export function buildApp(deps: ServerDeps, prepare?: (app: FastifyInstance) => void): FastifyInstance {
  const app = Fastify({
    logger: false,
    trustProxy: deps.trustedProxies?.length ? [...deps.trustedProxies] : false,
    bodyLimit: deps.maxBodyBytes,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Fastify's own answer is no problem+json; the hook of createServer gives ours.
    return503OnClosing: false,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES },
    routerOptions: { maxParamLength: 200 },
    genReqId: requestIds(),
    requestIdHeader: false,
    clientErrorHandler: answerBrokenCall,
    frameworkErrors: (error, request, reply) => void answerError(deps.logger)(error, request, reply),
  });
  app.setValidatorCompiler(({ schema, httpPart }) => validatorOf(schema as object, httpPart));
  app.setSerializerCompiler(() => JSON.stringify);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    /^application\/json(;|$)/i,
    { parseAs: 'buffer' },
    (request: FastifyRequest, body: Buffer, done: (error: Error | null, value?: unknown) => void) => {
      if (request.routeOptions.config.takesLines)
        return done(
          fail('unsupported_media_type', {
            detail: 'Send lines of JSON as Content-Type: application/x-ndjson.',
          }),
        );
      let value: unknown;
      try {
        value = parseJsonBody(body);
      } catch (error) {
        return done(error as Error);
      }
      done(null, value);
    },
  );
  app.addContentTypeParser(JSON_LINES, (request, payload, done) => {
    if (request.routeOptions.config.takesLines) return done(null, payload);
    done(fail('unsupported_media_type', { detail: 'Send the body as Content-Type: application/json.' }));
  });
  app.setErrorHandler(answerError(deps.logger));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(fail('not_found', { detail: 'There is no such path.' }), request, reply),
  );
  // Hooks of every call take a callback: a promise each would cost more than what most of them do.
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(SAFE_HEADERS).header('x-request-id', request.id);
    done();
  });
  // Not before a 5xx: what goes wrong there as well, Fastify answers in words of its own.
  app.addHook('onSend', (request, reply, _payload, done) => {
    const isOurs = reply.statusCode < 500 && request.routeOptions.url?.startsWith('/api/');
    const held = isOurs ? failpoint('http.before_answer') : undefined;
    if (!held) return done();
    held.then(() => done(), done);
  });
  logCalls(app, deps.logger);
  prepare?.(app);
  const paths = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = paths.get(url) ?? new Set();
    paths.set(url, methods);
    for (const one of [method].flat()) methods.add(one);
  });
  authenticate(app, deps);
  if (deps.limits) limitCalls(app, { limits: deps.limits, told: deps.told });
  if (deps.audit) auditActs(app, deps.audit);
  // In a plugin of its own, so that an asynchronous `prepare` is done before the routes are known.
  void app.register(async (inner) => {
    for (const routes of deps.routes) routes(inner);
    for (const [url, methods] of [...paths]) refuseOtherMethods(inner, url, methods);
  });
  return app;
}

function refuseOtherMethods(app: FastifyInstance, url: string, methods: ReadonlySet<string>): void {
  const others = METHODS.filter((method) => !methods.has(method));
  const allow = [...methods].sort().join(', ');
  app.route({
    url,
    method: [...others],
    config: { access: 'anyone' },
    schema: { hide: true },
    // Before the body is read: nothing in it matters.
    onRequest: async (request, reply) => {
      await sendProblem(
        fail('method_not_allowed', { detail: `This path takes ${allow}.` }),
        request,
        reply.header('allow', allow),
      );
    },
    handler: async () => undefined,
  });
}

/** The caller's own X-Request-Id when it is harmless, so that two systems' logs can be put together. */
function requestIds(): (request: { headers: Record<string, string | string[] | undefined> }) => string {
  const run = newId('run').slice(-8);
  let count = 0;
  return ({ headers }) => {
    const given = headers['x-request-id'];
    if (typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given)) return given;
    count += 1;
    return `${run}-${count.toString(36)}`;
  };
}

/** The path without its query: nothing a client wrote gets into the log. */
function logCalls(app: FastifyInstance, logger: Logger): void {
  app.addHook('onResponse', (request, reply, done) => {
    logger.info(
      {
        http: request.id,
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        keyId: request.apiKey?.id,
        callerId: request.caller?.id ?? request.caller?.kind,
      },
      'call',
    );
    done();
  });
}

/** What is not even HTTP, answered on the bare socket. */
function answerBrokenCall(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const problem = problemOf(
    fail(error.code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'bad_request'),
    'none',
  );
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
