/** Deliveries and their attempts as they stand in the database, and what there is to read of them until it is forgotten. */
import { DataTypes, Op, QueryTypes, type Sequelize } from 'sequelize';
import type { DeliveryError, DeliveryState, StoredDelivery } from './delivery-store.ts';

export interface StoredAttempt {
  /** Counts from 1. */
  readonly attempt: number;
  readonly endedAt: number;
  readonly responseStatus: number | null;
  /** Null: it was not made. */
  readonly latencyMs: number | null;
  readonly error: DeliveryError | null;
}

/** All conditions hold at once. */
export interface LogFilter {
  readonly keyId: string;
  readonly limit: number;
  /** Only ids below this one: where the page before ended. */
  readonly before?: string;
  /** Id of an endpoint, or `callback`. */
  readonly receiver?: string;
  readonly requestId?: string;
  readonly state?: DeliveryState;
  readonly type?: string;
}

export interface DeliveryLog {
  byId(id: string): Promise<StoredDelivery | null>;
  /** Newest first. */
  list(filter: LogFilter): Promise<StoredDelivery[]>;
  /** Those that have ended, oldest first. The one that delivered has no row: the delivery says all of it. */
  attempts(of: StoredDelivery): Promise<StoredAttempt[]>;
  /** Deletes some of those that ended longer ago, with their attempts; how many. */
  forget(olderThanMs: number): Promise<number>;
}

interface LogDeps {
  readonly sequelize: Sequelize;
  readonly model: ReturnType<typeof deliveryModel>;
  readonly attempts: ReturnType<typeof attemptModel>;
  readonly now: () => string;
}

const FORGET_BATCH = 200;

export function deliveryLogStore({ sequelize, model, attempts, now }: LogDeps): DeliveryLog {
  return {
    byId: async (id) => {
      const row = await model.findOne({ raw: true, where: { id } });
      return row && asDelivery(row);
    },
    list: async ({ keyId, limit, before, receiver, requestId, state, type }) => {
      const where = {
        keyId,
        ...(before ? { id: { [Op.lt]: before } } : {}),
        ...(receiver ? { receiver } : {}),
        ...(requestId ? { requestId } : {}),
        ...(state ? { state } : {}),
        ...(type ? { type } : {}),
      };
      return (await model.findAll({ raw: true, where, order: [['id', 'DESC']], limit })).map(asDelivery);
    },
    attempts: async (of) => {
      const where = { deliveryId: of.id };
      const rows = await attempts.findAll({ raw: true, where, order: [['attempt', 'ASC']] });
      const made = (rows as unknown as StoredAttempt[]).map((row) => ({
        ...row,
        endedAt: Number(row.endedAt),
      }));
      const isMissing = of.state === 'delivered' && made.at(-1)?.attempt !== of.attempts;
      return isMissing ? [...made, lastAttemptOf(of)] : made;
    },
    forget: async (olderThanMs) => {
      const old = await sequelize.query<{ id: string }>(
        `SELECT id FROM webhook_deliveries WHERE completed_at < ${now()} - ? ORDER BY completed_at LIMIT ${FORGET_BATCH}`,
        { type: QueryTypes.SELECT, replacements: [olderThanMs] },
      );
      if (old.length === 0) return 0;
      const ids = old.map(({ id }) => id);
      return sequelize.transaction(async (transaction) => {
        await attempts.destroy({ where: { deliveryId: ids }, transaction });
        return model.destroy({ where: { id: ids }, transaction });
      });
    },
  };
}

function lastAttemptOf(delivery: StoredDelivery): StoredAttempt {
  const { attempts: attempt, completedAt, responseStatus, latencyMs, error } = delivery;
  return { attempt, endedAt: completedAt!, responseStatus, latencyMs, error };
}

/** Milliseconds since 1970 by the database's clock, as an SQL expression. */
export function databaseTime(sequelize: Sequelize): string {
  return sequelize.getDialect() === 'sqlite'
    ? `CAST(unixepoch('subsec') * 1000 AS INTEGER)`
    : 'CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)';
}

/** Spread where they are used: Sequelize writes into them. */
const time = { type: DataTypes.BIGINT, allowNull: true };
const id = { type: DataTypes.STRING(30), allowNull: false };
const number = { type: DataTypes.INTEGER, allowNull: true };

export function deliveryModel(sequelize: Sequelize) {
  return sequelize.define(
    'webhook_delivery',
    {
      id: { ...id, primaryKey: true },
      messageId: { ...id, field: 'message_id' },
      requestId: { ...id, allowNull: true, field: 'request_id' },
      keyId: { ...id, field: 'key_id' },
      receiver: { ...id },
      type: { type: DataTypes.STRING(40), allowNull: false },
      original: { ...number },
      replayedFrom: { ...id, allowNull: true, field: 'replayed_from' },
      host: { type: DataTypes.STRING(270), allowNull: false },
      dueHost: { type: DataTypes.STRING(270), field: 'due_host' },
      state: { type: DataTypes.STRING(10), allowNull: false },
      attempts: { ...number, allowNull: false, defaultValue: 0 },
      nextAt: { ...time, field: 'next_at' },
      leaseOwner: { ...id, allowNull: true, field: 'lease_owner' },
      responseStatus: { ...number, field: 'response_status' },
      latencyMs: { ...number, field: 'latency_ms' },
      error: DataTypes.STRING(40),
      createdAt: { ...time, field: 'created_at' },
      lastAttemptAt: { ...time, field: 'last_attempt_at' },
      completedAt: { ...time, field: 'completed_at' },
      url: DataTypes.BLOB,
      body: { type: DataTypes.BLOB('medium'), allowNull: false },
      excerpt: DataTypes.BLOB,
    },
    { tableName: 'webhook_deliveries', timestamps: false },
  );
}

/** MySQL's driver may hand BIGINT over as text. */
export function asDelivery(row: unknown): StoredDelivery {
  const delivery = row as StoredDelivery;
  const at = (value: unknown): number | null => (value === null ? null : Number(value));
  return {
    ...delivery,
    nextAt: at(delivery.nextAt),
    createdAt: Number(delivery.createdAt),
    lastAttemptAt: at(delivery.lastAttemptAt),
    completedAt: at(delivery.completedAt),
  };
}

export function attemptModel(sequelize: Sequelize) {
  return sequelize.define(
    'webhook_attempt',
    {
      deliveryId: { ...id, primaryKey: true, field: 'delivery_id' },
      attempt: { ...number, allowNull: false, primaryKey: true },
      endedAt: { ...time, allowNull: false, field: 'ended_at' },
      responseStatus: { ...number, field: 'response_status' },
      latencyMs: { ...number, field: 'latency_ms' },
      error: DataTypes.STRING(40),
    },
    { tableName: 'webhook_attempts', timestamps: false },
  );
}
