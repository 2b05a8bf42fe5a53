/** All that webhooks keep in the database: the outbox, endpoints, deliveries, and what is written in one transaction. */
import type { Clock } from '../../kernel/clock.ts';
import { deliveryCheckStore, type DeliveryCheckStore } from './delivery-check-store.ts';
import {
  deliveryStore,
  type Birth,
  type DeliveryStore,
  type NewDelivery,
  type Stores,
} from './delivery-store.ts';
import { rowSql } from './row-sql.ts';
import { endpointStore, type DisabledReason, type EndpointStore } from './endpoint-store.ts';

export type {
  Birth,
  DeliveryError,
  DeliveryState,
  DeliveryStore,
  NewDelivery,
  Released,
  Settlement,
  StoredDelivery,
  Stores,
} from './delivery-store.ts';
export type { StoredAttempt } from './delivery-log-store.ts';
export type { DisabledReason, EndpointStore, StoredEndpoint } from './endpoint-store.ts';

/** The end of a request, written in the transaction that ended it. */
export interface OutboxEvent {
  readonly n: number;
  readonly requestId: string;
  readonly keyId: string;
  readonly type: string;
  readonly createdAt: number;
}

export interface WebhookStore {
  readonly endpoints: EndpointStore;
  readonly deliveries: DeliveryStore;
  readonly checks: DeliveryCheckStore;
  /** Events in their order, after the one numbered so. */
  outboxPage(after: number, limit: number): Promise<OutboxEvent[]>;
  /**
   * Turns events into deliveries: both or neither. Doing it twice adds nothing. Resolves with the ids of those born
   * claimed: less than was asked when another broker had made the delivery before.
   */
  fanOut(
    events: readonly OutboxEvent[],
    deliveries: readonly NewDelivery[],
    birth: Birth,
  ): Promise<ReadonlySet<string>>;
  /** Deletes an endpoint and ends what is on its way to it. */
  remove(endpointId: string): Promise<void>;
  /** Disables an enabled endpoint and adds the notices of it; false when somebody else did. */
  disable(
    id: string,
    what: { reason: DisabledReason; at: number; notices: readonly NewDelivery[] },
  ): Promise<boolean>;
}

/** `clock` stands in for the database's own, in tests. */
export function webhookStore(stores: Stores, clock?: Clock): WebhookStore {
  const { sequelize, sql } = stores;
  const endpoints = endpointStore(sequelize);
  const deliveries = deliveryStore(stores, clock);
  const rows = rowSql(sql.dialect);

  return {
    endpoints,
    deliveries,
    checks: deliveryCheckStore(sequelize, clock),
    outboxPage: async (after, limit) => {
      const page = await sql.all<OutboxEvent>(
        `SELECT n, request_id AS requestId, key_id AS keyId, type, created_at AS createdAt
         FROM outbox WHERE n > ? ORDER BY n LIMIT ?`,
        [after, limit],
      );
      return page.map((row) => ({ ...row, n: Number(row.n), createdAt: Number(row.createdAt) }));
    },
    fanOut: async (events, made, birth) => {
      const told = rows.among(
        'n',
        events.map(({ n }) => n),
      );
      const inserts = deliveries.adding(made, birth);
      const changed = await sql.together([
        ...inserts,
        { sql: `DELETE FROM outbox WHERE ${told.sql}`, values: told.values },
      ]);
      const added = changed.slice(0, inserts.length).reduce((sum, count) => sum + count, 0);
      return added === made.length ? birth.ids : deliveries.heldBy(birth.run, [...birth.ids]);
    },
    remove: (endpointId) =>
      sequelize.transaction(async (transaction) => {
        await endpoints.remove(endpointId, transaction);
        await deliveries.giveUp(endpointId, transaction);
      }),
    disable: (id, { reason, at, notices }) =>
      sequelize.transaction(async (transaction) => {
        const change = { status: 'disabled', disabledReason: reason, disabledAt: at } as const;
        const isOurs = await endpoints.change(id, change, { status: 'enabled' }, transaction);
        if (isOurs) await deliveries.add(notices, transaction);
        return isOurs;
      }),
  };
}
