/** A row of the audit trail as columns of its table, and back: every field comes back as it went in, or hashes would differ. */
import { DataTypes, type Sequelize } from 'sequelize';
import type { StoredRow } from './audit-store.ts';

export interface RowColumns {
  readonly seq: number | string;
  readonly at: number | string;
  readonly actorKind: string;
  readonly actorId: string | null;
  readonly actorName: string | null;
  readonly act: string;
  readonly targetKind: string;
  readonly targetId: string | null;
  readonly outcome: StoredRow['outcome'];
  readonly ofSeq: number | string | null;
  readonly code: string | null;
  readonly beforeDigest: string | null;
  readonly afterDigest: string | null;
  /** Names, separated by spaces. */
  readonly changed: string;
  readonly reason: Buffer | null;
  readonly reasonDigest: string | null;
  readonly ip: string | null;
  readonly requestId: string | null;
  readonly previous: string;
  readonly hash: string;
}

export function defineRow(sequelize: Sequelize) {
  // Each attribute an object of its own: Sequelize writes into it.
  const text = (length: number, field?: string) => ({
    type: DataTypes.STRING(length),
    allowNull: true,
    field,
  });
  const whole = (field?: string) => ({ type: DataTypes.BIGINT, allowNull: true, field });
  return sequelize.define(
    'audit_row',
    {
      seq: { type: DataTypes.BIGINT, primaryKey: true },
      at: whole(),
      actorKind: text(20, 'actor_kind'),
      actorId: text(100, 'actor_id'),
      actorName: text(100, 'actor_name'),
      act: text(60),
      targetKind: text(40, 'target_kind'),
      targetId: text(255, 'target_id'),
      outcome: text(10),
      ofSeq: whole('of_seq'),
      code: text(60),
      beforeDigest: text(64, 'before_digest'),
      afterDigest: text(64, 'after_digest'),
      changed: text(1000),
      reason: { type: DataTypes.BLOB, allowNull: true },
      reasonDigest: text(64, 'reason_digest'),
      ip: text(64),
      requestId: text(64, 'request_id'),
      previous: text(64),
      hash: text(64),
    },
    { tableName: 'audit_rows', timestamps: false },
  );
}

export function toColumns(row: StoredRow): RowColumns {
  return {
    seq: row.seq,
    at: Date.parse(row.at),
    actorKind: row.actor.kind,
    actorId: row.actor.id,
    actorName: row.actor.name,
    act: row.act,
    targetKind: row.target.kind,
    targetId: row.target.id,
    outcome: row.outcome,
    ofSeq: row.of,
    code: row.code,
    beforeDigest: row.before,
    afterDigest: row.after,
    changed: row.changed.join(' '),
    reason: row.reason,
    reasonDigest: row.reason_digest,
    ip: row.ip,
    requestId: row.request_id,
    previous: row.previous,
    hash: row.hash,
  };
}

/** MySQL's driver may hand BIGINT over as text. */
export function fromColumns(row: RowColumns): StoredRow {
  return {
    seq: Number(row.seq),
    at: new Date(Number(row.at)).toISOString(),
    actor: { kind: row.actorKind, id: row.actorId, name: row.actorName },
    act: row.act,
    target: { kind: row.targetKind, id: row.targetId },
    outcome: row.outcome,
    of: row.ofSeq === null ? null : Number(row.ofSeq),
    code: row.code,
    before: row.beforeDigest,
    after: row.afterDigest,
    changed: row.changed === '' ? [] : row.changed.split(' '),
    reason: row.reason,
    reason_digest: row.reasonDigest,
    ip: row.ip,
    request_id: row.requestId,
    previous: row.previous,
    hash: row.hash,
  };
}
