/** Who calls: an API key for clients, the admin token for operators. Every route says which it asks for. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AcceptedKey } from '../features/keys/keys.ts';
import { fail } from '../kernel/errors.ts';

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
}

/** Time in which an engine that was restarted is back. */
const RETRY_S = 2;

/** Deny by default: a route that does not say who may call it stops the start. */
export function authenticate(
  app: FastifyInstance,
  { acceptKey, adminToken, whyUnavailable }: Authenticators,
): void {
  const adminDigest = digest(adminToken);
  app.decorateRequest('apiKey', null);

  app.addHook('onRoute', (route) => {
    if (!route.config?.access)
      throw new Error(`${String(route.method)} ${route.url} does not say who may call it.`);
  });

  app.addHook('onRequest', async (request) => {
    const { access } = request.routeOptions.config;
    // Before the key is looked up: also one that is remembered changes nothing.
    const why = access === 'anyone' ? null : (whyUnavailable?.() ?? null);
    if (why !== null) throw fail('unavailable', { detail: why, retryAfter: RETRY_S });
    if (access === 'admin') {
      if (!timingSafeEqual(digest(secretOf(request) ?? ''), adminDigest)) throw fail('unauthorized');
    } else if (access === 'key') {
      const secret = secretOf(request);
      request.apiKey = secret === null ? null : await acceptKey(secret);
      if (!request.apiKey) throw fail('unauthorized');
    }
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
