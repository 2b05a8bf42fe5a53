/** One row of the audit trail: what it says, and the hash that chains it to the row before. */
import { createHash } from 'node:crypto';
import type { AuditRow } from '../../kernel/contract.generated.ts';
import { canonicalJson } from '../../kernel/canonical-json.ts';

/** What the first row is chained to. */
export const GENESIS = '0'.repeat(64);

/** What the hash covers: all of the row but the hash itself and the words of the reason, which its digest stands for. */
export type AuditContent = Omit<AuditRow, 'hash' | 'reason'>;

export function hashOf(row: AuditContent): string {
  const { hash: _hash, reason: _reason, ...content } = row as AuditRow;
  return sha256(canonicalJson(content));
}

/** Bound to its row, so that the same reason does not look the same twice. */
export function digestOfReason({ seq, at }: Pick<AuditContent, 'seq' | 'at'>, reason: string): string {
  return sha256(canonicalJson({ seq, at, reason }));
}

/** Of anything that the API shows. */
export function digestOfState(state: unknown): string {
  return sha256(canonicalJson(wellFormed(state)));
}

/** The names of the fields that differ, sorted. */
export function changedNames(before: unknown, after: unknown): string[] {
  if (!isFields(before) || !isFields(after)) return [];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name])).sort();
}

/** What clients named may hold halves of surrogate pairs; what JSON cannot hold is left out, as in an answer. */
function wellFormed(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null), (_name, inner: unknown) =>
    typeof inner === 'string' ? inner.toWellFormed() : inner,
  );
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
