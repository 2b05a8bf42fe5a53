/** The ledger on SQLite: one handle of its own, one transaction a flush, on the event loop's thread (a commit takes well under 1 ms). */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { SQLITE_PRAGMAS } from '../database/database.ts';
import { laneBook } from './lane-book.ts';
import { ledgerReads } from './ledger-reads.ts';
import { ledgerSweeps } from './ledger-sweeps.ts';
import {
  LedgerUnavailable,
  STATE,
  type Claim,
  type ClaimedRow,
  type Ledger,
  type NewRow,
  type Settlement,
} from './ledger.ts';
import { bytesOf, type LedgerOp } from './ledger-ops.ts';
import { SelfClockedFlush } from './self-clocked-flush.ts';
import type { SqlRunner, SqlValue } from './sql-runner.ts';
import { ledgerWrites } from './ledger-writes.ts';

const NOW = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
const FLUSH_LIMITS = { maxOps: 256, maxBytes: 8 * 1024 * 1024 };
const BUSY = 5;
const BUSY_LIMIT_MS = 5_000;
const BUSY_PAUSE_MS = 2;

export function openSqliteLedger(file: string): Ledger {
  const db = new DatabaseSync(file, { timeout: 0 });
  for (const pragma of SQLITE_PRAGMAS) db.exec(`PRAGMA ${pragma}`);
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, (statement = db.prepare(sql)));
    return statement;
  };

  const sql: SqlRunner = {
    nowMs: NOW,
    insertIgnore: 'INSERT OR IGNORE',
    all: <Row>(text: string, values: readonly SqlValue[] = []) =>
      whenFree(() => (prepare(text).all(...values) as object[]).map(withBuffers) as Row[]),
    run: (text, values = []) => whenFree(() => Number(prepare(text).run(...values).changes)),
  };
  const write = sqliteWriter(prepare);

  /** All or nothing; when one operation is what fails, the others are written without it. */
  async function flush(ops: LedgerOp[]): Promise<void> {
    try {
      const answers = await whenFree(() => transaction(db, () => ops.map((op) => write(op))));
      for (const [index, op] of ops.entries()) op.resolve(answers[index] as never);
    } catch (error) {
      if (ops.length > 1 && !isBusy(error)) for (const op of ops) await flush([op]);
      else for (const op of ops) op.reject(asLedgerError(error));
    }
  }

  const writes = new SelfClockedFlush<LedgerOp>(flush, bytesOf, FLUSH_LIMITS);
  return {
    ...ledgerWrites(writes),
    ...ledgerReads(sql),
    lanes: laneBook(sql),
    sweeps: ledgerSweeps(sql),
    close: async () => {
      await writes.idle();
      if (db.isOpen) db.close();
    },
  };
}

function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const value = work();
    db.exec('COMMIT');
    return value;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** Another handle of this file may be writing; waiting happens outside SQLite, so that its owner can go on. */
async function whenFree<T>(work: () => T): Promise<T> {
  for (const giveUpAt = Date.now() + BUSY_LIMIT_MS; ;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || Date.now() > giveUpAt) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
  }
}

function isBusy(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === BUSY;
}

/** Out of space, I/O error, locked too long: the database cannot take anything now. A constraint is a defect of ours. */
function asLedgerError(error: unknown): unknown {
  const code = ((error as { errcode?: number }).errcode ?? 0) % 256;
  const outOfReach = [BUSY, 6, 8, 10, 13, 14].includes(code);
  return outOfReach ? new LedgerUnavailable((error as Error).message, { cause: error }) : error;
}

function withBuffers(row: object): object {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row))
    copy[name] = value instanceof Uint8Array ? asBuffer(value) : value;
  return copy;
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

const { pending, processing, delayed, cancelled } = STATE;

const INSERT = `INSERT INTO requests (id, lane_id, key_id, state, priority, created_at, run_at, deadline_at, wake_at, body, metadata)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const CLAIM = `UPDATE requests
  SET state = ${processing}, fence = fence + 1, lease_owner = ?, lease_until = ${NOW} + ?, started_at = ${NOW}
  WHERE n IN (SELECT n FROM requests WHERE lane_id = ? AND state = ${pending} ORDER BY id LIMIT ?)
  RETURNING id, lane_id, key_id, fence, attempts, deadline_at, body`;

const SETTLE = `UPDATE requests
  SET state = ?1, attempts = attempts + ?2, wake_at = CASE WHEN ?3 IS NULL THEN NULL ELSE MIN(${NOW} + ?3, COALESCE(deadline_at, ${NOW} + ?3)) END,
    completed_at = CASE WHEN ?1 < ${delayed} THEN ${NOW} END, lease_owner = NULL, lease_until = NULL,
    result = ?4, error = ?5, error_code = ?6, processing_ms = ?7, prompt_tokens = ?8, completion_tokens = ?9, upstream = ?10
  WHERE id = ?11 AND state = ${processing} AND fence = ?12 AND lease_owner = ?13`;

const HAND_BACK = `UPDATE requests SET state = ${pending}, wake_at = deadline_at, lease_owner = NULL, lease_until = NULL
  WHERE id = ? AND state = ${processing} AND fence = ? AND lease_owner = ?`;

const CANCEL = `UPDATE requests SET state = ${cancelled}, completed_at = ${NOW}, wake_at = NULL, lease_owner = NULL, lease_until = NULL
  WHERE id = ? AND key_id = ? AND state IN (${pending}, ${delayed}, ${processing})`;

const RENEW = `UPDATE requests SET lease_until = ${NOW} + ? WHERE id = ? AND state = ${processing} AND fence = ? AND lease_owner = ?`;

function sqliteWriter(prepare: (sql: string) => StatementSync): (op: LedgerOp) => unknown {
  function insert(row: NewRow): void {
    const state = row.runAt === null ? pending : delayed;
    const wakeAt = row.runAt ?? row.deadlineAt;
    const at = [row.createdAt, row.runAt, row.deadlineAt, wakeAt];
    prepare(INSERT).run(row.id, row.laneId, row.keyId, state, row.priority, ...at, row.body, row.metadata);
  }

  function claim({ laneId, limit, owner, leaseMs }: Claim): ClaimedRow[] {
    const rows = prepare(CLAIM).all(owner, leaseMs, laneId, limit) as Record<string, SqlValue | Uint8Array>[];
    return rows
      .map((row) => ({
        id: String(row['id']),
        laneId: Number(row['lane_id']),
        keyId: String(row['key_id']),
        fence: Number(row['fence']),
        attempts: Number(row['attempts']),
        deadlineAt: row['deadline_at'] === null ? null : Number(row['deadline_at']),
        body: asBuffer(row['body'] as Uint8Array),
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  function settle(to: Settlement): boolean {
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
    return (
      prepare(SETTLE).run(STATE[to.to], Number(to.countsAttempt), delay, ...kept, ...usage, ...fence)
        .changes === 1
    );
  }

  return (op) => {
    if (op.kind === 'insert') return insert(op.row);
    if (op.kind === 'claim') return claim(op.claim);
    if (op.kind === 'settle') return settle(op.settlement);
    if (op.kind === 'cancel') return prepare(CANCEL).run(op.id, op.keyId).changes === 1;
    const still = op.held.filter(
      ({ id, fence }) => prepare(RENEW).run(op.leaseMs, id, fence, op.owner).changes === 1,
    );
    return new Set(still.map(({ id }) => id));
  };
}
