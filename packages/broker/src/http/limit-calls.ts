/** Asks the limits about each call once, after the key is known and before the body is read. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admission, CallKind, Limits } from '../features/limits/limits.ts';
import type { Told } from '../features/overview/overview.ts';
import type { FilaError } from '../kernel/errors.ts';

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

export interface LimitCallsDeps {
  readonly limits: Pick<Limits, 'admit' | 'giveBack'>;
  /** Hears of calls that are not made. */
  readonly told?: Pick<Told, 'refused'>;
}

export function limitCalls(app: FastifyInstance, { limits, told }: LimitCallsDeps): void {
  app.decorateRequest('hasPlace', false);
  app.decorateRequest('keepsPlace', null);

  app.addHook('onRequest', (request, reply, done) => {
    const kind = kindOf(request);
    if (kind === null) return done();
    const admission = limits.admit({ kind, key: request.apiKey, ip: request.ip });
    if (admission instanceof Promise)
      admission.then((admitted) => done(enter(request, reply, admitted)), done);
    else done(enter(request, reply, admission));
  });

  function enter(
    request: FastifyRequest,
    reply: FastifyReply,
    { headers, refusal, hasPlace }: Admission,
  ): FilaError | undefined {
    void reply.headers(headers);
    request.hasPlace = hasPlace;
    if (refusal) told?.refused(refusal.code, request.apiKey?.id ?? null);
    return refusal ?? undefined;
  }

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
