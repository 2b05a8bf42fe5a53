/** The statements of the sweeps, each a compare-and-set that any broker may repeat. */
import { failpoint } from '../../kernel/failpoints.ts';
import { firstIdAt } from '../../kernel/ids.ts';
import {
  eventOf,
  MAX_DELIVERIES,
  STATE,
  type Held,
  type Lately,
  type LedgerSweeps,
  type QueueWork,
} from './ledger.ts';
import { marksFor, type SqlRunner, type Statement } from './sql-runner.ts';

/** Rows that one statement names. */
const BATCH = 500;
/** Rows that one sweep looks at; the next goes on from there. */
const MUCH = 10_000;

const { pending, processing, delayed, expired, failed } = STATE;

export function ledgerSweeps(sql: SqlRunner): LedgerSweeps {
  async function lanesWithWork(laneIds?: readonly number[]): Promise<{ laneId: number; oldest: string }[]> {
    const which = laneIds ? `WHERE l.id IN (${laneIds.map((id) => Math.trunc(id)).join(',')})` : '';
    const rows = await sql.all<{ lane: number; oldest: string | null }>(
      `SELECT l.id AS lane, (SELECT r.id FROM requests r WHERE r.lane_id = l.id AND r.state = ${pending} ORDER BY r.id LIMIT 1) AS oldest
       FROM lanes l ${which}`,
    );
    return rows.flatMap(({ lane, oldest }) => (oldest === null ? [] : [{ laneId: Number(lane), oldest }]));
  }

  /** CROSS JOIN keeps SQLite from reading all that is pending, of whatever queue, to find the lanes of one. */
  async function workOf(queue: string, most: number): Promise<QueueWork> {
    const count = (state: number): string =>
      `(SELECT COUNT(*) FROM (SELECT 1 FROM lanes l CROSS JOIN requests r ${sql.byLaneAndState}
         ON r.lane_id = l.id AND r.state = ${state} WHERE l.queue = ? LIMIT ${Math.trunc(most) + 1}) c${state})`;
    const [row] = await sql.all<Record<'pending' | 'delayed' | 'processing', number>>(
      `SELECT ${count(pending)} AS pending, ${count(delayed)} AS \`delayed\`, ${count(processing)} AS processing`,
      [queue, queue, queue],
    );
    const first = `SELECT COALESCE(r.run_at, r.created_at) FROM requests r WHERE r.lane_id = l.id AND r.state = ${pending} ORDER BY r.id LIMIT 1`;
    const [oldest] = await sql.all<{ at: number | null }>(
      `SELECT MIN(since) AS at FROM (SELECT (${first}) AS since FROM lanes l WHERE l.queue = ?) firsts`,
      [queue],
    );
    return {
      ...{
        pending: Number(row!.pending),
        delayed: Number(row!.delayed),
        processing: Number(row!.processing),
      },
      oldestAt: oldest!.at === null ? null : Number(oldest!.at),
    };
  }

  /** One state a statement: each has an index of its own on SQLite. */
  async function unfinished(): Promise<{ laneId: number; count: number }[]> {
    const counts = new Map<number, number>();
    for (const state of [pending, processing, delayed]) {
      const known = state === delayed ? 'AND wake_at IS NOT NULL' : '';
      const rows = await sql.all<{ lane: number; n: number }>(
        `SELECT lane_id AS lane, COUNT(*) AS n FROM requests ${sql.byLaneAndState}
         WHERE lane_id IN (SELECT id FROM lanes) AND state = ${state} ${known} GROUP BY lane_id`,
      );
      for (const { lane, n } of rows) counts.set(Number(lane), (counts.get(Number(lane)) ?? 0) + Number(n));
    }
    return [...counts].map(([laneId, count]) => ({ laneId, count }));
  }

  /** Ids begin with the time, so that this part of the table is a range of them. */
  async function lately(sinceMs: number): Promise<Lately> {
    const second = (column: string): string => `${column} - ${column} % 1000`;
    const rows = (column: string, sum: string) =>
      sql.all<{ keyId: string; at: number; n: number }>(
        `SELECT key_id AS keyId, ${second(column)} AS at, ${sum} AS n FROM requests
         WHERE id >= ? AND ${column} >= ? GROUP BY key_id, ${second(column)} ORDER BY at`,
        [firstIdAt('req', sinceMs), sinceMs],
      );
    const sent = await rows('created_at', 'COUNT(*)');
    const used = await rows(
      'completed_at',
      'SUM(COALESCE(prompt_tokens, 0) + COALESCE(completion_tokens, 0))',
    );
    return {
      sent: sent.map(({ keyId, at, n }) => ({ keyId, atMs: Number(at), count: Number(n) })),
      used: used.map(({ keyId, at, n }) => ({ keyId, atMs: Number(at), tokens: Number(n) })),
    };
  }

  async function wake(): Promise<{ expired: string[]; nextInMs: number | null }> {
    const due = await sql.all<{ id: string; late: number }>(
      `SELECT id, deadline_at IS NOT NULL AND deadline_at <= ${sql.nowMs} AS late FROM requests
       WHERE wake_at <= ${sql.nowMs} AND state IN (${pending}, ${delayed}) ORDER BY wake_at LIMIT ${MUCH}`,
    );
    const late = due.filter((row) => Number(row.late) === 1).map((row) => row.id);
    const ready = due.filter((row) => Number(row.late) !== 1).map((row) => row.id);
    if ((await failpoint('sweep.wake')) === 'duplicate') await change(late, ready);
    await change(late, ready);
    return { expired: late, nextInMs: await nextInMs() };
  }

  async function change(late: readonly string[], ready: readonly string[]): Promise<void> {
    for (const ids of batches(late)) await sql.together(expire(sql, ids));
    for (const ids of batches(ready)) {
      const change = `UPDATE requests SET state = ${pending}, wake_at = deadline_at WHERE id IN ${marksFor(ids)} AND state = ${delayed}`;
      await sql.run(change, ids);
    }
  }

  async function nextInMs(): Promise<number | null> {
    const [row] = await sql.all<{ ms: number | null }>(
      `SELECT MIN(wake_at) - ${sql.nowMs} AS ms FROM requests WHERE wake_at > ${sql.nowMs}`,
    );
    return row === undefined || row.ms === null ? null : Number(row.ms);
  }

  async function rescue(
    dead: { graceMs: number } | { owner: string },
    poisonError: (id: string) => Buffer,
  ): Promise<number> {
    const [condition, value] =
      'owner' in dead
        ? ['r.lease_owner = ?', dead.owner]
        : [`r.lease_until < ${sql.nowMs} - ?`, dead.graceMs];
    const rows = await sql.all<{ id: string; fence: number; deliveries: number }>(
      `SELECT r.id, r.fence, r.deliveries FROM lanes l JOIN requests r ON r.lane_id = l.id AND r.state = ${processing} WHERE ${condition}`,
      [value!],
    );
    const isTwice = (await failpoint('sweep.rescue')) === 'duplicate';
    let rescued = 0;
    for (const { id, fence, deliveries } of isTwice ? [...rows, ...rows] : rows) {
      const isPoison = Number(deliveries) + 1 >= MAX_DELIVERIES;
      const change = isPoison
        ? bury(sql, { id, fence: Number(fence), error: poisonError(id) })
        : [giveBack(id, Number(fence))];
      const [changed] = await sql.together(change);
      rescued += changed!;
    }
    return rescued;
  }

  async function heldBy(owner: string): Promise<Held[]> {
    const rows = await sql.all<{ id: string; fence: number }>(
      `SELECT r.id, r.fence FROM lanes l JOIN requests r ON r.lane_id = l.id AND r.state = ${processing} WHERE r.lease_owner = ?`,
      [owner],
    );
    return rows.map(({ id, fence }) => ({ id, fence: Number(fence) }));
  }

  /** Up to the time of the last one of a batch, read from the index: neither engine deletes by a limit in the same words. */
  async function forgetIdempotencyKeys(olderThanMs: number): Promise<number> {
    const old = `created_at < ${sql.nowMs} - ?`;
    const [last] = await sql.all<{ at: number }>(
      `SELECT created_at AS at FROM idempotency_keys WHERE ${old} ORDER BY created_at LIMIT 1 OFFSET ${BATCH - 1}`,
      [olderThanMs],
    );
    const upTo = last ? ` AND created_at <= ${Math.trunc(Number(last.at))}` : '';
    return sql.run(`DELETE FROM idempotency_keys WHERE ${old}${upTo}`, [olderThanMs]);
  }

  return { lanesWithWork, workOf, unfinished, lately, wake, rescue, heldBy, forgetIdempotencyKeys };
}

function expire(sql: SqlRunner, ids: readonly string[]): Statement[] {
  const change = `UPDATE requests SET state = ${expired}, wake_at = NULL, completed_at = ${sql.nowMs}, error_code = 'deadline_exceeded', error = NULL, write_mark = ?
    WHERE id IN ${marksFor(ids)} AND state IN (${pending}, ${delayed})`;
  const mark = newMark();
  return [{ sql: change, values: [mark, ...ids] }, tell(sql, { ids, mark, event: eventOf('expired') })];
}

function bury(
  sql: SqlRunner,
  { id, fence, error }: { id: string; fence: number; error: Buffer },
): Statement[] {
  const change = `UPDATE requests SET state = ${failed}, completed_at = ${sql.nowMs}, wake_at = NULL, error_code = 'poison', error = ?,
      deliveries = deliveries + 1, lease_owner = NULL, lease_until = NULL, write_mark = ?
    WHERE id = ? AND state = ${processing} AND fence = ?`;
  const mark = newMark();
  return [
    { sql: change, values: [error, mark, id, fence] },
    tell(sql, { ids: [id], mark, event: eventOf('failed') }),
  ];
}

function giveBack(id: string, fence: number): Statement {
  const change = `UPDATE requests SET state = ${pending}, wake_at = deadline_at, deliveries = deliveries + 1, lease_owner = NULL, lease_until = NULL
    WHERE id = ? AND state = ${processing} AND fence = ?`;
  return { sql: change, values: [id, fence] };
}

/** The event of the rows that the statement before has really changed. */
function tell(
  sql: SqlRunner,
  { ids, mark, event }: { ids: readonly string[]; mark: number; event: string },
): Statement {
  const insert = `INSERT INTO outbox (request_id, key_id, type, created_at)
    SELECT id, key_id, '${event}', ${sql.nowMs} FROM requests WHERE id IN ${marksFor(ids)} AND write_mark = ? AND notify = 1`;
  return { sql: insert, values: [...ids, mark] };
}

/** A number that no other write carries: the time, and chance below it. */
function newMark(): number {
  return Date.now() * 1000 + Math.floor(Math.random() * 1000);
}

function* batches<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += BATCH) yield all.slice(from, from + BATCH);
}
