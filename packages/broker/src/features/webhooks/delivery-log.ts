/** What there is to read of deliveries, until it is forgotten: lists, one with its attempts. */
import { Op, QueryTypes, type Sequelize } from 'sequelize';
import { asDelivery, type attemptModel, type deliveryModel } from './delivery-model.ts';
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
  /** Those that have ended, oldest first. */
  attempts(id: string): Promise<StoredAttempt[]>;
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

export function deliveryLog({ sequelize, model, attempts, now }: LogDeps): DeliveryLog {
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
    attempts: async (deliveryId) => {
      const rows = await attempts.findAll({ raw: true, where: { deliveryId }, order: [['attempt', 'ASC']] });
      return (rows as unknown as StoredAttempt[]).map((row) => ({ ...row, endedAt: Number(row.endedAt) }));
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
