/** The ledger on MySQL or MariaDB: one dedicated connection, one packet, one transaction and one fsync a flush. */
import mysql, { type Connection, type Pool, type PoolConnection, type ResultSetHeader } from 'mysql2/promise';
import { failpoint } from '../../kernel/failpoints.ts';
import { isOutOfReach } from '../connections/mysql.ts';
import { laneBook } from './lane-book.ts';
import { leaseBook } from './lease-book.ts';
import { ledgerChecks } from './ledger-checks.ts';
import { ledgerReads } from './ledger-reads.ts';
import { ledgerSweeps } from './ledger-sweeps.ts';
import { LedgerUnavailable, type Ledger } from './ledger.ts';
import { bytesOf, type LedgerOp } from './ledger-ops.ts';
import { ledgerWrites } from './ledger-writes.ts';
import { filledIn } from './mysql-literals.ts';
import { mysqlPacket } from './mysql-packet.ts';
import { SelfClockedFlush } from './self-clocked-flush.ts';
import type { SqlRunner, SqlValue, Statement } from './sql-runner.ts';

const NOW = 'CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)';
const FLUSH_LIMITS = { maxOps: 256, maxBytes: 4 * 1024 * 1024 };
const CONNECT_TIMEOUT_MS = 1_500;
/** A server that takes longer counts as away; what it was sent may still happen, which marks and fences bear. */
const QUERY_TIMEOUT_MS = 5_000;
/** They read whole tables. */
const CHECKS_TIMEOUT_MS = 600_000;
const CLOSE_TIMEOUT_MS = 1_000;
const MAX_TRIES = 20;

const CONNECTION = {
  multipleStatements: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  charset: 'utf8mb4_unicode_ci',
  supportBigNumbers: true,
  // Of each query who asked it is not remembered, for the error it hardly ever ends with.
  trace: false,
  queryFormat: filledIn,
};

const SESSION = [
  // A packet of one statement counts on it.
  'SET SESSION autocommit = 1',
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`,
  `SET SESSION time_zone = '+00:00'`,
  'SET SESSION innodb_lock_wait_timeout = 5',
].join('; ');

const BEGIN = 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED;\nSTART TRANSACTION';

/** Deadlock and lock wait: the whole transaction was rolled back and may simply run again. */
const AGAIN = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD']);

export function openMysqlLedger(url: string): Ledger {
  const pool = mysql.createPool({ uri: url, connectionLimit: 4, ...CONNECTION });
  const connection = flushConnection(url);
  const packets = mysqlPacket(NOW, (op) => writes.add(op));

  /** When one operation is why the server refuses the packet, the others are written without it. What was written stays so. */
  async function flush(ops: LedgerOp[]): Promise<void> {
    let isCommitted = false;
    try {
      const unsent = failpoint('ledger.before_flush');
      if (unsent) await unsent;
      const packet = packets.build(ops);
      const results = await transact(packet.sql);
      isCommitted = true;
      const untold = failpoint('ledger.after_commit');
      const isTwice = untold && (await untold) === 'duplicate';
      packet.answer(isTwice ? await transact(packet.sql) : results);
    } catch (error) {
      const isRefused = !isCommitted && !isOutOfReach(error) && !(error instanceof LedgerUnavailable);
      if (ops.length > 1 && isRefused) for (const op of ops) await flush([op]);
      else for (const op of ops) op.reject(asLedgerError(error));
    }
  }

  /** The packet's operations are idempotent under their mark, so it may run again when its end was not heard. */
  async function transact(sql: string): Promise<unknown> {
    let mayHaveHappened = false;
    try {
      for (let tries = 1; ; tries++) {
        const live = await connection.get();
        try {
          const [results] = await live.query({ sql, timeout: QUERY_TIMEOUT_MS });
          return results;
        } catch (error) {
          if (isOutOfReach(error)) connection.drop(live);
          else await run(live, 'ROLLBACK').catch(() => connection.drop(live));
          const again = AGAIN.has((error as { code?: string }).code ?? '')
            ? tries < MAX_TRIES
            : isOutOfReach(error) && !isTimeout(error) && tries === 1;
          if (!again) throw error;
          mayHaveHappened ||= isOutOfReach(error);
          if (mayHaveHappened) await failpoint('ledger.resend');
        }
      }
    } catch (error) {
      throw mayHaveHappened ? unavailable(error) : error;
    }
  }

  const writes: SelfClockedFlush<LedgerOp> = new SelfClockedFlush<LedgerOp>(flush, bytesOf, FLUSH_LIMITS);
  const sql = poolRunner(pool);
  return {
    ...ledgerWrites(writes),
    ...ledgerReads(sql),
    lanes: laneBook(sql),
    sweeps: ledgerSweeps(sql),
    leases: leaseBook(sql),
    checks: ledgerChecks(poolRunner(pool, CHECKS_TIMEOUT_MS)),
    sql,
    close: async () => {
      await writes.idle();
      // A server that hangs does not say goodbye.
      await Promise.race([
        Promise.all([connection.close(), pool.end()]),
        new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref()),
      ]);
    },
  };
}

function poolRunner(pool: Pool, timeoutMs = QUERY_TIMEOUT_MS): SqlRunner {
  /** Whatever it does may be done twice; a connection that was closed while it lay idle is no outage. */
  async function query<T>(text: string, values: readonly SqlValue[], rowsAsArray = false): Promise<T> {
    for (let tries = 1; ; tries++) {
      const live = await connectionOf(pool);
      try {
        const result = await run(live, text, { values, timeoutMs, rowsAsArray });
        live.release();
        return result as T;
      } catch (error) {
        if (!isOutOfReach(error)) live.release();
        else live.destroy();
        if (!isOutOfReach(error) || isTimeout(error) || tries > 1) throw asLedgerError(error);
      }
    }
  }
  return {
    nowMs: NOW,
    dialect: 'mysql',
    insertIgnore: 'INSERT IGNORE',
    byLaneAndState: 'FORCE INDEX (claim)',
    all: (text, values = []) => query(text, values),
    lists: (text, values = []) => query(text, values, true),
    run: async (text, values = []) => (await query<ResultSetHeader>(text, values)).affectedRows,
    together: (statements) => transaction(pool, statements),
  };
}

/** One packet, and its commit. Deadlocks and lock waits are run again; whoever uses it can also simply come again. */
async function transaction(pool: Pool, statements: readonly Statement[]): Promise<number[]> {
  if (statements.length === 0) return [];
  const packet = [BEGIN, ...statements.map(({ sql, values }) => filledIn(sql, values))].join(';\n');
  for (let tries = 1; ; tries++) {
    const live = await connectionOf(pool);
    try {
      const results = (await run(live, packet)) as ResultSetHeader[];
      const held = failpoint('ledger.before_commit');
      if (held) await held;
      await run(live, 'COMMIT');
      live.release();
      return results.slice(-statements.length).map(({ affectedRows }) => affectedRows);
    } catch (error) {
      if (isOutOfReach(error)) live.destroy();
      else
        await run(live, 'ROLLBACK').then(
          () => live.release(),
          () => live.destroy(),
        );
      if (AGAIN.has((error as { code?: string }).code ?? '') && tries < MAX_TRIES) continue;
      throw asLedgerError(error);
    }
  }
}

function connectionOf(pool: Pool): Promise<PoolConnection> {
  return pool.getConnection().catch((error: unknown) => {
    throw unavailable(error);
  });
}

interface RunOptions {
  readonly values?: readonly SqlValue[];
  readonly timeoutMs?: number;
  readonly rowsAsArray?: boolean;
}

async function run(
  live: Connection,
  sql: string,
  { values = [], timeoutMs = QUERY_TIMEOUT_MS, rowsAsArray = false }: RunOptions = {},
): Promise<unknown> {
  const [result] = await live.query({ sql, timeout: timeoutMs, rowsAsArray }, [...values]);
  return result;
}

function asLedgerError(error: unknown): unknown {
  return isOutOfReach(error) ? unavailable(error) : error;
}

function unavailable(error: unknown): LedgerUnavailable {
  return new LedgerUnavailable((error as Error).message, { cause: error });
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: string }).code === 'PROTOCOL_SEQUENCE_TIMEOUT';
}

/** Opens the connection of the flush when it is first needed and again after it broke. */
function flushConnection(url: string) {
  let current: Connection | null = null;

  async function open(): Promise<Connection> {
    const live = await mysql.createConnection({ uri: url, ...CONNECTION });
    live.on('error', () => drop(live));
    await run(live, SESSION);
    current = live;
    return live;
  }

  function drop(live: Connection): void {
    if (current === live) current = null;
    live.destroy();
  }

  return {
    get: async () => current ?? open(),
    drop,
    close: async () => {
      const live = current;
      current = null;
      await live?.end();
    },
  };
}
