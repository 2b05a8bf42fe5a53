/** Keeps deliveries in the database: one row an event and receiver, which is also the queue they wait in. */
import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { SqlRunner } from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';
import {
  asDelivery,
  attemptModel,
  databaseTime,
  deliveryLogStore,
  deliveryModel,
  type DeliveryLog,
} from './delivery-log-store.ts';
import { deliveryQueue, type DeliveryQueue } from './delivery-queue.ts';

export type DeliveryState = 'pending' | 'delivered' | 'failed';

/** Why an attempt came to nothing, or was not even made. */
export type DeliveryError =
  | 'status'
  | 'redirect'
  | 'timeout'
  | 'unreachable'
  | 'address_refused'
  | 'endpoint_disabled'
  | 'endpoint_deleted'
  | 'unreadable';

/** What makes a delivery. `body` and `url` are sealed for the message, so that a redelivery can carry them on. */
export interface NewDelivery {
  readonly id: string;
  readonly messageId: string;
  readonly requestId: string | null;
  readonly keyId: string;
  /** Id of an endpoint, or `callback`. */
  readonly receiver: string;
  readonly type: string;
  readonly replayedFrom: string | null;
  readonly host: string;
  /** Only of a callback; an endpoint is called where it is now. */
  readonly url: Buffer | null;
  readonly body: Buffer;
  readonly createdAt: number;
}

/** Times are milliseconds since 1970. */
export interface StoredDelivery extends NewDelivery {
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly nextAt: number | null;
  readonly responseStatus: number | null;
  readonly latencyMs: number | null;
  readonly error: DeliveryError | null;
  /** Sealed for the delivery. */
  readonly excerpt: Buffer | null;
  readonly lastAttemptAt: number | null;
  readonly completedAt: number | null;
}

/** What an attempt came to. `delayMs` until the next one; only of a pending delivery. */
export interface Settlement {
  readonly delivery: StoredDelivery;
  readonly state: DeliveryState;
  readonly delayMs: number;
  readonly responseStatus: number | null;
  readonly latencyMs: number | null;
  readonly error: DeliveryError | null;
  readonly excerpt: Buffer | null;
}

export interface Released {
  readonly delivery: StoredDelivery;
  readonly delayMs: number;
}

export interface Claim {
  readonly run: string;
  readonly leaseMs: number;
  /** How many to take of each host. */
  readonly hosts: readonly { readonly host: string; readonly limit: number }[];
  /** Ids that this run still works on: an attempt that outlived its lease is not doubled by its own process. */
  readonly except: ReadonlySet<string>;
}

/** Which new deliveries are claimed as they are stored: their first attempt counts, and nobody else is given them. */
export interface Birth {
  readonly run: string;
  readonly leaseMs: number;
  readonly ids: ReadonlySet<string>;
}

export interface DeliveryStore extends DeliveryLog, DeliveryQueue {
  /** Adds those that are not there yet: an event has one original for each receiver. */
  add(deliveries: readonly NewDelivery[], transaction?: Transaction): Promise<void>;
  /** Messages to a receiver whose latest delivery failed, with ids between these two, oldest first. */
  lost(filter: { receiver: string; since: number; after: string; before: string }): Promise<StoredDelivery[]>;
  moveHost(receiver: string, host: string): Promise<void>;
  /** Ends what is on its way to an endpoint that is being deleted; what a running attempt comes to is not written. */
  giveUp(receiver: string, transaction: Transaction): Promise<void>;
}

const LOST_PAGE = 200;

/** Models for what is rare, bare statements for what comes with every request. */
export interface Stores {
  readonly sequelize: Sequelize;
  readonly sql: SqlRunner;
}

/** `clock` stands in for the database's own, in tests. */
export function deliveryStore({ sequelize, sql }: Stores, clock?: Clock): DeliveryStore {
  const model = deliveryModel(sequelize);
  const attempts = attemptModel(sequelize);
  const now = (): string => (clock ? String(clock.now()) : databaseTime(sequelize));
  const select = async <Row extends object>(sql: string, replacements: unknown[] = []): Promise<Row[]> =>
    sequelize.query<Row>(sql, { type: QueryTypes.SELECT, replacements });

  const queue = deliveryQueue(sql, clock);

  return {
    ...queue,
    ...deliveryLogStore({ sequelize, model, attempts, now }),
    add: async (deliveries, transaction) => {
      const statements = queue.adding(deliveries);
      if (statements.length === 0) return;
      if (!transaction) return void (await sql.together(statements));
      for (const { sql: text, values } of statements)
        await sequelize.query(text, { replacements: [...values], transaction });
    },
    lost: async ({ receiver, since, after, before }) => {
      const rows = await select<{ id: string }>(
        `SELECT d.id FROM webhook_deliveries d
         WHERE d.receiver = ? AND d.id > ? AND d.id < ? AND d.state = 'failed' AND d.type <> 'webhook.test'
           AND d.created_at >= ?
           AND NOT EXISTS (SELECT 1 FROM webhook_deliveries l WHERE l.message_id = d.message_id AND l.id > d.id)
         ORDER BY d.id LIMIT ${LOST_PAGE}`,
        [receiver, after, before, since],
      );
      const where = { id: rows.map(({ id }) => id) };
      return (await model.findAll({ raw: true, where, order: [['id', 'ASC']] })).map(asDelivery);
    },
    moveHost: async (receiver, host) => {
      await model.update({ host, dueHost: host }, { where: { receiver, state: 'pending' } });
    },
    giveUp: async (receiver, transaction) => {
      const ended = { state: 'failed', error: 'endpoint_deleted', completedAt: sequelize.literal(now()) };
      await model.update(
        { ...ended, dueHost: null, nextAt: null, leaseOwner: null },
        { where: { receiver, state: 'pending' }, transaction },
      );
    },
  };
}
