/** One write of the ledger as prepared statements of SQLite; whoever calls it holds the transaction. */
import type { StatementSync } from 'node:sqlite';
import {
  eventOf,
  STATE,
  type Claim,
  type ClaimedRow,
  type Inserted,
  type NewRow,
  type Settlement,
} from './ledger.ts';
import type { LedgerOp } from './ledger-ops.ts';
import { ROW_COLUMNS, toRow } from './ledger-reads.ts';
import { addingRows, type RowForm, type SqlValue, type Statement } from './sql-runner.ts';

/** There is one writer, so what other rooms write joins the same commit. */
export type SqliteOp =
  | LedgerOp
  | {
      readonly kind: 'statements';
      readonly statements: readonly Statement[];
      resolve(changed: number[]): void;
      reject(error: unknown): void;
    };

/** Milliseconds since 1970. */
export const NOW = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
export const INSERT_IGNORE = 'INSERT OR IGNORE';

const { pending, processing, delayed, cancelled, failed } = STATE;

const REMEMBER = `INSERT OR IGNORE INTO idempotency_keys (key_id, digest, fingerprint, request_id, created_at) VALUES (?, ?, ?, ?, ${NOW})`;

const REMEMBERED = 'SELECT request_id, fingerprint FROM idempotency_keys WHERE key_id = ? AND digest = ?';

const RETRY = `UPDATE requests SET retried_as = ?, retry_note = ? WHERE id = ? AND state = ${failed} AND retried_as IS NULL AND discarded_at IS NULL`;

const INSERT = `INSERT INTO requests (id, lane_id, key_id, state, priority, created_at, run_at, deadline_at, wake_at, body, metadata, notify, callback, retry_of, affinity)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const INSERT_CLAIMED = `INSERT INTO requests (id, lane_id, key_id, state, priority, created_at, run_at, deadline_at, wake_at, body, metadata, notify, callback, retry_of, affinity, fence, lease_owner, lease_until, started_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ${NOW} + ?, ${NOW})`;

const FIRST = `SELECT n, id, lane_id, key_id, fence, attempts, deadline_at, notify, first_lane_id, affinity, created_at, body, metadata, callback
  FROM requests WHERE lane_id = ? AND state = ${pending} ORDER BY id LIMIT ?`;

/** Row by row: one UPDATE of all with RETURNING costs twice as much, because of the tables that SQLite makes for it. */
const CLAIM = `UPDATE requests
  SET state = ${processing}, fence = fence + 1, lease_owner = ?, lease_until = ${NOW} + ?, started_at = ${NOW} WHERE n = ?`;

const SETTLE = `UPDATE requests
  SET state = ?1, attempts = attempts + ?2, wake_at = CASE WHEN ?3 IS NULL THEN NULL ELSE MIN(${NOW} + ?3, COALESCE(deadline_at, ${NOW} + ?3)) END,
    completed_at = CASE WHEN ?1 < ${delayed} THEN COALESCE(?15, ${NOW}) END, lease_owner = NULL, lease_until = NULL,
    result = ?4, error = ?5, error_code = ?6, processing_ms = ?7, prompt_tokens = ?8, completion_tokens = ?9, upstream = ?10,
    first_lane_id = CASE WHEN ?14 IS NULL THEN first_lane_id ELSE COALESCE(first_lane_id, lane_id) END, lane_id = COALESCE(?14, lane_id)
  WHERE id = ?11 AND state = ${processing} AND fence = ?12 AND lease_owner = ?13`;

const FIND = `SELECT ${ROW_COLUMNS} FROM requests WHERE id = ?`;

const NOTE_ATTEMPT = `INSERT INTO request_attempts (request_id, fence, upstream, error_code, error, ended_at) VALUES (?, ?, ?, ?, ?, ${NOW})`;

const TELL = `INSERT INTO outbox (request_id, key_id, type, created_at) SELECT id, key_id, ?, ${NOW} FROM requests WHERE id = ? AND notify = 1`;

const HAND_BACK = `UPDATE requests SET state = ${pending}, wake_at = deadline_at, lease_owner = NULL, lease_until = NULL
  WHERE id = ? AND state = ${processing} AND fence = ? AND lease_owner = ?`;

const CANCEL = `UPDATE requests SET state = ${cancelled}, completed_at = ${NOW}, error = NULL, error_code = NULL, wake_at = NULL, lease_owner = NULL, lease_until = NULL
  WHERE id = ? AND key_id = ? AND state IN (${pending}, ${delayed}, ${processing})`;

const DISCARD = `UPDATE requests SET discarded_at = ${NOW}, discard_reason = ?
  WHERE id = ? AND state = ${failed} AND discarded_at IS NULL AND retried_as IS NULL`;

const RENEW = `UPDATE requests SET lease_until = ${NOW} + ? WHERE id = ? AND state = ${processing} AND fence = ? AND lease_owner = ?`;

const CHECK = `INSERT OR REPLACE INTO idempotency_keys (key_id, digest, fingerprint, request_id, created_at) VALUES ('check', x'00', x'00', '', 0)`;

const UNCHECK = `DELETE FROM idempotency_keys WHERE key_id = 'check'`;

type Prepare = (sql: string) => StatementSync;

export function sqliteWriter(prepare: Prepare): (op: SqliteOp) => unknown {
  const didChange = (sql: string, ...values: SqlValue[]): boolean =>
    prepare(sql).run(...values).changes === 1;

  function cancel(id: string, keyId: string): boolean {
    const done = didChange(CANCEL, id, keyId);
    if (done) prepare(TELL).run(eventOf('cancelled'), id);
    return done;
  }

  return (op) => {
    if (op.kind === 'insert') return insert(prepare, op.row);
    if (op.kind === 'claim') return claim(prepare, op.claim);
    if (op.kind === 'settle') return settle(prepare, op.settlement);
    if (op.kind === 'cancel') return cancel(op.id, op.keyId);
    if (op.kind === 'check') return void [CHECK, UNCHECK].forEach((sql) => prepare(sql).run());
    if (op.kind === 'statements')
      return op.statements.map(({ sql, values }) => Number(prepare(sql).run(...values).changes));
    if (op.kind === 'discard') return didChange(DISCARD, op.reason, op.id);
    const still = op.held.filter(({ id, fence }) => didChange(RENEW, op.leaseMs, id, fence, op.owner));
    return new Set(still.map(({ id }) => id));
  };
}

function insert(prepare: Prepare, row: NewRow): Inserted {
  if (row.idempotency) {
    const { digest, fingerprint } = row.idempotency;
    const isNew = prepare(REMEMBER).run(row.keyId, digest, fingerprint, row.id).changes === 1;
    if (!isNew) {
      const earlier = prepare(REMEMBERED).get(row.keyId, digest) as {
        request_id: string;
        fingerprint: Uint8Array;
      };
      return { kind: 'repeated', id: earlier.request_id, isSame: fingerprint.equals(earlier.fingerprint) };
    }
  }
  if (row.retryOf !== null) {
    const { changes } = prepare(RETRY).run(row.id, row.retryNote ?? null, row.retryOf);
    if (changes !== 1) return { kind: 'taken' };
  }
  const waiting = row.runAt === null ? pending : delayed;
  const state = row.claimed ? processing : waiting;
  const times = [row.createdAt, row.runAt, row.deadlineAt, row.runAt ?? row.deadlineAt];
  const rest = [row.body, row.metadata, Number(row.notify), row.callback, row.retryOf, row.affinity ?? null];
  const values = [row.id, row.laneId, row.keyId, state, row.priority, ...times, ...rest];
  if (row.claimed) prepare(INSERT_CLAIMED).run(...values, row.claimed.owner, row.claimed.leaseMs);
  else prepare(INSERT).run(...values);
  return { kind: 'inserted' };
}

function claim(prepare: Prepare, { laneId, limit, owner, leaseMs }: Claim): ClaimedRow[] {
  const rows = prepare(FIRST).all(laneId, limit) as Record<string, SqlValue | Uint8Array>[];
  return rows.map((row) => {
    prepare(CLAIM).run(owner, leaseMs, row['n']!);
    return {
      id: String(row['id']),
      laneId: Number(row['lane_id']),
      keyId: String(row['key_id']),
      fence: Number(row['fence']) + 1,
      attempts: Number(row['attempts']),
      deadlineAt: row['deadline_at'] === null ? null : Number(row['deadline_at']),
      notify: row['notify'] === 1,
      firstLaneId: row['first_lane_id'] === null ? null : Number(row['first_lane_id']),
      affinity: row['affinity'] === null ? null : Number(row['affinity']),
      createdAt: Number(row['created_at']),
      body: asBuffer(row['body'] as Uint8Array),
      metadata: asBufferOrNull(row['metadata'] as Uint8Array | null),
      callback: asBufferOrNull(row['callback'] as Uint8Array | null),
    };
  });
}

function settle(prepare: Prepare, to: Settlement): boolean {
  const fence = [to.id, to.fence, to.owner];
  if (to.to === 'pending') return prepare(HAND_BACK).run(...fence).changes === 1;
  const kept = [to.result ?? null, to.error?.sealed ?? null, to.error?.code ?? null];
  const usage = [
    to.processingMs ?? null,
    to.promptTokens ?? null,
    to.completionTokens ?? null,
    to.upstream ?? null,
  ];
  const delay = to.to === 'delayed' ? (to.delayMs ?? 0) : null;
  const values = [
    STATE[to.to],
    Number(to.countsAttempt),
    delay,
    ...kept,
    ...usage,
    ...fence,
    to.laneId ?? null,
    to.completedAt ?? null,
  ];
  if (prepare(SETTLE).run(...values).changes !== 1) return false;
  if (to.error)
    prepare(NOTE_ATTEMPT).run(to.id, to.fence, to.upstream ?? null, to.error.code, to.error.sealed);
  if (to.added) for (const { form, values } of to.added) prepare(adding(form)).run(...values);
  else if (to.notify && to.to !== 'delayed') prepare(TELL).run(eventOf(to.to), to.id);
  to.onWritten?.(toRow(Object.values(prepare(FIND).get(to.id)!).map(asSqlValue)));
  return true;
}

const texts = new WeakMap<RowForm, string>();

function adding(form: RowForm): string {
  let sql = texts.get(form);
  if (sql === undefined) {
    sql = addingRows(form, 1, { insertIgnore: INSERT_IGNORE, nowMs: NOW });
    texts.set(form, sql);
  }
  return sql;
}

function asBufferOrNull(value: Uint8Array | null): Buffer | null {
  return value && asBuffer(value);
}

export function asSqlValue(value: unknown): SqlValue {
  return value instanceof Uint8Array ? asBuffer(value) : (value as SqlValue);
}

export function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
