/** A stored key as the contract shows it: without its secrets, with the limits that are in force. */
import type { ApiKey } from '../../kernel/contract.generated.ts';
import { inheritedNames, limitsOnWire, type KeyLimits } from '../../kernel/key-limits.ts';
import { rightsOnWire } from '../../kernel/key-rights.ts';
import type { StoredKey } from './key-store.ts';

export function viewOfKey(key: StoredKey, limits: KeyLimits, nowMs: number): ApiKey {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    status: key.status,
    plan: key.plan,
    ...limitsOnWire(limits),
    inherited: inheritedNames(key),
    ...rightsOnWire(key),
    not_before: iso(key.notBefore),
    expires_at: iso(key.expiresAt),
    last_used_at: iso(key.lastUsedAt),
    created_at: new Date(key.createdAt).toISOString(),
    revoked_at: iso(key.revokedAt),
    previous_secret_until: iso(laterThan(key.previousUntil, nowMs)),
    secret_valid_from: iso(laterThan(key.secretFrom, nowMs)),
  };
}

function laterThan(at: number | null, nowMs: number): number | null {
  return at !== null && at > nowMs ? at : null;
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
