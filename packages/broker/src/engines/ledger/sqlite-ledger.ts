/** The ledger on SQLite: one handle of its own, one transaction for all writes of a moment in the event loop's thread, and the disk beside it. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { failpoint, failpointSync } from '../../kernel/failpoints.ts';
import { SQLITE_PRAGMAS } from '../database/database.ts';
import { checkpoints } from './checkpoints.ts';
import { laneBook } from './lane-book.ts';
import { leaseBook } from './lease-book.ts';
import { ledgerChecks } from './ledger-checks.ts';
import { ledgerReads } from './ledger-reads.ts';
import { ledgerSweeps } from './ledger-sweeps.ts';
import { LedgerUnavailable, type ClaimedRow, type Inserted, type Ledger, type NewRow } from './ledger.ts';
import { bytesOf, type OpsOf } from './ledger-ops.ts';
import { SelfClockedFlush } from './self-clocked-flush.ts';
import type { SqlRunner, SqlValue, Statement } from './sql-runner.ts';
import { ledgerWrites } from './ledger-writes.ts';
import { asBuffer, asSqlValue, INSERT_IGNORE, NOW, type SqliteOp, sqliteWriter } from './sqlite-writer.ts';
import { type Sync, walOnDisk } from './wal-on-disk.ts';

/** Of the texts that callers build, not many more are alive. */
const REMEMBERED_STATEMENTS = 500;
const FLUSH_LIMITS = { maxOps: 256, maxBytes: 8 * 1024 * 1024, maxTurns: 8 };
/** The disk is waited for beside the transaction; the log is copied by a thread, and here only if that does not keep up. */
const OWN_PRAGMAS = ['synchronous=NORMAL', 'wal_autocheckpoint=4000'];
const BUSY = 5;
const BUSY_LIMIT_MS = 5_000;
const BUSY_PAUSE_MS = 2;

/** `sync`: how the disk is asked, for tests. */
export function openSqliteLedger(file: string, sync?: Sync): Ledger {
  const db = new DatabaseSync(file, { timeout: 0 });
  for (const pragma of SQLITE_PRAGMAS) db.exec(`PRAGMA ${pragma}`);
  for (const pragma of OWN_PRAGMAS) db.exec(`PRAGMA ${pragma}`);
  const disk = walOnDisk(file, sync);
  const log = checkpoints(file);
  const prepare = rememberStatements((sql) => db.prepare(sql));
  const prepareLists = rememberStatements((sql) => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  });

  const sql: SqlRunner = {
    nowMs: NOW,
    dialect: 'sqlite',
    insertIgnore: INSERT_IGNORE,
    // Its own index of failed rows is better still.
    byLaneAndState: '',
    all: <Row>(text: string, values: readonly SqlValue[] = []) =>
      kept(whenFree(() => (prepare(text).all(...values) as object[]).map(withBuffers) as Row[])),
    lists: (text, values = []) =>
      kept(
        whenFree(() =>
          prepareLists(text)
            .all(...values)
            .map(listWithBuffers),
        ),
      ),
    run: async (text, values = []) => (await together([{ sql: text, values }]))[0]!,
    together: (all) => together(all),
  };
  const write = sqliteWriter(prepare);

  function together(statements: readonly Statement[]): Promise<number[]> {
    return new Promise((resolve, reject) => writes.add({ kind: 'statements', statements, resolve, reject }));
  }

  /** What was read is on the disk when it is told. */
  async function kept<T>(reading: Promise<T>): Promise<T> {
    const value = await reading;
    if (disk.running) await disk.running;
    if (disk.failure) throw disk.failure;
    return value;
  }

  /** All or nothing; when one operation is what fails, the others are written without it. What was written stays so. */
  async function flush(ops: SqliteOp[], bytes: number): Promise<void> {
    let isCommitted = false;
    try {
      const unsent = failpoint('ledger.before_flush');
      if (unsent) await unsent;
      if (disk.failure) throw disk.failure;
      const answers = await whenFree(() => transaction(db, () => ops.map((op) => write(op))));
      isCommitted = true;
      log.committed(bytes);
      const untold = failpoint('ledger.after_commit');
      if (untold) await untold;
      const onDisk = disk.sync(ops.some(isStarting));
      startEarly(ops, answers);
      if (onDisk) await onDisk;
      for (const [index, op] of ops.entries()) op.resolve(answers[index] as never);
    } catch (error) {
      const isRefused = !isCommitted && !(error instanceof LedgerUnavailable);
      if (ops.length > 1 && isRefused) for (const op of ops) await flush([op], sizeOf(op));
      else for (const op of ops) op.reject(error);
    }
  }

  /** Who has claimed a row may start with it while the disk is waited for: only a loss of power could undo that. */
  function startEarly(ops: readonly SqliteOp[], answers: readonly unknown[]): void {
    for (const [index, op] of ops.entries()) {
      if (op.kind === 'claim') op.resolve(answers[index] as ClaimedRow[]);
      if (isStarting(op) && (answers[index] as Inserted).kind === 'inserted') started(op);
    }
  }

  /** What goes wrong there is nobody else's. */
  function started({ row, reject }: Starting): void {
    try {
      row.claimed.onCommitted();
    } catch (error) {
      reject(error);
    }
  }

  const writes: SelfClockedFlush<SqliteOp> = new SelfClockedFlush<SqliteOp>(flush, sizeOf, FLUSH_LIMITS);
  return {
    ...ledgerWrites(writes),
    ...ledgerReads(sql),
    lanes: laneBook(sql),
    sweeps: ledgerSweeps(sql),
    leases: leaseBook(sql),
    checks: ledgerChecks(sql),
    sql,
    close: async () => {
      await writes.idle();
      disk.close();
      await log.close();
      if (db.isOpen) db.close();
    },
  };
}

function rememberStatements(prepare: (sql: string) => StatementSync): (sql: string) => StatementSync {
  const statements = new Map<string, StatementSync>();
  return (sql) => {
    const known = statements.get(sql);
    if (known) return known;
    if (statements.size >= REMEMBERED_STATEMENTS) statements.clear();
    const statement = prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
}

type Claimed = NonNullable<NewRow['claimed']>;
type Starting = OpsOf<'insert'> & { readonly row: { readonly claimed: Required<Claimed> } };

function isStarting(op: SqliteOp): op is Starting {
  return op.kind === 'insert' && op.row.claimed?.onCommitted !== undefined;
}

function sizeOf(op: SqliteOp): number {
  return op.kind === 'statements' ? 400 * op.statements.length : bytesOf(op);
}

function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const value = work();
    failpointSync('ledger.before_commit');
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
      if (!isBusy(error) || Date.now() > giveUpAt) throw asLedgerError(error);
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

/** In place: a copy with all columns would cost more than the read. */
function withBuffers(row: object): object {
  const values = row as Record<string, unknown>;
  for (const name in values) {
    const value = values[name];
    if (value instanceof Uint8Array) values[name] = asBuffer(value);
  }
  return row;
}

function listWithBuffers(row: unknown): SqlValue[] {
  const values = row as unknown[];
  for (const [index, value] of values.entries()) values[index] = asSqlValue(value);
  return values as SqlValue[];
}
