/** Who calls: an API key for clients; the admin token, a session or a service token for operators. Every route says what it asks for. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AcceptedKey } from '../features/keys/keys.ts';
import type { Limits } from '../features/limits/limits.ts';
import type { People } from '../features/people/people.ts';
import { ADMIN_TOKEN, isPermission, type Caller, type Permission } from '../features/people/permissions.ts';
import type { Told } from '../features/overview/overview.ts';
import { fail } from '../kernel/errors.ts';
import { SCOPES } from '../kernel/key-rights.ts';
import type { Logger } from '../kernel/logger.ts';
import { createRightsCheck } from './check-rights.ts';
import { UNAVAILABLE_RETRY_S } from './error-answer.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call this route. */
    access?: 'key' | 'admin' | 'anyone';
    /** What a caller of a route with access `admin` must be allowed to do. */
    permission?: Permission;
  }
  interface FastifyRequest {
    /** Set on routes with access `key`. */
    apiKey: AcceptedKey | null;
    /** Set on routes with access `admin`. */
    caller: Caller | null;
  }
}

interface Authenticators {
  acceptKey(secret: string): AcceptedKey | null | Promise<AcceptedKey | null>;
  readonly adminToken: string;
  /** People and programs; absent: only the admin token opens. */
  readonly people?: Pick<People, 'accept' | 'knows' | 'refusalOf'>;
  /** Why no call can be answered now, or null. */
  readonly whyUnavailable?: () => string | null;
  /** Whether the key was good when it was last seen here; looks nothing up. */
  readonly knowsKey?: (secret: string) => boolean;
  /** Who tries too many wrong keys is refused before any is looked up. */
  readonly limits?: Pick<Limits, 'refusalOfAddress' | 'wrongKey'>;
  /** Where calls of a key that its rights do not cover are written down and counted. */
  readonly logger?: Pick<Logger, 'warn'>;
  readonly told?: Pick<Told, 'refused'>;
}

/** Deny by default: a route that does not say who may call it, and with which permission or scope, stops the start. */
export function authenticate(
  app: FastifyInstance,
  { acceptKey, adminToken, people, whyUnavailable, knowsKey, limits, ...rest }: Authenticators,
): void {
  const adminDigest = digest(adminToken);
  const checkRights = createRightsCheck(rest);
  app.decorateRequest('apiKey', null);
  app.decorateRequest('caller', null);

  app.addHook('onRoute', (route) => {
    const { access, permission, scope } = route.config ?? {};
    const name = `${String(route.method)} ${route.url}`;
    if (!access) throw new Error(`${name} does not say who may call it.`);
    if (access === 'admin' && !isPermission(permission ?? ''))
      throw new Error(`${name} names no permission of the table.`);
    if (access === 'key' && scope !== null && !SCOPES.some((one) => one === scope))
      throw new Error(`${name} names no scope of the list.`);
  });

  async function refuse({ ip }: FastifyRequest): Promise<never> {
    throw (await limits?.wrongKey(ip)) ?? fail('unauthorized');
  }

  async function operatorOf(secret: string): Promise<Caller | null> {
    if (timingSafeEqual(digest(secret), adminDigest)) return ADMIN_TOKEN;
    return (await people?.accept(secret)) ?? null;
  }

  /** One client with an old key must not shut out the others of its address. */
  function isKnown(secret: string, access: 'key' | 'admin'): boolean {
    if (access === 'key') return knowsKey?.(secret) === true;
    return timingSafeEqual(digest(secret), adminDigest) || people?.knows(secret) === true;
  }

  /** Throws, or rejects, for who may not call; nothing to wait for where the key is known at once. */
  function check(request: FastifyRequest, access: 'key' | 'admin'): Promise<void> | undefined {
    const secret = secretOf(request) || null;
    const refusal = limits?.refusalOfAddress(request.ip) ?? null;
    if (refusal && !(secret !== null && isKnown(secret, access))) throw refusal;
    if (access === 'admin') return checkOperator(request, secret);
    const key = secret === null ? null : acceptKey(secret);
    return key instanceof Promise ? key.then((found) => checkKey(request, found)) : checkKey(request, key);
  }

  function checkKey(request: FastifyRequest, key: AcceptedKey | null): Promise<never> | undefined {
    if (!key) return refuse(request);
    request.apiKey = key;
    checkRights(key, request);
    return undefined;
  }

  async function checkOperator(request: FastifyRequest, secret: string | null): Promise<void> {
    const caller = secret === null ? null : await operatorOf(secret);
    if (!caller) return refuse(request);
    request.caller = caller;
    mayCall(caller, request.routeOptions.config.permission!);
  }

  function mayCall(caller: Caller, permission: Permission): void {
    const refusal = people?.refusalOf(caller, permission);
    if (refusal) throw refusal;
  }

  app.addHook('onRequest', (request, _reply, done) => {
    const { access } = request.routeOptions.config;
    if (access === 'anyone' || access === undefined) return done();
    // Before the key is looked up: one that is remembered changes nothing.
    const why = whyUnavailable?.() ?? null;
    if (why !== null) return done(fail('unavailable', { detail: why, retryAfter: UNAVAILABLE_RETRY_S }));
    const checked = check(request, access);
    if (checked) checked.then(() => done(), done);
    else done();
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
