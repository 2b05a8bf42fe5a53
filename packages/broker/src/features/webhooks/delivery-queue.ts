/** The part of the deliveries that moves with every request: what is due, claimed and settled, in few statements and without models. */
import {
  addingRows,
  type AddedRow,
  type RowForm,
  type SqlRunner,
  type Statement,
} from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';
import { asDelivery } from './delivery-log-store.ts';
import type { Birth, Claim, NewDelivery, Released, Settlement, StoredDelivery } from './delivery-store.ts';
import { perId, rowSql } from './row-sql.ts';

export interface DeliveryQueue {
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
  /** Adds those that are not there yet, due now or born claimed; to be run with others in one transaction. */
  adding(deliveries: readonly NewDelivery[], birth?: Birth): Statement[];
  /** Which of these this run has claimed. */
  heldBy(run: string, ids: readonly string[]): Promise<Set<string>>;
}

/** Many times more than can be served at once. */
const HOSTS_PAGE = 500;

const COLUMNS = `id, message_id AS messageId, request_id AS requestId, key_id AS keyId, receiver, type,
  replayed_from AS replayedFrom, host, url, body, created_at AS createdAt, state, attempts, next_at AS nextAt,
  response_status AS responseStatus, latency_ms AS latencyMs, error, excerpt,
  last_attempt_at AS lastAttemptAt, completed_at AS completedAt`;

/** `clock` stands in for the database's own, in tests. */
export function deliveryQueue(sql: SqlRunner, clock?: Clock): DeliveryQueue {
  const now = (): string => (clock ? String(clock.now()) : sql.nowMs);
  const isSqlite = sql.dialect === 'sqlite';
  const { among, forRows } = rowSql(sql.dialect);

  async function claim({ run, leaseMs, hosts, except }: Claim): Promise<StoredDelivery[]> {
    const ids = (await dueOf(hosts)).filter((id) => !except.has(id));
    if (ids.length === 0) return [];
    const these = among('id', ids);
    await sql.run(
      `UPDATE webhook_deliveries SET lease_owner = ?, attempts = attempts + 1, last_attempt_at = ${now()}, next_at = ${now()} + ?
       WHERE ${these.sql} AND due_host IS NOT NULL AND next_at <= ${now()}`,
      [run, leaseMs, ...these.values],
    );
    const rows = await sql.all<StoredDelivery>(
      `SELECT ${COLUMNS} FROM webhook_deliveries WHERE ${these.sql} AND lease_owner = ?`,
      [...these.values, run],
    );
    return rows.map(asDelivery);
  }

  async function dueOf(hosts: Claim['hosts']): Promise<string[]> {
    const ofHost = `SELECT * FROM (SELECT id FROM webhook_deliveries WHERE due_host = ? AND next_at <= ${now()} ORDER BY next_at LIMIT ?) AS due`;
    const groups = isSqlite ? hosts.map((one) => [one]) : [hosts];
    const found: string[] = [];
    for (const group of groups) {
      const text = group.map(() => ofHost).join(' UNION ALL ');
      const values = group.flatMap(({ host, limit }) => [host, limit]);
      for (const { id } of await sql.all<{ id: string }>(text, values)) found.push(id);
    }
    return found;
  }

  async function settle(run: string, settlements: readonly Settlement[]): Promise<void> {
    // The log first: it is written of rows that are still held.
    const statements = [
      ...alike(settlements.filter(hasLog), logged(run)),
      ...alike(settlements, changed(run)),
    ];
    if (statements.length === 1) await sql.run(statements[0]!.sql, statements[0]!.values);
    else await sql.together(statements);
  }

  /** One statement writes those that differ only in what `perId` picks. */
  function alike(all: readonly Settlement[], make: (some: readonly Settlement[]) => Statement): Statement[] {
    const groups = Map.groupBy(all, (one) =>
      [one.state, one.responseStatus, one.error, one.delivery.attempts].join(),
    );
    return [...groups.values()].flatMap((group) => forRows(group, make));
  }

  /** The count of attempts is the fence: who claims again moves it on. */
  function heldOf(run: string, some: readonly Settlement[]): Statement {
    const these = among('id', some.map(idOf));
    return {
      sql: `${these.sql} AND lease_owner = ? AND attempts = ?`,
      values: [...these.values, run, some[0]!.delivery.attempts],
    };
  }

  const logged =
    (run: string) =>
    (some: readonly Settlement[]): Statement => {
      const { responseStatus, error } = some[0]!;
      const latency = perId(
        some.map(idOf),
        some.map(({ latencyMs }) => latencyMs),
      );
      const held = heldOf(run, some);
      return {
        sql: `${sql.insertIgnore} INTO webhook_attempts (delivery_id, attempt, response_status, latency_ms, error, ended_at)
        SELECT id, attempts, ?, ${latency.sql}, ?, ${now()} FROM webhook_deliveries WHERE ${held.sql}`,
        values: [responseStatus, ...latency.values, error, ...held.values],
      };
    };

  const changed =
    (run: string) =>
    (some: readonly Settlement[]): Statement => {
      const { state, responseStatus, error } = some[0]!;
      const ids = some.map(idOf);
      const latency = perId(
        ids,
        some.map(({ latencyMs }) => latencyMs),
      );
      const excerpt = perId(
        ids,
        some.map((one) => one.excerpt),
      );
      const delay = perId(
        ids,
        some.map(({ delayMs }) => Math.round(delayMs)),
      );
      const [rest, restValues] =
        state === 'pending'
          ? [`next_at = ${now()} + ${delay.sql}`, delay.values]
          : [`state = ?, due_host = NULL, next_at = NULL, completed_at = ${now()}`, [state]];
      const held = heldOf(run, some);
      return {
        sql: `UPDATE webhook_deliveries SET response_status = ?, latency_ms = ${latency.sql}, error = ?,
        excerpt = ${excerpt.sql}, lease_owner = NULL, ${rest} WHERE ${held.sql}`,
        values: [responseStatus, ...latency.values, error, ...excerpt.values, ...restValues, ...held.values],
      };
    };

  /** MySQL parses the long expression of its clock once for all rows. */
  function adding(deliveries: readonly NewDelivery[], birth?: Birth): Statement[] {
    if (deliveries.length === 0) return [];
    const { insertIgnore } = sql;
    const nowMs = isSqlite ? now() : '@now';
    const inserts = forRows(deliveries, (some) => ({
      sql: addingRows(DELIVERY_ROW, some.length, { insertIgnore, nowMs }),
      values: some.flatMap((one) => deliveryRow(one, birth).values),
    }));
    return isSqlite ? inserts : [{ sql: `SET @now = ${now()}`, values: [] }, ...inserts];
  }

  return {
    dueHosts: async () => {
      const rows = await sql.all<{ host: string }>(
        `${isSqlite ? SQLITE_HOSTS : MYSQL_HOSTS} WHERE due_at <= ${now()} ORDER BY due_at LIMIT ${HOSTS_PAGE}`,
      );
      return rows.map(({ host }) => host);
    },
    claim,
    settle,
    release: async (run, released) => {
      const groups = Map.groupBy(released, ({ delivery, delayMs }) => `${delivery.attempts} ${delayMs}`);
      const statements = [...groups.values()].flatMap((group) =>
        forRows(group, (some) => {
          const { delivery, delayMs } = some[0]!;
          const these = among('id', some.map(idOf));
          return {
            sql: `UPDATE webhook_deliveries SET lease_owner = NULL, attempts = attempts - 1, next_at = ${now()} + ?
              WHERE ${these.sql} AND lease_owner = ? AND attempts = ?`,
            values: [delayMs, ...these.values, run, delivery.attempts],
          };
        }),
      );
      if (statements.length > 0) await sql.together(statements);
    },
    takeBack: async (deadRuns) => {
      if (deadRuns.length === 0) return 0;
      const theirs = among('lease_owner', deadRuns);
      return sql.run(
        `UPDATE webhook_deliveries SET lease_owner = NULL, next_at = ${now()} WHERE due_host IS NOT NULL AND ${theirs.sql}`,
        theirs.values,
      );
    },
    adding,
    heldBy: async (run, ids) => {
      if (ids.length === 0) return new Set();
      const these = among('id', ids);
      const rows = await sql.all<{ id: string }>(
        `SELECT id FROM webhook_deliveries WHERE ${these.sql} AND lease_owner = ?`,
        [...these.values, run],
      );
      return new Set(rows.map(({ id }) => id));
    },
  };
}

const DELIVERY_ROW: RowForm = {
  table: 'webhook_deliveries',
  columns: [
    ...['id', 'message_id', 'request_id', 'key_id', 'receiver', 'type', 'original', 'replayed_from'],
    ...['host', 'due_host', 'created_at', 'url', 'body', 'state'],
    ...['lease_owner', 'attempts', 'next_at', 'last_attempt_at'],
  ],
  fromNow: ['next_at', 'last_attempt_at'],
};

/** A new delivery as it is stored: due now, or born claimed. */
export function deliveryRow(one: NewDelivery, birth?: Birth): AddedRow {
  const isBorn = birth?.ids.has(one.id) === true;
  return {
    form: DELIVERY_ROW,
    values: [
      ...[one.id, one.messageId, one.requestId, one.keyId, one.receiver, one.type],
      ...[one.replayedFrom === null ? 1 : null, one.replayedFrom],
      ...[one.host, one.host, one.createdAt, one.url, one.body, 'pending'],
      ...(isBorn ? [birth.run, 1, birth.leaseMs, 0] : [null, 0, 0, null]),
    ],
  };
}

function idOf({ delivery }: Settlement | Released): string {
  return delivery.id;
}

/** Of an attempt that delivered, the delivery itself says all that the log would. */
function hasLog({ state }: Settlement): boolean {
  return state !== 'delivered';
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
