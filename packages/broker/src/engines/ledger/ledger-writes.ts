/** The write half of the ledger: each call becomes an operation of the next flush. */
import type { Ledger } from './ledger.ts';
import type { LedgerOp } from './ledger-ops.ts';

type Writes = Pick<Ledger, 'insert' | 'claim' | 'settle' | 'cancel' | 'discard' | 'renew' | 'check'>;

export function ledgerWrites(flush: { add(op: LedgerOp): void }): Writes {
  return {
    insert: (row) => new Promise((resolve, reject) => flush.add({ kind: 'insert', row, resolve, reject })),
    claim: (claim) => new Promise((resolve, reject) => flush.add({ kind: 'claim', claim, resolve, reject })),
    settle: (settlement) =>
      new Promise((resolve, reject) => flush.add({ kind: 'settle', settlement, resolve, reject })),
    discard: (id, reason) =>
      new Promise((resolve, reject) => flush.add({ kind: 'discard', id, reason, resolve, reject })),
    check: () => new Promise((resolve, reject) => flush.add({ kind: 'check', resolve, reject })),
    cancel: (id, keyId) =>
      new Promise((resolve, reject) => flush.add({ kind: 'cancel', id, keyId, resolve, reject })),
    renew: (owner, leaseMs, held) =>
      new Promise((resolve, reject) => flush.add({ kind: 'renew', owner, leaseMs, held, resolve, reject })),
  };
}
