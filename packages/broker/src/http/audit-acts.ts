/** Leaves a row in the audit trail for each call of an operator that changes something, and of others where a route says so. */
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import type { Act, ActCall, Actor, Audit } from '../features/audit/audit.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route does. Null: nothing that is written down, though an operator may call it. */
    act?: Act | null;
  }
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);
const LONGEST_REASON = 500;

/** Written down unless it says otherwise: a route for operators that nobody has thought of leaves rows, too. */
export function auditActs(app: FastifyInstance, audit: Pick<Audit, 'perform'>): void {
  app.addHook('onRoute', (route) => {
    const act = actOf(route);
    if (!act) return;
    const { handler } = route;
    route.handler = function (request, reply) {
      return audit.perform(act, callOf(request), async () => handler.call(this, request, reply));
    };
  });
}

/** Null when calls of this route leave no row. */
export function actOf({ config, method, schema, url }: RouteOptions): Act | null {
  if (config?.act !== undefined) return config.act;
  const isForClients = config?.access === 'key' || config?.access === 'anyone';
  if (isForClients || [method].flat().every((one) => READS.has(one))) return null;
  const { operationId } = (schema ?? {}) as { operationId?: string };
  return { name: operationId ?? url.slice(-60), kind: 'other' };
}

/** Who calls, and why, for what keeps both with the thing itself. */
export function authorOf(request: FastifyRequest): Pick<ActCall, 'actor' | 'reason'> {
  return { actor: actorOf(request), reason: reasonOf(request) };
}

/** The call as the trail keeps it, for who performs an act himself. */
export function callOf(request: FastifyRequest): ActCall {
  return {
    ...authorOf(request),
    ip: request.ip,
    requestId: request.id,
    params: (request.params ?? {}) as ActCall['params'],
    body: request.body,
  };
}

function actorOf({ caller, apiKey }: FastifyRequest): Actor {
  if (apiKey) return { kind: 'key', id: apiKey.id, name: apiKey.name };
  if (caller?.id) return { kind: caller.kind, id: caller.id, name: caller.name };
  return { kind: 'admin_token', id: null, name: null };
}

/** X-Fila-Reason, percent-encoded where it is not ASCII; else the field of the body. */
function reasonOf({ headers, body }: FastifyRequest): string | null {
  const header = headers['x-fila-reason'];
  const { reason } = (body ?? {}) as { reason?: unknown };
  const given = typeof header === 'string' && header !== '' ? decoded(header) : reason;
  return typeof given === 'string' ? given.slice(0, LONGEST_REASON).toWellFormed() : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
