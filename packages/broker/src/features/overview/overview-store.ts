/** Counts what the overview shows from the database, by its indexes. */
import { marksFor, STATE, type SqlRunner } from '../../engines/ledger/ledger.ts';

export interface LaneCount {
  pending: number;
  processing: number;
  delayed: number;
  /** Id of the oldest pending one. */
  oldest: string | null;
}

export interface WebhookCounts {
  readonly pending: number;
  readonly due: number;
  /** Milliseconds since the oldest was due. */
  readonly oldestDueMs: number | null;
  readonly endpoints: number;
  readonly failing: number;
  readonly disabled: number;
  readonly troubled: readonly TroubledEndpoint[];
}

export interface TroubledEndpoint {
  readonly id: string;
  readonly keyId: string;
  readonly host: string;
  readonly status: 'enabled' | 'disabled';
  readonly failingSince: number | null;
  readonly disabledReason: string | null;
}

export interface OverviewStore {
  lanes(): Promise<Map<number, LaneCount>>;
  /** `most` at most. */
  deadLetters(most: number): Promise<number>;
  webhooks(): Promise<WebhookCounts>;
  keyNames(ids: readonly string[]): Promise<Map<string, string>>;
}

const MOST_TROUBLED = 50;
const NAMES_TOGETHER = 200;
export function overviewStore(sql: SqlRunner): OverviewStore {
  const inLanes = 'lane_id IN (SELECT id FROM lanes)';

  async function lanes(): Promise<Map<number, LaneCount>> {
    const found = new Map<number, LaneCount>();
    for (const state of ['pending', 'processing', 'delayed'] as const) {
      const known = state === 'delayed' ? 'AND wake_at IS NOT NULL' : '';
      const oldest = state === 'pending' ? 'MIN(id)' : 'NULL';
      const rows = await sql.all<{ lane: number; n: number; oldest: string | null }>(
        `SELECT lane_id AS lane, COUNT(*) AS n, ${oldest} AS oldest FROM requests ${sql.byLaneAndState}
         WHERE ${inLanes} AND state = ${STATE[state]} ${known} GROUP BY lane_id`,
      );
      for (const row of rows) {
        const one = found.get(Number(row.lane)) ?? { pending: 0, processing: 0, delayed: 0, oldest: null };
        found.set(Number(row.lane), one);
        one[state] = Number(row.n);
        one.oldest ??= row.oldest;
      }
    }
    return found;
  }

  async function webhooks(): Promise<WebhookCounts> {
    const [due] = await sql.all<{ n: number; due: number | null; late: number | null }>(
      `SELECT COUNT(*) AS n, SUM(CASE WHEN next_at <= ${sql.nowMs} THEN 1 ELSE 0 END) AS due,
         ${sql.nowMs} - MIN(next_at) AS late
       FROM webhook_deliveries WHERE due_host IS NOT NULL`,
    );
    const [all] = await sql.all<{ n: number; failing: number | null; disabled: number | null }>(
      `SELECT COUNT(*) AS n, SUM(CASE WHEN status = 'disabled' THEN 1 ELSE 0 END) AS disabled,
         SUM(CASE WHEN status = 'enabled' AND failing_since IS NOT NULL THEN 1 ELSE 0 END) AS failing
       FROM webhook_endpoints`,
    );
    const troubled = await sql.all<TroubledEndpoint>(
      `SELECT id, key_id AS keyId, host, status, failing_since AS failingSince, disabled_reason AS disabledReason
       FROM webhook_endpoints WHERE status = 'disabled' OR failing_since IS NOT NULL
       ORDER BY id LIMIT ${MOST_TROUBLED}`,
    );
    const dueNow = Number(due?.due ?? 0);
    return {
      pending: Number(due?.n ?? 0),
      due: dueNow,
      oldestDueMs: dueNow === 0 ? null : Number(due!.late),
      endpoints: Number(all?.n ?? 0),
      failing: Number(all?.failing ?? 0),
      disabled: Number(all?.disabled ?? 0),
      troubled: troubled.map((row) => ({ ...row, failingSince: numberOf(row.failingSince) })),
    };
  }

  return {
    lanes,
    webhooks,
    deadLetters: async (most) => {
      const [row] = await sql.all<{ n: number }>(
        `SELECT COUNT(*) AS n FROM (
           SELECT 1 AS one FROM requests ${sql.byLaneAndState}
           WHERE ${inLanes} AND state = ${STATE.failed} AND discarded_at IS NULL AND retried_as IS NULL
           LIMIT ${Math.trunc(most)}) some`,
      );
      return Number(row?.n ?? 0);
    },
    keyNames: async (ids) => {
      const names = new Map<string, string>();
      for (let from = 0; from < ids.length; from += NAMES_TOGETHER) {
        const part = ids.slice(from, from + NAMES_TOGETHER);
        const rows = await sql.all<{ id: string; name: string }>(
          `SELECT id, name FROM api_keys WHERE id IN ${marksFor(part)}`,
          part,
        );
        for (const { id, name } of rows) names.set(id, name);
      }
      return names;
    },
  };
}

function numberOf(value: number | string | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
