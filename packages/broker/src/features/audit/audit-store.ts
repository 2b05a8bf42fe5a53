/** Keeps the audit trail: rows, its head, which every writer locks, and checkpoints. */
import { DataTypes, Op, type Sequelize, type WhereOptions } from 'sequelize';
import type { AuditCheckpoint, AuditRow, ListAuditQuery } from '../../kernel/contract.generated.ts';
import { defineRow, fromColumns, toColumns, type RowColumns } from './audit-row-store.ts';

export type StoredRow = Omit<AuditRow, 'reason'> & { readonly reason: Buffer | null };
export interface TrailEnd {
  readonly seq: number;
  readonly hash: string;
}

export interface Page {
  readonly limit: number;
  /** Rows on the other side of this one. */
  readonly cursor?: number;
}

export interface AuditStore {
  /**
   * The end of the trail, which stays the end until the transaction is over: one writer at a time, of all brokers. Only
   * within one.
   */
  lockEnd(): Promise<TrailEnd>;
  /** Writes the row that follows the locked end, and makes it the end. */
  append(row: StoredRow): Promise<void>;
  end(): Promise<TrailEnd>;
  bySeq(seq: number): Promise<StoredRow | null>;
  list(filter: Omit<ListAuditQuery, 'limit' | 'cursor'> & Page): Promise<StoredRow[]>;
  /** The last row before this time, and the first row there is. */
  lastBefore(ms: number): Promise<StoredRow | null>;
  first(): Promise<StoredRow | null>;
  /** Deletes rows up to this one. */
  removeThrough(seq: number): Promise<void>;
  /** False when there is one of this row. */
  addCheckpoint(checkpoint: AuditCheckpoint): Promise<boolean>;
  lastCheckpoint(): Promise<AuditCheckpoint | null>;
  /** Oldest first. */
  checkpoints(page: Page): Promise<AuditCheckpoint[]>;
}

export function auditStore(sequelize: Sequelize): AuditStore {
  const rows = defineRow(sequelize);
  const heads = defineHead(sequelize);
  const checkpoints = defineCheckpoint(sequelize);
  const find = async (where: WhereOptions, order: 'ASC' | 'DESC', limit: number): Promise<StoredRow[]> => {
    const found = await rows.findAll({ raw: true, where, order: [['seq', order]], limit });
    return found.map((row) => fromColumns(row as unknown as RowColumns));
  };

  return {
    lockEnd: async () => asEnd(await heads.findByPk(1, { raw: true, lock: true })),
    append: async (row) => {
      await rows.create({ ...toColumns(row) });
      await heads.update({ seq: row.seq, hash: row.hash }, { where: { id: 1 } });
    },
    end: async () => asEnd(await heads.findByPk(1, { raw: true })),
    bySeq: async (seq) => (await find({ seq }, 'ASC', 1))[0] ?? null,
    list: ({ order, limit, ...filter }) =>
      find(whereOf(filter, order), order === 'oldest' ? 'ASC' : 'DESC', limit),
    lastBefore: async (ms) => (await find({ at: { [Op.lt]: ms } }, 'DESC', 1))[0] ?? null,
    first: async () => (await find({}, 'ASC', 1))[0] ?? null,
    removeThrough: async (seq) => {
      await rows.destroy({ where: { seq: { [Op.lte]: seq } } });
    },
    addCheckpoint: async ({ seq, hash, at, public_key, signature }) => {
      if (await checkpoints.findByPk(seq, { raw: true })) return false;
      await checkpoints.create({ seq, hash, at: Date.parse(at), publicKey: public_key, signature });
      return true;
    },
    lastCheckpoint: async () =>
      asCheckpoint(await checkpoints.findOne({ raw: true, order: [['seq', 'DESC']] })),
    checkpoints: async ({ limit, cursor = 0 }) => {
      const where = { seq: { [Op.gt]: cursor } };
      const found = await checkpoints.findAll({ raw: true, where, order: [['seq', 'ASC']], limit });
      return found.map((row) => asCheckpoint(row)!);
    },
  };
}

type Filter = Omit<ListAuditQuery, 'limit' | 'cursor' | 'order'> & Pick<Page, 'cursor'>;

function whereOf(filter: Filter, order: ListAuditQuery['order']): WhereOptions {
  const { cursor, since, until, actor, act, target, outcome } = filter;
  const all: WhereOptions[] = [];
  if (cursor !== undefined) all.push({ seq: order === 'oldest' ? { [Op.gt]: cursor } : { [Op.lt]: cursor } });
  if (since) all.push({ at: { [Op.gte]: Date.parse(since) } });
  if (until) all.push({ at: { [Op.lt]: Date.parse(until) } });
  if (actor) all.push({ [Op.or]: [{ actorKind: actor }, { actorId: actor }, { actorName: actor }] });
  // `keys` is every act that begins with `keys.`; the contract lets no wildcard of LIKE but _ through.
  if (act) all.push({ [Op.or]: [{ act }, { act: { [Op.between]: [`${act}.`, `${act}/`] } }] });
  if (target) all.push({ [Op.or]: [{ targetKind: target }, { targetId: target }] });
  if (outcome) all.push({ outcome });
  return { [Op.and]: all };
}

function defineHead(sequelize: Sequelize) {
  return sequelize.define(
    'audit_head',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      seq: { type: DataTypes.BIGINT, allowNull: false },
      hash: { type: DataTypes.STRING(64), allowNull: false },
    },
    { tableName: 'audit_head', timestamps: false },
  );
}

function defineCheckpoint(sequelize: Sequelize) {
  return sequelize.define(
    'audit_checkpoint',
    {
      seq: { type: DataTypes.BIGINT, primaryKey: true },
      hash: { type: DataTypes.STRING(64), allowNull: false },
      at: { type: DataTypes.BIGINT, allowNull: false },
      publicKey: { type: DataTypes.STRING(100), allowNull: false, field: 'public_key' },
      signature: { type: DataTypes.STRING(120), allowNull: false },
    },
    { tableName: 'audit_checkpoints', timestamps: false },
  );
}

/** MySQL's driver may hand BIGINT over as text. */
function asEnd(row: unknown): TrailEnd {
  if (!row) throw new Error('The audit trail has lost its head: row 1 of audit_head is gone.');
  const { seq, hash } = row as TrailEnd;
  return { seq: Number(seq), hash };
}

function asCheckpoint(row: unknown): AuditCheckpoint | null {
  if (!row) return null;
  const { seq, hash, at, publicKey, signature } = row as Record<string, string>;
  return {
    seq: Number(seq),
    hash: hash!,
    at: new Date(Number(at)).toISOString(),
    public_key: publicKey!,
    signature: signature!,
  };
}
