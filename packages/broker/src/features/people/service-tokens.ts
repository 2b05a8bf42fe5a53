/** Tokens of programs, such as a pipeline: they do what their scopes name, and end by themselves. */
import type { KeyObject } from 'node:crypto';
import type {
  CreatedServiceToken,
  CreateServiceToken,
  ServiceToken,
} from '../../kernel/contract.generated.ts';
import type { Clock } from '../../kernel/clock.ts';
import { fail, type FilaError } from '../../kernel/errors.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Callers } from './callers.ts';
import { hasPermission, isPermission, type Caller } from './permissions.ts';
import type { ServiceTokenStore, StoredServiceToken } from './service-token-store.ts';
import { hashToken, newToken } from './token-secret.ts';

export interface ServiceTokens {
  /** With nothing that the caller may not do. */
  create(caller: Caller, input: CreateServiceToken): Promise<CreatedServiceToken>;
  /** Newest first. */
  list(): Promise<ServiceToken[]>;
  get(id: string): Promise<ServiceToken>;
  /** For good. Revoking twice is no error. */
  revoke(id: string): Promise<ServiceToken>;
}

interface ServiceTokensDeps {
  readonly store: ServiceTokenStore;
  readonly callers: Callers;
  readonly pepper: KeyObject;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LONGEST_MS = 366 * 24 * 60 * 60_000;
const PREFIX_LENGTH = 'fila_svc_'.length + 8;

export function createServiceTokens({
  store,
  callers,
  pepper,
  clock,
  logger,
}: ServiceTokensDeps): ServiceTokens {
  async function stored(id: string): Promise<StoredServiceToken> {
    const token = isId('svc', id) ? await store.byId(id) : null;
    if (!token) throw fail('not_found', { detail: 'There is no such service token.' });
    return token;
  }

  function checkScopes(caller: Caller, scopes: readonly string[]): void {
    for (const [index, scope] of scopes.entries()) {
      const pointer = `/scopes/${index}`;
      if (!isPermission(scope)) throw wrong(pointer, `${scope} is no permission.`);
      const program: Caller = { ...caller, kind: 'service_token', role: null, scopes: [scope] };
      if (!hasPermission(program, scope)) throw wrong(pointer, `${scope} is for people only.`);
      if (!hasPermission(caller, scope)) throw fail('forbidden', { detail: `You do not have ${scope}.` });
    }
  }

  function checkedExpiry(text: string): number {
    const at = Date.parse(text);
    const leftMs = at - clock.now();
    if (leftMs > 0 && leftMs <= LONGEST_MS) return at;
    throw wrong('/expires_at', 'The end must be in the future, and at most 366 days away.');
  }

  async function create(caller: Caller, { name, scopes, expires_at }: CreateServiceToken) {
    checkScopes(caller, scopes);
    const secret = newToken('svc');
    const now = clock.now();
    const token: StoredServiceToken = {
      ...{ id: newId('svc', now), name, prefix: secret.slice(0, PREFIX_LENGTH) },
      ...{ tokenHash: hashToken(pepper, secret), scopes, createdBy: caller.name },
      ...{ expiresAt: checkedExpiry(expires_at), lastUsedAt: null, createdAt: now, revokedAt: null },
    };
    await store.insert(token);
    logger.info({ serviceTokenId: token.id, scopes: scopes.join(' ') }, 'service token made');
    return { ...onWire(token), token: secret };
  }

  return {
    create,
    list: async () => (await store.all()).map(onWire),
    get: async (id) => onWire(await stored(id)),
    revoke: async (id) => {
      await stored(id);
      await store.revoke(id, clock.now());
      callers.forget();
      logger.info({ serviceTokenId: id }, 'service token revoked');
      return onWire(await stored(id));
    },
  };
}

function wrong(pointer: string, detail: string): FilaError {
  return fail('validation_failed', { detail, errors: [{ pointer, detail: detail.replace(/\.$/, '') }] });
}

function onWire(token: StoredServiceToken): ServiceToken {
  const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return {
    ...{ id: token.id, name: token.name, prefix: token.prefix, scopes: [...token.scopes] },
    created_by: token.createdBy,
    expires_at: new Date(token.expiresAt).toISOString(),
    last_used_at: iso(token.lastUsedAt),
    created_at: new Date(token.createdAt).toISOString(),
    revoked_at: iso(token.revokedAt),
  };
}
