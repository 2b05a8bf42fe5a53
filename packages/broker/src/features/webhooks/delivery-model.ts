/** How deliveries and their attempts stand in the database. */
import { DataTypes, type Sequelize } from 'sequelize';
import type { StoredDelivery } from './delivery-store.ts';

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
