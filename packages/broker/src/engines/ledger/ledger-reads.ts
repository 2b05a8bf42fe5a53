/** Reads rows: by id, many ids in one statement, and lists of one key. */
import { setImmediate as othersTurn } from 'node:timers/promises';
import { failpoint } from '../../kernel/failpoints.ts';
import {
  STATE,
  stateOf,
  type AttemptRow,
  type FactsRow,
  type ListFilter,
  type RequestRow,
  type StateUsage,
  type UsageRange,
} from './ledger.ts';
import { SelfClockedFlush } from './self-clocked-flush.ts';
import { marksFor, type SqlRunner, type SqlValue } from './sql-runner.ts';

const BARE_COLUMNS =
  'id, lane_id, first_lane_id, key_id, state, priority, attempts, created_at, started_at, completed_at, run_at, deadline_at, ' +
  'processing_ms, prompt_tokens, completion_tokens, upstream, error_code, retry_of, retried_as, discarded_at, deliveries, fence, batch_id';
/** In the order in which `toRow` reads them. */
export const ROW_COLUMNS = `${BARE_COLUMNS}, metadata, result, error, callback, retry_note, discard_reason, custom_id`;

const FACTS =
  'id, lane_id, key_id, state, attempts, created_at, completed_at, error_code, metadata, callback';

const MAX_IDS = 200;
/** Failed rows that are looked at together. */
const WINDOW = 500;

const OF_MODEL = 'lane_id IN (SELECT id FROM lanes WHERE model = ?)';
const OF_QUEUE = 'lane_id IN (SELECT id FROM lanes WHERE queue = ?)';

interface Find {
  readonly id: string;
  readonly resolve: (row: RequestRow | null) => void;
  readonly reject: (error: unknown) => void;
}

type StoredRow = Record<string, number | string | Buffer | null>;

export function ledgerReads(sql: SqlRunner) {
  const finds = new SelfClockedFlush<Find>(findTogether, () => 1, {
    maxOps: MAX_IDS,
    maxBytes: Number.POSITIVE_INFINITY,
    maxInFlight: 2,
  });

  async function findTogether(group: readonly Find[]): Promise<void> {
    try {
      const held = failpoint('ledger.read_group');
      if (held) await held;
      const ids = [...new Set(group.map(({ id }) => id))];
      const rows = await sql.lists(`SELECT ${ROW_COLUMNS} FROM requests WHERE id IN ${marksFor(ids)}`, ids);
      const found = new Map(rows.map(toRow).map((row) => [row.id, row]));
      for (const { id, resolve } of group) resolve(found.get(id) ?? null);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  type NextIds = (before: string | undefined) => Promise<string[]>;

  /** A window of ids at a time, of which only the rows that match are read; others get their turn between windows. */
  async function inWindows(filter: ListFilter, nextIds: NextIds): Promise<RequestRow[]> {
    const found: RequestRow[] = [];
    for (let { before } = filter; ;) {
      const ids = await nextIds(before);
      if (ids.length > 0) found.push(...(await listThese(ids, { ...filter, before: undefined })));
      if (found.length >= filter.limit) return found.slice(0, filter.limit);
      if (ids.length < WINDOW) return found;
      before = ids.at(-1);
      await othersTurn();
    }
  }

  /** Few among many: from the newest back, all of the table would be read for a page of them. Their ids come from an index. */
  const listFailed = ({ keyId, model, ...filter }: ListFilter): Promise<RequestRow[]> =>
    inWindows(filter, async (before) => {
      const lanes = conditions({ limit: WINDOW, before, model, from: filter.from });
      add(lanes, 'lane_id IN (SELECT id FROM lanes WHERE key_id = ?)', keyId);
      const failed = `lane_id IN (SELECT id FROM lanes) AND state = ${STATE.failed}`;
      const window = await sql.all<{ id: string }>(
        `SELECT id FROM requests ${sql.byLaneAndState} WHERE ${failed} AND ${lanes.where.join(' AND ')} ORDER BY id DESC LIMIT ${WINDOW}`,
        lanes.values,
      );
      return window.map((row) => row.id);
    });

  /** Of all keys, which may be millions: no statement looks at more than a window of them. */
  const listBare = (filter: ListFilter): Promise<RequestRow[]> =>
    inWindows(filter, async (before) => {
      const { keyId, from } = filter;
      const { where, values } = conditions({ limit: WINDOW, before, from, keyId });
      const window = await sql.all<{ id: string }>(
        `SELECT id FROM requests WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT ${WINDOW}`,
        values,
      );
      return window.map((row) => row.id);
    });

  async function listThese(ids: readonly string[], filter: ListFilter): Promise<RequestRow[]> {
    const { where, values } = conditions(filter);
    const rows = await sql.lists(
      `SELECT ${columnsOf(filter)} FROM requests WHERE id IN ${marksFor(ids)} AND ${where.join(' AND ')}
       ORDER BY id DESC LIMIT ${Math.trunc(filter.limit)}`,
      [...ids, ...values],
    );
    return rows.map(toRow);
  }

  /** Which row is the last that a page has room for; undefined when there is none. */
  async function lastWithin({ maxBytes, ...filter }: ListFilter): Promise<string | undefined> {
    const { where, values } = conditions(filter);
    const rows = await sql.all<{ id: string; bytes: number }>(
      `SELECT id, COALESCE(LENGTH(result), 0) AS bytes FROM requests WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT ${Math.trunc(filter.limit)}`,
      values,
    );
    let room = maxBytes!;
    return (rows.find(({ bytes }) => (room -= Number(bytes)) <= 0) ?? rows.at(-1))?.id;
  }

  return {
    find: (id: string): Promise<RequestRow | null> =>
      new Promise((resolve, reject) => finds.add({ id, resolve, reject })),

    async facts(ids: readonly string[]): Promise<FactsRow[]> {
      if (ids.length === 0) return [];
      const select = `SELECT ${FACTS} FROM requests WHERE id IN`;
      // SQLite prepares each text anew: one for however many ids.
      const rows =
        sql.dialect === 'sqlite'
          ? await sql.all<StoredRow>(`${select} (SELECT value FROM json_each(?))`, [JSON.stringify(ids)])
          : await sql.all<StoredRow>(`${select} ${marksFor(ids)}`, ids);
      return rows.map(toFacts);
    },

    async list(filter: ListFilter): Promise<RequestRow[]> {
      if (isOfFailed(filter)) return listFailed(filter);
      if (filter.isBare) return listBare(filter);
      const from = filter.maxBytes === undefined ? filter.from : await lastWithin(filter);
      if (filter.maxBytes !== undefined && from === undefined) return [];
      const { where, values } = conditions({ ...filter, from });
      const rows = await sql.lists(
        `SELECT ${ROW_COLUMNS} FROM requests WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT ${Math.trunc(filter.limit)}`,
        values,
      );
      return rows.map(toRow);
    },

    async usage({ keyId, from, before }: UsageRange): Promise<StateUsage[]> {
      const { where, values } = conditions({ keyId, from, before, limit: 0 });
      const rows = await sql.all<StoredRow>(
        `SELECT state, COUNT(*) AS n, COALESCE(SUM(prompt_tokens), 0) AS p, COALESCE(SUM(completion_tokens), 0) AS c
         FROM requests WHERE ${where.join(' AND ')} GROUP BY state`,
        values,
      );
      return rows.map(({ state, n, p, c }) => ({
        state: stateOf(Number(state)),
        count: Number(n),
        promptTokens: Number(p),
        completionTokens: Number(c),
      }));
    },

    async body(id: string): Promise<Buffer | null> {
      const [row] = await sql.all<{ body: Buffer }>('SELECT body FROM requests WHERE id = ?', [id]);
      return row?.body ?? null;
    },

    async waiting(laneIds: readonly number[], most: number): Promise<number[]> {
      if (laneIds.length === 0) return [];
      const counts = laneIds.map(
        (_, index) =>
          `SELECT ${index} AS i, COUNT(*) AS n FROM (SELECT 1 FROM requests ${sql.byLaneAndState}
           WHERE lane_id = ? AND state = ${STATE.pending} LIMIT ${Math.trunc(most)}) AS t${index}`,
      );
      const rows = await sql.all<{ i: number; n: number }>(counts.join(' UNION ALL '), laneIds);
      const found = new Map(rows.map(({ i, n }) => [Number(i), Number(n)]));
      return laneIds.map((_, index) => found.get(index) ?? 0);
    },

    async line(laneId: number, most: number): Promise<string[]> {
      const rows = await sql.all<{ id: string }>(
        `SELECT id FROM requests ${sql.byLaneAndState}
         WHERE lane_id = ? AND state = ${STATE.pending} ORDER BY id LIMIT ${Math.trunc(most)}`,
        [laneId],
      );
      return rows.map(({ id }) => id);
    },

    async attempts(id: string): Promise<AttemptRow[]> {
      const rows = await sql.all<StoredRow>(
        'SELECT request_id, fence, upstream, error_code, error, ended_at FROM request_attempts WHERE request_id = ? ORDER BY fence',
        [id],
      );
      return rows.map((row) => ({
        requestId: String(row['request_id']),
        fence: Number(row['fence']),
        upstream: row['upstream'] as string | null,
        errorCode: String(row['error_code']),
        error: row['error'] as Buffer | null,
        endedAt: Number(row['ended_at']),
      }));
    },
  };
}

interface Conditions {
  readonly where: string[];
  readonly values: SqlValue[];
}

function add({ where, values }: Conditions, condition: string, value: SqlValue | undefined): void {
  if (value === undefined) return;
  where.push(condition);
  values.push(value);
}

function conditions(filter: ListFilter): Conditions {
  const all: Conditions = { where: ['1 = 1'], values: [] };
  add(all, 'key_id = ?', filter.keyId);
  add(all, 'id < ?', filter.before);
  add(all, 'id >= ?', filter.from);
  add(all, 'error_code = ?', filter.errorCode);
  add(all, 'created_at >= ?', filter.createdAfter);
  add(all, 'created_at < ?', filter.createdBefore);
  add(all, OF_MODEL, filter.model);
  add(all, OF_QUEUE, filter.queue);
  if (filter.states) all.where.push(`state IN (${filter.states.map((state) => STATE[state]).join(',')})`);
  if (filter.isDeadLetter)
    all.where.push(`state = ${STATE.failed} AND discarded_at IS NULL AND retried_as IS NULL`);
  return all;
}

function columnsOf({ isBare }: ListFilter): string {
  return isBare === true ? BARE_COLUMNS : ROW_COLUMNS;
}

function isOfFailed({ isDeadLetter, states }: ListFilter): boolean {
  return isDeadLetter === true || (states?.length === 1 && states[0] === 'failed');
}

function toFacts(row: StoredRow): FactsRow {
  const { id, lane_id, key_id, state, attempts, created_at, completed_at, error_code, metadata, callback } =
    row;
  return {
    ...{ id: id as string, laneId: Number(lane_id), keyId: key_id as string, state: stateOf(Number(state)) },
    ...{ attempts: Number(attempts), createdAt: Number(created_at), errorCode: error_code as string | null },
    ...{ completedAt: completed_at === null ? null : Number(completed_at) },
    ...{ metadata: metadata as Buffer | null, callback: callback as Buffer | null },
  };
}

/** Of ROW_COLUMNS, or of BARE_COLUMNS, which are the first of them: in their order. */
export function toRow([
  id,
  laneId,
  firstLaneId,
  keyId,
  state,
  priority,
  attempts,
  createdAt,
  startedAt,
  completedAt,
  runAt,
  deadlineAt,
  processingMs,
  promptTokens,
  completionTokens,
  upstream,
  errorCode,
  retryOf,
  retriedAs,
  discardedAt,
  deliveries,
  fence,
  batchId,
  metadata,
  result,
  error,
  callback,
  retryNote,
  discardReason,
  customId,
]: readonly SqlValue[]): RequestRow {
  return {
    id: String(id),
    laneId: Number(laneId),
    firstLaneId: numberOf(firstLaneId),
    keyId: String(keyId),
    state: stateOf(Number(state)),
    priority: Number(priority),
    attempts: Number(attempts),
    createdAt: Number(createdAt),
    startedAt: numberOf(startedAt),
    completedAt: numberOf(completedAt),
    runAt: numberOf(runAt),
    deadlineAt: numberOf(deadlineAt),
    processingMs: numberOf(processingMs),
    promptTokens: numberOf(promptTokens),
    completionTokens: numberOf(completionTokens),
    upstream: textOf(upstream),
    errorCode: textOf(errorCode),
    retryOf: textOf(retryOf),
    retriedAs: textOf(retriedAs),
    discardedAt: numberOf(discardedAt),
    deliveries: Number(deliveries),
    fence: Number(fence),
    batchId: textOf(batchId),
    metadata: blobOf(metadata),
    result: blobOf(result),
    error: blobOf(error),
    callback: blobOf(callback),
    retryNote: blobOf(retryNote),
    discardReason: blobOf(discardReason),
    customId: blobOf(customId),
  };
}

function numberOf(value: SqlValue | undefined): number | null {
  return value === null ? null : Number(value);
}

function textOf(value: SqlValue | undefined): string | null {
  return value === null ? null : String(value);
}

/** Null also where it was not read. */
function blobOf(value: SqlValue | undefined): Buffer | null {
  return (value ?? null) as Buffer | null;
}
