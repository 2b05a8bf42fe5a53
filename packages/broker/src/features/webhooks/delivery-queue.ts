/** The part of the deliveries that moves with every request: what is due, claimed and settled, in few statements and without models. */
import type { SqlRunner, SqlValue, Statement } from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';
import { asDelivery } from './delivery-log-store.ts';
import type { Claim, NewDelivery, Released, Settlement, StoredDelivery } from './delivery-store.ts';

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
  /** Adds those that are not there yet; to be run with others in one transaction. */
  adding(deliveries: readonly NewDelivery[]): Statement[];
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
  const everyHost = sql.dialect === 'sqlite' ? SQLITE_HOSTS : MYSQL_HOSTS;

  async function claim({ run, leaseMs, hosts, except }: Claim): Promise<StoredDelivery[]> {
    const ofHost = `SELECT * FROM (SELECT id FROM webhook_deliveries WHERE due_host = ? AND next_at <= ${now()} ORDER BY next_at LIMIT ?) AS due`;
    const found = await sql.all<{ id: string }>(
      hosts.map(() => ofHost).join(' UNION ALL '),
      hosts.flatMap(({ host, limit }) => [host, limit]),
    );
    const ids = found.map(({ id }) => id).filter((id) => !except.has(id));
    if (ids.length === 0) return [];
    const marks = ids.map(() => '?').join();
    await sql.run(
      `UPDATE webhook_deliveries SET lease_owner = ?, attempts = attempts + 1, last_attempt_at = ${now()}, next_at = ${now()} + ?
       WHERE id IN (${marks}) AND due_host IS NOT NULL AND next_at <= ${now()}`,
      [run, leaseMs, ...ids],
    );
    const rows = await sql.all<StoredDelivery>(
      `SELECT ${COLUMNS} FROM webhook_deliveries WHERE id IN (${marks}) AND lease_owner = ?`,
      [...ids, run],
    );
    return rows.map(asDelivery);
  }

  async function settle(run: string, settlements: readonly Settlement[]): Promise<void> {
    const groups = Map.groupBy(settlements, ({ state }) => state === 'pending');
    const [waiting, ended] = [groups.get(true) ?? [], groups.get(false) ?? []];
    await sql.together([
      ...(settlements.length > 0 ? [logged(run, settlements)] : []),
      ...(ended.length > 0 ? [changed(run, ended, ENDED)] : []),
      ...(waiting.length > 0 ? [changed(run, waiting, WAITING)] : []),
    ]);
  }

  /** The log of attempts; of those that lost their claim nothing is written. Comes before the rows are changed. */
  function logged(run: string, settlements: readonly Settlement[]): Statement {
    const [status, latency, error] = [STATUS, LATENCY, ERROR].map((cell) => perId(settlements, cell));
    const held = heldBy(run, settlements);
    return {
      sql: `${sql.insertIgnore} INTO webhook_attempts (delivery_id, attempt, response_status, latency_ms, error, ended_at)
        SELECT id, attempts, ${status!.sql}, ${latency!.sql}, ${error!.sql}, ${now()} FROM webhook_deliveries WHERE ${held.sql}`,
      values: [...status!.values, ...latency!.values, ...error!.values, ...held.values],
    };
  }

  function changed(
    run: string,
    settlements: readonly Settlement[],
    { cells, rest }: { cells: readonly Cell[]; rest: (now: string) => string },
  ): Statement {
    const changes = cells.map((cell) => ({ ...cell, ...perId(settlements, cell) }));
    const held = heldBy(run, settlements);
    const sets = changes.map((change) => `${change.column} = ${change.before(now())}${change.sql}`);
    return {
      sql: `UPDATE webhook_deliveries SET ${sets.join(', ')}, ${rest(now())} WHERE ${held.sql}`,
      values: [...changes.flatMap(({ values }) => values), ...held.values],
    };
  }

  return {
    dueHosts: async () => {
      const rows = await sql.all<{ host: string }>(
        `${everyHost} WHERE due_at <= ${now()} ORDER BY due_at LIMIT ${HOSTS_PAGE}`,
      );
      return rows.map(({ host }) => host);
    },
    claim,
    settle,
    release: async (run, released) => {
      if (released.length === 0) return;
      await sql.together(
        released.map(({ delivery, delayMs }) => ({
          sql: `UPDATE webhook_deliveries SET lease_owner = NULL, attempts = attempts - 1, next_at = ${now()} + ?
            WHERE id = ? AND lease_owner = ? AND attempts = ?`,
          values: [delayMs, delivery.id, run, delivery.attempts],
        })),
      );
    },
    takeBack: async (deadRuns) => {
      if (deadRuns.length === 0) return 0;
      const marks = deadRuns.map(() => '?').join();
      return sql.run(
        `UPDATE webhook_deliveries SET lease_owner = NULL, next_at = ${now()} WHERE due_host IS NOT NULL AND lease_owner IN (${marks})`,
        deadRuns,
      );
    },
    adding: (deliveries) => {
      if (deliveries.length === 0) return [];
      const row = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ${now()}, ?, ?, ?)`;
      return [
        {
          sql: `${sql.insertIgnore} INTO webhook_deliveries (id, message_id, request_id, key_id, receiver, type, original,
            replayed_from, host, due_host, state, next_at, created_at, url, body) VALUES ${deliveries.map(() => row).join()}`,
          values: deliveries.flatMap((one) => [
            ...[one.id, one.messageId, one.requestId, one.keyId, one.receiver, one.type],
            ...[one.replayedFrom === null ? 1 : null, one.replayedFrom, one.host, one.host],
            ...[one.createdAt, one.url, one.body],
          ]),
        },
      ];
    },
  };
}

/** A column whose value differs from row to row. */
interface Cell {
  readonly column: string;
  readonly of: (settlement: Settlement) => SqlValue;
  /** Stands before the value, as `now + `. */
  readonly before: (now: string) => string;
}

const plain = (column: string, of: Cell['of']): Cell => ({ column, of, before: () => '' });
const STATUS = plain('response_status', ({ responseStatus }) => responseStatus);
const LATENCY = plain('latency_ms', ({ latencyMs }) => latencyMs);
const ERROR = plain('error', ({ error }) => error);
const EXCERPT = plain('excerpt', ({ excerpt }) => excerpt);
const STATE = plain('state', ({ state }) => state);
const DELAY: Cell = {
  column: 'next_at',
  of: ({ delayMs }) => Math.round(delayMs),
  before: (now) => `${now} + `,
};
const ENDED = {
  cells: [STATUS, LATENCY, ERROR, EXCERPT, STATE],
  rest: (now: string) => `lease_owner = NULL, due_host = NULL, next_at = NULL, completed_at = ${now}`,
};
const WAITING = { cells: [STATUS, LATENCY, ERROR, EXCERPT, DELAY], rest: () => 'lease_owner = NULL' };

function perId(settlements: readonly Settlement[], { of }: Cell): Statement {
  return {
    sql: `CASE id ${settlements.map(() => 'WHEN ? THEN ?').join(' ')} END`,
    values: settlements.flatMap((settlement) => [settlement.delivery.id, of(settlement)]),
  };
}

/** The count of attempts is the fence: who claims again moves it on. */
function heldBy(run: string, settlements: readonly Settlement[]): Statement {
  const each = settlements.map(() => '(id = ? AND attempts = ?)').join(' OR ');
  const values = settlements.flatMap(({ delivery }) => [delivery.id, delivery.attempts]);
  return { sql: `lease_owner = ? AND (${each})`, values: [run, ...values] };
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
