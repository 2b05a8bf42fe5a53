/** Refuses calls of a good key that its rights do not cover: from this address, or of this kind. */
import type { FastifyRequest } from 'fastify';
import type { AcceptedKey } from '../features/keys/keys.ts';
import type { Told } from '../features/overview/overview.ts';
import { fail } from '../kernel/errors.ts';
import { BY_NAME_ONLY, type Scope } from '../kernel/key-rights.ts';
import type { Logger } from '../kernel/logger.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a key needs for a route with access `key`; null: any key may call it. */
    scope?: Scope | null;
  }
}

interface RightsDeps {
  readonly logger?: Pick<Logger, 'warn'>;
  readonly told?: Pick<Told, 'refused'>;
}

/** A client that goes on from a wrong address is one line in this time, not a flood. */
const ONE_LINE_MS = 60_000;
const MOST_REMEMBERED = 1_000;

export function createRightsCheck({
  logger,
  told,
}: RightsDeps): (key: AcceptedKey, call: FastifyRequest) => void {
  /** Key and address → when it may be written down again, by a clock that only goes forward. */
  const written = new Map<string, number>();

  function writeDown(keyId: string, ip: string): void {
    const name = `${keyId} ${ip}`;
    const nowMs = performance.now();
    if ((written.get(name) ?? 0) > nowMs) return;
    if (written.size >= MOST_REMEMBERED) written.clear();
    written.set(name, nowMs + ONE_LINE_MS);
    logger?.warn({ keyId, ip }, 'a key was used from an address that is not on its list');
  }

  return (key, { ip, routeOptions }) => {
    const { scope } = routeOptions.config;
    if (!key.rights.mayCallFrom(ip)) {
      writeDown(key.id, ip);
      told?.refused('address_not_allowed', key.id);
      throw fail('address_not_allowed');
    }
    if (!scope || key.rights.hasScope(scope)) return;
    told?.refused('scope_missing', key.id);
    const how = BY_NAME_ONLY.includes(scope) ? ', which operators give to keys by name' : '';
    throw fail('scope_missing', { detail: `This needs the scope ${scope}${how}.` });
  };
}
