/** The statements of the sweeps, each a compare-and-set that any broker may repeat. */
import { MAX_DELIVERIES, STATE, type LedgerSweeps } from './ledger.ts';
import type { SqlRunner } from './sql-runner.ts';

/** Rows that one sweep looks at; the next goes on from there. */
const BATCH = 500;
const MUCH = 10_000;

export function ledgerSweeps(sql: SqlRunner): LedgerSweeps {
  const { pending, processing, delayed, expired, failed } = STATE;

  async function lanesWithWork(laneIds?: readonly number[]): Promise<{ laneId: number; oldest: string }[]> {
    const rows = await sql.all<{ lane: number; oldest: string | null }>(
      `SELECT l.id AS lane, (SELECT r.id FROM requests r WHERE r.lane_id = l.id AND r.state = ${pending} ORDER BY r.id LIMIT 1) AS oldest
       FROM lanes l ${laneIds ? `WHERE l.id IN (${laneIds.map((id) => Math.trunc(id)).join(',')})` : ''}`,
    );
    return rows.flatMap(({ lane, oldest }) => (oldest === null ? [] : [{ laneId: Number(lane), oldest }]));
  }

  async function wake(): Promise<{ expired: string[]; nextInMs: number | null }> {
    const ended: string[] = [];
    const due = await sql.all<{ id: string; late: number }>(
      `SELECT id, deadline_at IS NOT NULL AND deadline_at <= ${sql.nowMs} AS late FROM requests
       WHERE wake_at <= ${sql.nowMs} AND state IN (${pending}, ${delayed}) ORDER BY wake_at LIMIT ${MUCH}`,
    );
    for (const group of batches(due.filter((row) => Number(row.late) === 1))) {
      const ids = group.map((row) => row.id);
      await sql.run(
        `UPDATE requests SET state = ${expired}, wake_at = NULL, completed_at = ${sql.nowMs}, error_code = 'deadline_exceeded', error = NULL
         WHERE id IN (${marks(ids)}) AND state IN (${pending}, ${delayed})`,
        ids,
      );
      ended.push(...ids);
    }
    for (const group of batches(due.filter((row) => Number(row.late) !== 1))) {
      const ids = group.map((row) => row.id);
      await sql.run(
        `UPDATE requests SET state = ${pending}, wake_at = deadline_at WHERE id IN (${marks(ids)}) AND state = ${delayed}`,
        ids,
      );
    }
    return { expired: ended, nextInMs: await nextInMs() };
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
    let rescued = 0;
    for (const { id, fence, deliveries } of rows) {
      const poison = Number(deliveries) + 1 >= MAX_DELIVERIES;
      const change = poison
        ? `state = ${failed}, completed_at = ${sql.nowMs}, wake_at = NULL, error_code = 'poison', error = ?`
        : `state = ${pending}, wake_at = deadline_at`;
      rescued += await sql.run(
        `UPDATE requests SET ${change}, deliveries = deliveries + 1, lease_owner = NULL, lease_until = NULL
         WHERE id = ? AND state = ${processing} AND fence = ?`,
        [...(poison ? [poisonError(id)] : []), id, Number(fence)],
      );
    }
    return rescued;
  }

  return { lanesWithWork, wake, rescue };
}

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(',');
}

function* batches<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += BATCH) yield all.slice(from, from + BATCH);
}
