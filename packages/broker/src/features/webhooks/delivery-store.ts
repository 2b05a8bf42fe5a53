/** Keeps deliveries in the database: one row an event and receiver, which is also the queue they wait in. */
import { Op, QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { Clock } from '../../kernel/clock.ts';
import {
  asDelivery,
  attemptModel,
  databaseTime,
  deliveryLogStore,
  deliveryModel,
  type DeliveryLog,
} from './delivery-log-store.ts';

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

export interface DeliveryStore extends DeliveryLog {
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
  /** Makes due at once what runs have claimed whose process is dead for certain; how many. */
  takeBack(deadRuns: readonly string[]): Promise<number>;
  /** Messages to a receiver whose latest delivery failed, with ids between these two, oldest first. */
  lost(filter: { receiver: string; since: number; after: string; before: string }): Promise<StoredDelivery[]>;
  moveHost(receiver: string, host: string): Promise<void>;
  /** Ends what is on its way to an endpoint that is being deleted; what a running attempt comes to is not written. */
  giveUp(receiver: string, transaction: Transaction): Promise<void>;
}

/** Many times more than can be served at once. */
const HOSTS_PAGE = 500;
const LOST_PAGE = 200;

/** `clock` stands in for the database's own, in tests. */
export function deliveryStore(sequelize: Sequelize, clock?: Clock): DeliveryStore {
  const isSqlite = sequelize.getDialect() === 'sqlite';
  const model = deliveryModel(sequelize);
  const attempts = attemptModel(sequelize);
  const now = (): string => (clock ? String(clock.now()) : databaseTime(sequelize));
  const select = async <Row extends object>(sql: string, replacements: unknown[] = []): Promise<Row[]> =>
    sequelize.query<Row>(sql, { type: QueryTypes.SELECT, replacements });

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
      const made: ReturnType<typeof attemptOf>[] = [];
      for (const { delivery, delayMs, ...result } of settlements) {
        const isPending = result.state === 'pending';
        const change = {
          ...result,
          leaseOwner: null,
          dueHost: isPending ? delivery.host : null,
          nextAt: isPending ? sequelize.literal(`${now()} + ${Math.round(delayMs)}`) : null,
          completedAt: isPending ? null : sequelize.literal(now()),
        };
        const [changed] = await model.update(change, { where: heldBy(run, delivery), transaction });
        if (changed === 1) made.push(attemptOf(delivery, result));
      }
      if (made.length > 0) await attempts.bulkCreate(made, { ignoreDuplicates: true, transaction });
    });
  }

  function attemptOf(
    { id: deliveryId, attempts: attempt }: StoredDelivery,
    { responseStatus, latencyMs, error }: Omit<Settlement, 'delivery' | 'delayMs'>,
  ) {
    return { deliveryId, attempt, responseStatus, latencyMs, error, endedAt: sequelize.literal(now()) };
  }

  async function release(run: string, released: readonly Released[]): Promise<void> {
    for (const { delivery, delayMs } of released) {
      const nextAt = sequelize.literal(`${now()} + ${delayMs}`);
      const change = { leaseOwner: null, attempts: delivery.attempts - 1, nextAt };
      await model.update(change, { where: heldBy(run, delivery) });
    }
  }

  return {
    ...deliveryLogStore({ sequelize, model, attempts, now }),
    add: async (deliveries, transaction) => {
      if (deliveries.length === 0) return;
      const rows = deliveries.map((delivery) => rowOf(delivery, sequelize.literal(now())));
      await model.bulkCreate(rows, { ignoreDuplicates: true, transaction });
    },
    dueHosts,
    claim,
    settle,
    release,
    takeBack: async (deadRuns) => {
      if (deadRuns.length === 0) return 0;
      const change = { leaseOwner: null, nextAt: sequelize.literal(now()) };
      const where = { dueHost: { [Op.not]: null }, leaseOwner: [...deadRuns] };
      return (await model.update(change, { where }))[0];
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
