/** The writes that a flush carries, and how each is answered. */
import type { Claim, ClaimedRow, Held, Inserted, NewRow, Settlement } from './ledger.ts';

interface Answered<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

export type LedgerOp =
  | ({ readonly kind: 'insert'; readonly row: NewRow } & Answered<Inserted>)
  | ({ readonly kind: 'claim'; readonly claim: Claim } & Answered<ClaimedRow[]>)
  | ({ readonly kind: 'settle'; readonly settlement: Settlement } & Answered<boolean>)
  | ({ readonly kind: 'discard'; readonly id: string; readonly reason: Buffer } & Answered<boolean>)
  | ({ readonly kind: 'check' } & Answered<void>)
  | ({ readonly kind: 'cancel'; readonly id: string; readonly keyId: string } & Answered<boolean>)
  | ({
      readonly kind: 'renew';
      readonly owner: string;
      readonly leaseMs: number;
      readonly held: readonly Held[];
    } & Answered<Set<string>>);

export type OpsOf<Kind extends LedgerOp['kind']> = Extract<LedgerOp, { kind: Kind }>;

export function opsOf<Kind extends LedgerOp['kind']>(ops: readonly LedgerOp[], kind: Kind): OpsOf<Kind>[] {
  return ops.filter((op): op is OpsOf<Kind> => op.kind === kind);
}

/** Roughly what an operation adds to a packet; blobs travel as hex. */
export function bytesOf(op: LedgerOp): number {
  if (op.kind === 'insert')
    return 500 + 2 * sum([op.row.body, op.row.metadata, op.row.callback, op.row.retryNote]);
  if (op.kind === 'discard') return 400 + 2 * op.reason.length;
  if (op.kind === 'settle') {
    const { result, error, added = [] } = op.settlement;
    const rows = added.map(({ values }) => sum(values.filter((value) => Buffer.isBuffer(value))));
    return 400 + 2 * sum([result, error?.sealed]) + rows.reduce((total, bytes) => total + 800 + 2 * bytes, 0);
  }
  if (op.kind === 'renew') return 100 + 60 * op.held.length;
  return 400;
}

function sum(blobs: readonly (Buffer | null | undefined)[]): number {
  return blobs.reduce((total, blob) => total + (blob?.length ?? 0), 0);
}
