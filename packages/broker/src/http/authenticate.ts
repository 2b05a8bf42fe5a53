/** Who calls: an API key for clients, the admin token for operators. Every route says which it asks for. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AcceptedKey } from '../features/keys/keys.ts';
import type { Limits } from '../features/limits/limits.ts';
import { fail, type FilaError } from '../kernel/errors.ts';
import { UNAVAILABLE_RETRY_S } from './error-answer.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call this route. */
    access?: 'key' | 'admin' | 'anyone';
  }
  interface FastifyRequest {
    /** Set on routes with access `key`. */
    apiKey: AcceptedKey | null;
  }
}

interface Authenticators {
  acceptKey(secret: string): Promise<AcceptedKey | null>;
  readonly adminToken: string;
  /** Why no call can be answered now, or null. */
  readonly whyUnavailable?: () => string | null;
  /** Whether the key was good when it was last seen here; looks nothing up. */
  readonly knowsKey?: (secret: string) => boolean;
  /** Who tries too many wrong keys is refused before any is looked up. */
  readonly limits?: Pick<Limits, 'refusalOfAddress' | 'wrongKey'>;
}

/** Deny by default: a route that does not say who may call it stops the start. */
export function authenticate(
  app: FastifyInstance,
  { acceptKey, adminToken, whyUnavailable, knowsKey, limits }: Authenticators,
): void {
  const adminDigest = digest(adminToken);
  app.decorateRequest('apiKey', null);

  app.addHook('onRoute', (route) => {
    if (!route.config?.access)
      throw new Error(`${String(route.method)} ${route.url} does not say who may call it.`);
  });

  async function wrong({ ip }: FastifyRequest): Promise<FilaError> {
    return (await limits?.wrongKey(ip)) ?? fail('unauthorized');
  }

  async function check(request: FastifyRequest, access: 'key' | 'admin'): Promise<void> {
    const secret = secretOf(request) || null;
    const isAdmin = access === 'admin' && secret !== null && timingSafeEqual(digest(secret), adminDigest);
    const refusal = limits?.refusalOfAddress(request.ip) ?? null;
    // One client with an old key must not shut out the others of its address.
    if (refusal && !(isAdmin || (access === 'key' && secret !== null && knowsKey?.(secret)))) throw refusal;
    if (access === 'key') request.apiKey = secret ? await acceptKey(secret) : null;
    if (!isAdmin && !request.apiKey) throw await wrong(request);
  }

  app.addHook('onRequest', (request, _reply, done) => {
    const { access } = request.routeOptions.config;
    if (access === 'anyone' || access === undefined) return done();
    // Before the key is looked up: one that is remembered changes nothing.
    const why = whyUnavailable?.() ?? null;
    if (why !== null) return done(fail('unavailable', { detail: why, retryAfter: UNAVAILABLE_RETRY_S }));
    check(request, access).then(() => done(), done);
  });
}

/** The key of a call on a route with access `key`. */
export function keyOf(request: FastifyRequest): AcceptedKey {
  if (!request.apiKey) throw fail('unauthorized');
  return request.apiKey;
}

function secretOf({ headers }: FastifyRequest): string | null {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  const alone = headers['x-api-key'];
  return bearer ?? (typeof alone === 'string' ? alone : null);
}

/** Equal lengths, so that the comparison takes the same time for every guess. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
