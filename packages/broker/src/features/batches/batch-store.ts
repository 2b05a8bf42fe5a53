/** Keeps batches and their lines: on the ledger's own connections, because their rows become rows of requests. */
import { setImmediate as othersTurn } from 'node:timers/promises';
import {
  STATE,
  stateOf,
  type NewRow,
  type SqlRunner,
  type SqlValue,
  type State,
  type Statement,
} from '../../engines/ledger/ledger.ts';

/**
 * A batch is `uploading` while its lines come in: nobody sees it, and nothing of it runs. The one write that makes it
 * `accepted` is the moment of all or nothing: before it there is no batch, after it there is the whole one. Its lines
 * then get rows of their own, some at a time; it is `stored` when all have. `ended` when it was seen that none of them
 * changes any more; its counts are kept from then on. An upload that came to nothing is `forgotten` until it is deleted.
 */
export type BatchState = 'uploading' | 'forgotten' | 'accepted' | 'stored' | 'ended';

/** Times are milliseconds since 1970. */
export interface StoredBatch {
  readonly id: string;
  readonly keyId: string;
  readonly state: BatchState;
  readonly total: number;
  readonly fingerprint: Buffer | null;
  readonly createdAt: number;
  readonly cancelledAt: number | null;
  readonly completedAt: number | null;
  /** Of one that has ended. */
  readonly counts: EndedCounts;
}

export interface EndedCounts {
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly expired: number;
}

export interface NewLine {
  /** 1, 2, 3 and so on, in the order of the upload. */
  readonly line: number;
  readonly row: NewRow;
  /** The client's name for it, sealed. */
  readonly customId: Buffer;
}

export interface StateCount {
  readonly state: State;
  readonly count: number;
  /** When the last of these ended. */
  readonly lastAt: number | null;
}

export interface LineOf {
  readonly line: number;
  readonly requestId: string;
}

/** A row that has just been made of a line. */
export interface PouredRow {
  readonly line: number;
  readonly id: string;
  readonly laneId: number;
  readonly runAt: number | null;
}

export interface BatchStore {
  /** Begins an upload. */
  begin(id: string, keyId: string): Promise<void>;
  addLines(id: string, lines: readonly NewLine[]): Promise<void>;
  /** False when the idempotency key belongs to another batch, or the upload was taken for abandoned. */
  accept(id: string, total: number, idempotency: Idempotency | null): Promise<boolean>;
  /** Makes rows of the next lines that have none; which, and none when there are no more. Two may do it at once. */
  pour(id: string, after: number): Promise<PouredRow[]>;
  /** All of its lines have rows. */
  stored(id: string): Promise<void>;
  /** Deletes an upload that was not accepted, with its lines. */
  forgetUpload(id: string): Promise<void>;

  byId(id: string): Promise<StoredBatch | null>;
  byDigest(keyId: string, digest: Buffer): Promise<StoredBatch | null>;
  list(keyId: string, limit: number, before?: string): Promise<StoredBatch[]>;
  /** How many of its requests are in each state, in parts; a line without a row is in none. */
  counts(id: string, total: number): Promise<StateCount[]>;
  /** The next lines whose requests are in these states, in the order of the upload. */
  linesIn(id: string, states: readonly State[], after: number, limit: number): Promise<LineOf[]>;
  /** Where a request of the batch stands in its upload; null: it is none. */
  lineOf(id: string, requestId: string): Promise<number | null>;
  cancel(id: string): Promise<void>;
  ended(id: string, counts: EndedCounts, completedAt: number): Promise<void>;

  /** Batches with something left to do that nobody has touched for so long. */
  unfinished(idleMs: number): Promise<StoredBatch[]>;
  /** Lines of whole batches whose requests do not exist: how many, and the ids of the first. */
  lostLines(): Promise<{ count: number; sample: string[] }>;
  /** Deletes an upload that was begun longer ago and came to nothing; how many. */
  forgetAbandoned(olderThanMs: number): Promise<number>;
  /** Forgets a part of the idempotency keys older than this; how many. */
  forgetKeys(olderThanMs: number): Promise<number>;
}

export interface Idempotency {
  readonly digest: Buffer;
  readonly fingerprint: Buffer;
}

type Row = Record<string, string | number | Buffer | null>;

const COLUMNS =
  'id, key_id, state, total, fingerprint, created_at, cancelled_at, completed_at, completed, failed, cancelled, expired';
const REQUEST_COLUMNS =
  'id, lane_id, key_id, state, priority, created_at, run_at, deadline_at, wake_at, body, metadata, notify, callback, affinity, batch_id, custom_id';
const SEEN = `state IN ('accepted', 'stored', 'ended')`;
const { pending, delayed } = STATE;

const POUR_ROWS = 200;
const POUR_BYTES = 1_048_576;
const FORGET_LINES = 1_000;
const COUNT_LINES = 1_000;
const SAMPLE = 10;

export function batchStore(sql: SqlRunner): BatchStore {
  const isSqlite = sql.dialect === 'sqlite';
  // Not IGNORE: it would let a value pass that does not fit.
  const unlessThere = isSqlite ? 'ON CONFLICT (id) DO NOTHING' : 'ON DUPLICATE KEY UPDATE id = requests.id';
  const updateOnce = isSqlite ? 'UPDATE OR IGNORE' : 'UPDATE IGNORE';

  async function first(where: string, values: readonly SqlValue[]): Promise<StoredBatch | null> {
    const [row] = await sql.all<Row>(`SELECT ${COLUMNS} FROM batches WHERE ${where}`, values);
    return row ? toBatch(row) : null;
  }

  const byId = (id: string): Promise<StoredBatch | null> => first(`id = ? AND ${SEEN}`, [id]);

  /** From the first write on it can no longer be accepted: no batch ever has a part of its lines. */
  async function forgetUpload(id: string): Promise<void> {
    await sql.run(`UPDATE batches SET state = 'forgotten' WHERE id = ? AND state = 'uploading'`, [id]);
    if (!(await first(`id = ? AND state = 'forgotten'`, [id]))) return;
    const next = `SELECT line FROM batch_lines WHERE batch_id = ? ORDER BY line LIMIT ${FORGET_LINES}`;
    for (;;) {
      const lines = await sql.all<{ line: number }>(next, [id]);
      if (lines.length === 0) break;
      const last = Number(lines.at(-1)!.line);
      await sql.run('DELETE FROM batch_lines WHERE batch_id = ? AND line <= ?', [id, last]);
    }
    await sql.run(`DELETE FROM batches WHERE id = ? AND state = 'forgotten'`, [id]);
  }

  return {
    begin: async (id, keyId) => {
      await sql.run(
        `INSERT INTO batches (id, key_id, state, created_at, changed_at) VALUES (?, ?, 'uploading', ${sql.nowMs}, ${sql.nowMs})`,
        [id, keyId],
      );
    },
    addLines: async (id, lines) => {
      await sql.together(lines.map((line) => insertLine(id, line)));
    },
    accept: async (id, total, idempotency) => {
      const { digest = null, fingerprint = null } = idempotency ?? {};
      await sql.run(
        `${updateOnce} batches SET state = 'accepted', total = ?, digest = ?, fingerprint = ?, changed_at = ${sql.nowMs}
         WHERE id = ? AND state = 'uploading'`,
        [total, digest, fingerprint, id],
      );
      // How many rows were changed says nothing: what a lost connection did is done again.
      return (await byId(id)) !== null;
    },
    pour: async (id, after) => {
      const rows = await sql.all<Row>(
        `SELECT line, request_id, lane_id, run_at, LENGTH(body) AS bytes FROM batch_lines
         WHERE batch_id = ? AND line > ? AND body IS NOT NULL ORDER BY line LIMIT ${POUR_ROWS}`,
        [id, after],
      );
      const next = few(rows);
      if (next.length === 0) return [];
      const [from, to] = [Number(next[0]!['line']), Number(next.at(-1)!['line'])];
      const state = `CASE WHEN run_at IS NULL THEN ${pending} ELSE ${delayed} END`;
      await sql.together([
        {
          sql: `INSERT INTO requests (${REQUEST_COLUMNS})
            SELECT l.request_id, l.lane_id, b.key_id, ${state}, l.priority, l.created_at, l.run_at, l.deadline_at,
              COALESCE(l.run_at, l.deadline_at), l.body, l.metadata, l.notify, l.callback, l.affinity, b.id, l.custom_id
            FROM batch_lines l JOIN batches b ON b.id = l.batch_id
            WHERE l.batch_id = ? AND l.line BETWEEN ? AND ? AND l.body IS NOT NULL ORDER BY l.line ${unlessThere}`,
          values: [id, from, to],
        },
        {
          sql: `UPDATE batch_lines SET body = NULL, metadata = NULL, callback = NULL, custom_id = NULL
            WHERE batch_id = ? AND line BETWEEN ? AND ?`,
          values: [id, from, to],
        },
        { sql: `UPDATE batches SET changed_at = ${sql.nowMs} WHERE id = ?`, values: [id] },
      ]);
      return next.map((row) => ({
        line: Number(row['line']),
        id: String(row['request_id']),
        laneId: Number(row['lane_id']),
        runAt: numberOrNull(row['run_at']),
      }));
    },
    stored: async (id) => {
      await sql.run(`UPDATE batches SET state = 'stored' WHERE id = ? AND state = 'accepted'`, [id]);
    },
    forgetUpload,

    byId,
    byDigest: (keyId, digest) => first('key_id = ? AND digest = ?', [keyId, digest]),
    list: async (keyId, limit, before) => {
      const rows = await sql.all<Row>(
        `SELECT ${COLUMNS} FROM batches WHERE key_id = ? AND id < ? AND ${SEEN}
         ORDER BY id DESC LIMIT ${Math.trunc(limit)}`,
        [keyId, before ?? 'bat_~'],
      );
      return rows.map(toBatch);
    },
    counts: async (id, total) => {
      const counts: StateCount[] = [];
      for (let from = 0; from < total; from += COUNT_LINES) {
        const rows = await sql.all<Row>(
          `SELECT r.state AS state, COUNT(*) AS n, MAX(r.completed_at) AS last_at
           FROM batch_lines l JOIN requests r ON r.id = l.request_id
           WHERE l.batch_id = ? AND l.line > ? AND l.line <= ? GROUP BY r.state`,
          [id, from, from + COUNT_LINES],
        );
        counts.push(...rows.map(toCount));
        // SQLite does not give way to others by itself.
        await othersTurn();
      }
      return counts;
    },
    linesIn: async (id, states, after, limit) => {
      const rows = await sql.all<Row>(
        `SELECT l.line AS line, l.request_id AS request_id FROM batch_lines l JOIN requests r ON r.id = l.request_id
         WHERE l.batch_id = ? AND l.line > ? AND r.state IN (${states.map((state) => STATE[state]).join(',')})
         ORDER BY l.line LIMIT ${Math.trunc(limit)}`,
        [id, after],
      );
      return rows.map((row) => ({ line: Number(row['line']), requestId: String(row['request_id']) }));
    },
    lineOf: async (id, requestId) => {
      const [row] = await sql.all<Row>('SELECT line FROM batch_lines WHERE batch_id = ? AND request_id = ?', [
        id,
        requestId,
      ]);
      return row ? Number(row['line']) : null;
    },
    cancel: async (id) => {
      await sql.run(
        `UPDATE batches SET cancelled_at = ${sql.nowMs}, changed_at = ${sql.nowMs}
         WHERE id = ? AND cancelled_at IS NULL AND state IN ('accepted', 'stored')`,
        [id],
      );
    },
    ended: async (id, { completed, failed, cancelled, expired }, completedAt) => {
      await sql.run(
        `UPDATE batches SET state = 'ended', completed = ?, failed = ?, cancelled = ?, expired = ?, completed_at = ?
         WHERE id = ? AND state = 'stored'`,
        [completed, failed, cancelled, expired, completedAt, id],
      );
    },

    unfinished: async (idleMs) => {
      const isIdle = `changed_at < ${sql.nowMs} - ${Math.trunc(idleMs)}`;
      const select = `SELECT ${COLUMNS} FROM batches WHERE`;
      const rows = await sql.all<Row>(
        `${select} state = 'accepted' AND ${isIdle} UNION ALL ${select} state = 'stored' AND cancelled_at IS NOT NULL AND ${isIdle}`,
      );
      return rows.map(toBatch);
    },
    lostLines: async () => {
      const lost = `FROM batch_lines l JOIN batches b ON b.id = l.batch_id LEFT JOIN requests r ON r.id = l.request_id
        WHERE b.state IN ('stored', 'ended') AND r.id IS NULL`;
      const [row] = await sql.all<{ n: number }>(`SELECT COUNT(*) AS n ${lost}`);
      const sample = await sql.all<{ id: string }>(`SELECT l.request_id AS id ${lost} LIMIT ${SAMPLE}`);
      return { count: Number(row!.n), sample: sample.map(({ id }) => id) };
    },
    forgetAbandoned: async (olderThanMs) => {
      const isOld = `changed_at < ${sql.nowMs} - ${Math.trunc(olderThanMs)}`;
      const [row] = await sql.all<{ id: string }>(
        `SELECT id FROM batches WHERE state IN ('uploading', 'forgotten') AND ${isOld} LIMIT 1`,
      );
      if (!row) return 0;
      await forgetUpload(String(row.id));
      return 1;
    },
    forgetKeys: async (olderThanMs) => {
      const rows = await sql.all<{ id: string }>(
        `SELECT id FROM batches WHERE digest IS NOT NULL AND created_at < ${sql.nowMs} - ${Math.trunc(olderThanMs)} LIMIT 100`,
      );
      for (const { id } of rows) await sql.run('UPDATE batches SET digest = NULL WHERE id = ?', [id]);
      return rows.length;
    },
  };
}

function insertLine(batchId: string, { line, row, customId }: NewLine): Statement {
  const times = [row.createdAt, row.runAt, row.deadlineAt];
  return {
    sql: `INSERT INTO batch_lines (batch_id, line, request_id, lane_id, priority, created_at, run_at, deadline_at,
        affinity, notify, body, metadata, callback, custom_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    values: [
      ...[
        batchId,
        line,
        row.id,
        row.laneId,
        row.priority,
        ...times,
        row.affinity ?? null,
        Number(row.notify),
      ],
      ...[row.body, row.metadata, row.callback, customId],
    ],
  };
}

/** As many of the rows as are written at once; one that is larger goes alone. */
function few(rows: readonly Row[]): readonly Row[] {
  let room = POUR_BYTES;
  const end = rows.findIndex((row, index) => (room -= Number(row['bytes'])) < 0 && index > 0);
  return end < 0 ? rows : rows.slice(0, end);
}

function toCount(row: Row): StateCount {
  return {
    state: stateOf(Number(row['state'])),
    count: Number(row['n']),
    lastAt: numberOrNull(row['last_at']),
  };
}

/** MySQL's driver may hand BIGINT over as text. */
function numberOrNull(value: Row[string] | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function toBatch(row: Row): StoredBatch {
  const count = (name: string): number => Number(row[name]);
  return {
    id: String(row['id']),
    keyId: String(row['key_id']),
    state: row['state'] as BatchState,
    total: count('total'),
    fingerprint: (row['fingerprint'] ?? null) as Buffer | null,
    createdAt: count('created_at'),
    cancelledAt: numberOrNull(row['cancelled_at']),
    completedAt: numberOrNull(row['completed_at']),
    counts: {
      ...{ completed: count('completed'), failed: count('failed') },
      ...{ cancelled: count('cancelled'), expired: count('expired') },
    },
  };
}
