/** What is remembered of an idempotency key and of the body that came with it. */
import { createHmac } from 'node:crypto';
import type { Idempotency } from '../../engines/ledger/ledger.ts';
import type { Vault } from '../../engines/vault/vault.ts';

/** Keyed, because a plain hash of a short prompt could be guessed from the database alone. */
export function createFingerprints(vault: Vault): { of(idempotencyKey: string, body: unknown): Idempotency } {
  const secret = vault.derive('idempotency');
  const hash = (kind: string, text: string): Buffer =>
    createHmac('sha256', secret).update(`${kind}\n${text}`).digest();
  return { of: (key, body) => ({ digest: hash('key', key), fingerprint: hash('body', canonical(body)) }) };
}

/** The same text for the same value, whatever the order of its fields. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${fields
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`)
    .join(',')}}`;
}
