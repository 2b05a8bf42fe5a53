/** Keeps operations in the database; leases are compared with the database's clock. */
import { DataTypes, literal, Op, type Sequelize, type WhereOptions } from 'sequelize';
import { rowsOf } from '../../engines/database/database.ts';
import { marksFor } from '../../engines/ledger/ledger.ts';

export type OperationState = 'running' | 'completed' | 'cancelled';

export interface Progress {
  /** Null until they are counted. */
  readonly matched: number | null;
  readonly done: number;
  readonly skipped: number;
  /** The last thing that was looked at. */
  readonly reached: string | null;
}

/** Times are milliseconds since 1970. */
export interface StoredOperation extends Progress {
  readonly id: string;
  readonly kind: string;
  readonly state: OperationState;
  readonly filter: Buffer;
  readonly reason: Buffer | null;
  readonly rate: number;
  readonly owner: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

export type NewOperation = Pick<StoredOperation, 'id' | 'kind' | 'filter' | 'reason' | 'rate'>;

/** Who takes an operation, and whose leases count for nothing because their process is dead. */
export interface Taker {
  readonly owner: string;
  readonly deadOwners: readonly string[];
  readonly leaseMs: number;
}

export interface OperationStore {
  /** Running from now on, and leased to `owner`. */
  insert(operation: NewOperation, taker: Taker): Promise<StoredOperation>;
  byId(id: string): Promise<StoredOperation | null>;
  list(filter: { limit: number; before?: string; state?: OperationState }): Promise<StoredOperation[]>;
  /** Running ones of these kinds that nobody alive holds, or that the taker holds itself. */
  free(kinds: readonly string[], taker: Taker): Promise<string[]>;
  /** Null when somebody else has it, or it does not run. */
  take(id: string, taker: Taker): Promise<StoredOperation | null>;
  /** Notes how far the owner has come; false when it is to stop: cancelled, or no longer its own. */
  save(id: string, progress: Progress, taker: Taker): Promise<boolean>;
  complete(id: string, progress: Progress, owner: string): Promise<void>;
  /** Lets go of it, so that whoever comes first goes on. */
  giveBack(id: string, progress: Progress, owner: string): Promise<void>;
  /** False when it does not run. */
  cancel(id: string): Promise<boolean>;
  /** Deletes a batch of those that ended longer ago; how many. */
  forget(olderThanMs: number): Promise<number>;
}

const FORGET_BATCH = 200;

const NOW = {
  sqlite: `CAST(unixepoch('subsec') * 1000 AS INTEGER)`,
  mysql: 'CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)',
};

export function operationStore(sequelize: Sequelize): OperationStore {
  const model = defineOperation(sequelize);
  const ids = rowsOf<{ id: string }>(model, ['id']);
  const now = NOW[sequelize.getDialect() as keyof typeof NOW];
  const at = (laterMs = 0) => literal(`${now} + ${Math.trunc(laterMs)}`) as unknown as number;

  const held = ({ owner, deadOwners }: Taker): WhereOptions => ({
    [Op.or]: [
      { owner: null },
      { owner: [owner, ...deadOwners] },
      { leaseUntil: { [Op.lt]: literal(now) as unknown as number } },
    ],
  });

  async function byId(id: string): Promise<StoredOperation | null> {
    return asOperation(await model.findOne({ raw: true, where: { id } }));
  }

  return {
    insert: async (operation, { owner, leaseMs }) => {
      await model.create({ ...operation, state: 'running', owner, leaseUntil: at(leaseMs), createdAt: at() });
      return (await byId(operation.id))!;
    },
    byId,
    list: async ({ limit, before, state }) => {
      const where = { ...(before ? { id: { [Op.lt]: before } } : {}), ...(state ? { state } : {}) };
      const rows = await model.findAll({ raw: true, where, order: [['id', 'DESC']], limit });
      return rows.map((row) => asOperation(row)!);
    },
    free: async (kinds, taker) => {
      const owners = [taker.owner, ...taker.deadOwners];
      const free = `(owner IS NULL OR owner IN ${marksFor(owners)} OR lease_until < ${now})`;
      const rows = await ids(
        `WHERE state = 'running' AND kind IN ${marksFor(kinds)} AND ${free} ORDER BY id`,
        [...kinds, ...owners],
      );
      return rows.map(({ id }) => id);
    },
    take: async (id, taker) => {
      const where = { id, state: 'running', ...held(taker) };
      await model.update({ owner: taker.owner, leaseUntil: at(taker.leaseMs) }, { where });
      const row = await byId(id);
      return row?.owner === taker.owner && row.state === 'running' ? row : null;
    },
    save: async (id, progress, { owner, leaseMs }) => {
      // Also of one that was cancelled meanwhile: its numbers are to be right.
      await model.update({ ...progress, leaseUntil: at(leaseMs) }, { where: { id, owner } });
      const row = await byId(id);
      return row?.owner === owner && row.state === 'running';
    },
    complete: async (id, progress, owner) => {
      const change = { ...progress, state: 'completed', owner: null, leaseUntil: null, endedAt: at() };
      await model.update(change, { where: { id, owner, state: 'running' } });
    },
    giveBack: async (id, progress, owner) => {
      await model.update({ ...progress, owner: null, leaseUntil: null }, { where: { id, owner } });
    },
    cancel: async (id) => {
      const change = { state: 'cancelled', endedAt: at() };
      const [changed] = await model.update(change, { where: { id, state: 'running' } });
      return changed === 1;
    },
    forget: async (olderThanMs) => {
      const where = { endedAt: { [Op.lt]: at(-olderThanMs) } };
      const old = await model.findAll({ raw: true, attributes: ['id'], where, limit: FORGET_BATCH });
      const ids = (old as unknown as { id: string }[]).map(({ id }) => id);
      return ids.length === 0 ? 0 : model.destroy({ where: { id: ids } });
    },
  };
}

function defineOperation(sequelize: Sequelize) {
  // Each attribute an object of its own: Sequelize writes the column's name into it.
  const time = (field: string) => ({ type: DataTypes.BIGINT, allowNull: true, field });
  const count = () => ({ type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 });
  const text = (length: number, allowNull: boolean) => ({ type: DataTypes.STRING(length), allowNull });
  return sequelize.define(
    'operation',
    {
      id: { type: DataTypes.STRING(30), primaryKey: true },
      kind: text(40, false),
      state: text(10, false),
      filter: { type: DataTypes.BLOB, allowNull: false },
      reason: { type: DataTypes.BLOB, allowNull: true },
      rate: count(),
      matched: { type: DataTypes.INTEGER, allowNull: true },
      done: count(),
      skipped: count(),
      reached: text(30, true),
      owner: text(30, true),
      leaseUntil: time('lease_until'),
      createdAt: time('created_at'),
      endedAt: time('ended_at'),
    },
    { tableName: 'operations', timestamps: false },
  );
}

/** MySQL's driver may hand BIGINT over as text. */
function asOperation(row: unknown): StoredOperation | null {
  if (!row) return null;
  const operation = row as StoredOperation;
  return {
    ...operation,
    createdAt: Number(operation.createdAt),
    endedAt: operation.endedAt === null ? null : Number(operation.endedAt),
  };
}
