/** Keeps deliveries in the database: one row an event and receiver, which is also the queue they wait in. */
import { DataTypes, Op, QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { Clock } from '../../kernel/clock.ts';

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

export interface DeliveryStore {
  /** Adds those that are not there yet: an event has one original for each receiver. */
  add(deliveries: readonly NewDelivery[], transaction?: Transaction): Promise<void>;
  /** Hosts with deliveries that are due, the one that waits longest first; of very many only the first. */
  dueHosts(): Promise<string[]>;
  /** Compare-and-set: what is due is ours for `leaseMs` and then due again, if nobody settles it. Counts the attempt. */
  claim(claim: Claim): Promise<StoredDelivery[]>;
  /** Writes all of them in one transaction; an attempt that has lost its claim changes nothing. */
  settle(run: string, settlements: readonly Settlement[]): Promise<void>;
  /** Hands back attempts that we broke off or could not make: due after `delayMs`, and not counted. */
  release(run: string, released: readonly Released[]): Promise<void>;
  byId(id: string): Promise<StoredDelivery | null>;
  list(filter: {
    receiver: string;
    limit: number;
    before?: string;
    state?: DeliveryState;
  }): Promise<StoredDelivery[]>;
  /** Messages to a receiver whose latest delivery failed, with ids between these two, oldest first. */
  lost(filter: { receiver: string; since: number; after: string; before: string }): Promise<StoredDelivery[]>;
  moveHost(receiver: string, host: string): Promise<void>;
  /** Deletes up to a thousand that ended before; how many. */
  forget(before: number): Promise<number>;
}

/** Many times more than can be served at once. */
const HOSTS_PAGE = 500;
const LOST_PAGE = 200;
const FORGET_PAGE = 1000;

/** `clock` stands in for the database's own, in tests. */
export function deliveryStore(sequelize: Sequelize, clock?: Clock): DeliveryStore {
  const isSqlite = sequelize.getDialect() === 'sqlite';
  const model = deliveryModel(sequelize);
  const select = async <Row extends object>(sql: string, replacements: unknown[] = []): Promise<Row[]> =>
    sequelize.query<Row>(sql, { type: QueryTypes.SELECT, replacements });

  function now(): string {
    if (clock) return String(clock.now());
    return isSqlite
      ? `CAST(unixepoch('subsec') * 1000 AS INTEGER)`
      : 'CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)';
  }

  async function dueHosts(): Promise<string[]> {
    const rows = await select<{ host: string }>(
      `${isSqlite ? SQLITE_HOSTS : MYSQL_HOSTS} WHERE due_at <= ${now()} ORDER BY due_at LIMIT ${HOSTS_PAGE}`,
    );
    return rows.map(({ host }) => host);
  }

  async function claim({ run, leaseMs, hosts, except }: Claim): Promise<StoredDelivery[]> {
    const ofHost = `SELECT * FROM (SELECT id FROM webhook_deliveries WHERE due_host = ? AND next_at <= ${now()} ORDER BY next_at LIMIT ?) AS due`;
    const found = await select<{ id: string }>(
      hosts.map(() => ofHost).join(' UNION ALL '),
      hosts.flatMap(({ host, limit }) => [host, limit]),
    );
    const ids = found.map(({ id }) => id).filter((id) => !except.has(id));
    if (ids.length === 0) return [];
    await sequelize.query(
      `UPDATE webhook_deliveries SET lease_owner = ?, attempts = attempts + 1, last_attempt_at = ${now()}, next_at = ${now()} + ?
       WHERE id IN (?) AND due_host IS NOT NULL AND next_at <= ${now()}`,
      { replacements: [run, leaseMs, ids] },
    );
    return (await model.findAll({ raw: true, where: { id: ids, leaseOwner: run } })).map(asDelivery);
  }

  async function settle(run: string, settlements: readonly Settlement[]): Promise<void> {
    await sequelize.transaction(async (transaction) => {
      for (const { delivery, delayMs, ...result } of settlements) {
        const isPending = result.state === 'pending';
        const change = {
          ...result,
          leaseOwner: null,
          dueHost: isPending ? delivery.host : null,
          nextAt: isPending ? sequelize.literal(`${now()} + ${Math.round(delayMs)}`) : null,
          completedAt: isPending ? null : sequelize.literal(now()),
        };
        await model.update(change, { where: heldBy(run, delivery), transaction });
      }
    });
  }

  async function release(run: string, released: readonly Released[]): Promise<void> {
    for (const { delivery, delayMs } of released) {
      const nextAt = sequelize.literal(`${now()} + ${delayMs}`);
      const change = { leaseOwner: null, attempts: delivery.attempts - 1, nextAt };
      await model.update(change, { where: heldBy(run, delivery) });
    }
  }

  return {
    add: async (deliveries, transaction) => {
      if (deliveries.length === 0) return;
      const rows = deliveries.map((delivery) => rowOf(delivery, sequelize.literal(now())));
      await model.bulkCreate(rows, { ignoreDuplicates: true, transaction });
    },
    dueHosts,
    claim,
    settle,
    release,
    byId: async (id) => {
      const row = await model.findOne({ raw: true, where: { id } });
      return row && asDelivery(row);
    },
    list: async ({ receiver, limit, before, state }) => {
      const where = {
        receiver,
        ...(before ? { id: { [Op.lt]: before } } : {}),
        ...(state ? { state } : {}),
      };
      return (await model.findAll({ raw: true, where, order: [['id', 'DESC']], limit })).map(asDelivery);
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
    forget: async (before) => {
      const old = await select<{ id: string }>(
        `SELECT id FROM webhook_deliveries WHERE completed_at < ? LIMIT ${FORGET_PAGE}`,
        [before],
      );
      if (old.length > 0) await model.destroy({ where: { id: old.map(({ id }) => id) } });
      return old.length;
    },
  };
}

/** One step from host to host in the index, however many deliveries each has. MySQL calls that a loose index scan. */
const MYSQL_HOSTS = `SELECT host FROM (
  SELECT due_host AS host, MIN(next_at) AS due_at FROM webhook_deliveries WHERE due_host IS NOT NULL GROUP BY due_host
) AS hosts`;
const SQLITE_HOSTS = `SELECT host FROM (
  WITH RECURSIVE each_host(host) AS (
    SELECT MIN(due_host) FROM webhook_deliveries WHERE due_host IS NOT NULL
    UNION ALL
    SELECT (SELECT MIN(due_host) FROM webhook_deliveries WHERE due_host > each_host.host)
    FROM each_host WHERE each_host.host IS NOT NULL
  )
  SELECT host, (SELECT MIN(next_at) FROM webhook_deliveries WHERE due_host = each_host.host) AS due_at
  FROM each_host WHERE host IS NOT NULL
) AS hosts`;

/** The count of attempts is the fence: who claims again moves it on. */
function heldBy(run: string, { id, attempts }: StoredDelivery) {
  return { id, leaseOwner: run, attempts };
}

function rowOf(delivery: NewDelivery, now: object) {
  return {
    ...delivery,
    original: delivery.replayedFrom === null ? 1 : null,
    state: 'pending',
    dueHost: delivery.host,
    nextAt: now,
  };
}

/** Spread where they are used: Sequelize writes into them. */
const time = { type: DataTypes.BIGINT, allowNull: true };
const id = { type: DataTypes.STRING(30), allowNull: false };
const number = { type: DataTypes.INTEGER, allowNull: true };

function deliveryModel(sequelize: Sequelize) {
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
function asDelivery(row: unknown): StoredDelivery {
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
