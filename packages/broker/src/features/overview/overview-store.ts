/** Counts what the overview shows from the database, by its indexes, and lists requests of all keys without their content. */
import { STATE, stateOf, type SqlRunner, type SqlValue, type State } from '../../engines/ledger/ledger.ts';

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

/** Times are milliseconds since 1970. */
export interface SummaryRow {
  readonly id: string;
  readonly keyId: string;
  readonly model: string;
  readonly state: State;
  readonly priority: number;
  readonly attempts: number;
  readonly upstream: string | null;
  readonly errorCode: string | null;
  readonly tokens: number | null;
  readonly processingMs: number | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly runAt: number | null;
  readonly deadlineAt: number | null;
}

export interface SummaryFilter {
  readonly limit: number;
  readonly before?: string;
  readonly states?: readonly State[];
  readonly keyId?: string;
  readonly model?: string;
}

export interface OverviewStore {
  lanes(): Promise<Map<number, LaneCount>>;
  /** `most` at most. */
  deadLetters(most: number): Promise<number>;
  webhooks(): Promise<WebhookCounts>;
  keyNames(ids: readonly string[]): Promise<Map<string, string>>;
  /** Newest first; `reached` is where a next page goes on, null after the last. */
  requests(filter: SummaryFilter): Promise<{ rows: SummaryRow[]; reached: string | null }>;
}

/** What a list without an index of its own looks at in one page. */
const WINDOW = 5_000;
const MOST_TROUBLED = 50;
const NAMES_TOGETHER = 200;
/** States with an index by lane or of their own: few among many. */
const INDEXED: ReadonlySet<State> = new Set(['pending', 'processing', 'delayed', 'failed']);
const SUMMARY =
  'id, lane_id, key_id, state, priority, attempts, upstream, error_code, prompt_tokens, completion_tokens, ' +
  'processing_ms, created_at, started_at, completed_at, run_at, deadline_at';

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

  async function requests(filter: SummaryFilter): Promise<{ rows: SummaryRow[]; reached: string | null }> {
    const { states, keyId, model, before, limit } = filter;
    const where = before === undefined ? ['1 = 1'] : ['id < ?'];
    const values: SqlValue[] = before === undefined ? [] : [before];
    const narrow: string[] = [];
    const narrowed: SqlValue[] = [];
    if (model !== undefined) {
      narrow.push('lane_id IN (SELECT id FROM lanes WHERE model = ?)');
      narrowed.push(model);
    }
    const isIndexed = states?.every((state) => INDEXED.has(state)) ?? false;
    if (keyId !== undefined) {
      (isIndexed ? narrow : where).push('key_id = ?');
      (isIndexed ? narrowed : values).push(keyId);
    }
    const isState = states && `state IN (${states.map((state) => STATE[state]).join()})`;
    if (isIndexed) return page(await byState(states!, { where, values, narrow, narrowed, limit }), limit);
    if (isState) narrow.push(isState);
    // Without an index a list looks at a window of the newest, however many match in it.
    const newest = `SELECT ${SUMMARY} FROM requests WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT ${narrow.length > 0 ? WINDOW : limit}`;
    const text = `SELECT * FROM (${newest}) w WHERE ${['1 = 1', ...narrow].join(' AND ')} ORDER BY id DESC LIMIT ${limit}`;
    const rows = await sql.all<StoredRow>(text, [...values, ...narrowed]);
    if (rows.length >= limit || narrow.length === 0) return page(rows, limit);
    const [end] = await sql.all<{ id: string }>(
      `SELECT id FROM requests WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT 1 OFFSET ${WINDOW - 1}`,
      values,
    );
    return { ...(await page(rows, limit)), reached: end?.id ?? null };
  }

  interface Conditions {
    readonly where: readonly string[];
    readonly values: readonly SqlValue[];
    readonly narrow: readonly string[];
    readonly narrowed: readonly SqlValue[];
    readonly limit: number;
  }

  /** One state a statement, because each has its own index on SQLite; only the newest of them are read. */
  async function byState(states: readonly State[], asked: Conditions): Promise<StoredRow[]> {
    const all: StoredRow[] = [];
    for (const state of states) {
      const conditions = [inLanes, `state = ${STATE[state]}`, ...asked.where, ...asked.narrow];
      if (state === 'delayed') conditions.push('wake_at IS NOT NULL');
      const ids = await sql.all<{ id: string }>(
        `SELECT id FROM requests ${sql.byLaneAndState} WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT ${asked.limit}`,
        [...asked.values, ...asked.narrowed],
      );
      if (ids.length === 0) continue;
      const marks = ids.map(() => '?').join();
      all.push(
        ...(await sql.all<StoredRow>(
          `SELECT ${SUMMARY} FROM requests WHERE id IN (${marks})`,
          ids.map(({ id }) => id),
        )),
      );
    }
    return all.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, asked.limit);
  }

  async function page(rows: readonly StoredRow[], limit: number) {
    const models = new Map<number, string>();
    const lanes = [...new Set(rows.map((row) => Number(row.lane_id)))];
    if (lanes.length > 0)
      for (const { id, model } of await sql.all<{ id: number; model: string }>(
        `SELECT id, model FROM lanes WHERE id IN (${lanes.join()})`,
      ))
        models.set(Number(id), model);
    const reached = rows.length >= limit ? rows.at(-1)!.id : null;
    return { rows: rows.map((row) => summaryOf(row, models.get(Number(row.lane_id)) ?? '')), reached };
  }

  return {
    lanes,
    webhooks,
    requests,
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
          `SELECT id, name FROM api_keys WHERE id IN (${part.map(() => '?').join()})`,
          part,
        );
        for (const { id, name } of rows) names.set(id, name);
      }
      return names;
    },
  };
}

type StoredRow = Record<string, number | string | null> & { id: string };

function numberOf(value: number | string | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function summaryOf(row: StoredRow, model: string): SummaryRow {
  const tokens = [numberOf(row['prompt_tokens']), numberOf(row['completion_tokens'])];
  return {
    id: row.id,
    keyId: String(row['key_id']),
    model,
    state: stateOf(Number(row['state'])),
    priority: Number(row['priority']),
    attempts: Number(row['attempts']),
    upstream: row['upstream'] as string | null,
    errorCode: row['error_code'] as string | null,
    tokens: tokens.every((one) => one === null) ? null : (tokens[0] ?? 0) + (tokens[1] ?? 0),
    processingMs: numberOf(row['processing_ms']),
    createdAt: Number(row['created_at']),
    startedAt: numberOf(row['started_at']),
    completedAt: numberOf(row['completed_at']),
    runAt: numberOf(row['run_at']),
    deadlineAt: numberOf(row['deadline_at']),
  };
}
