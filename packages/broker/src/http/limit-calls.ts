/** Asks the limits about each call once, after the key is known and before the body is read. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CallKind, Limits } from '../features/limits/limits.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How calls of this route are counted. Default: by access and method. */
    calls?: CallKind;
  }
  interface FastifyRequest {
    /** The call has a place in the queue for the request that it may send. */
    hasPlace: boolean;
    /** Whether a new request has taken it, where the status of the answer does not say so. */
    keepsPlace: boolean | null;
  }
}

export function limitCalls(app: FastifyInstance, limits: Pick<Limits, 'admit' | 'giveBack'>): void {
  app.decorateRequest('hasPlace', false);
  app.decorateRequest('keepsPlace', null);

  app.addHook('onRequest', (request, reply, done) => {
    const kind = kindOf(request);
    if (kind === null) return done();
    limits.admit({ kind, key: request.apiKey, ip: request.ip }).then(({ headers, refusal, hasPlace }) => {
      void reply.headers(headers);
      request.hasPlace = hasPlace;
      done(refusal ?? undefined);
    }, done);
  });

  app.addHook('onResponse', (request, reply, done) => {
    const keepsPlace = request.keepsPlace ?? hasNewRequest(reply);
    if (request.hasPlace && request.apiKey && !keepsPlace) limits.giveBack(request.apiKey);
    done();
  });
}

function kindOf({ method, routeOptions }: FastifyRequest): CallKind | null {
  const { access, calls } = routeOptions.config;
  if (access === undefined || access === 'anyone') return null;
  if (calls) return calls;
  if (access === 'admin') return 'admin';
  return method === 'GET' || method === 'HEAD' ? 'read' : 'write';
}

/** What was accepted before has its place already. */
function hasNewRequest(reply: FastifyReply): boolean {
  return reply.statusCode < 300 && !reply.hasHeader('idempotent-replayed');
}
