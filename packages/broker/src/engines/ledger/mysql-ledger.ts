/** The ledger on MySQL or MariaDB: one dedicated connection, one packet, one transaction and one fsync a flush. */
import mysql, { type Connection, type Pool, type ResultSetHeader } from 'mysql2/promise';
import { laneBook } from './lane-book.ts';
import { ledgerChecks } from './ledger-checks.ts';
import { ledgerReads } from './ledger-reads.ts';
import { ledgerSweeps } from './ledger-sweeps.ts';
import { LedgerUnavailable, type Ledger } from './ledger.ts';
import { bytesOf, type LedgerOp } from './ledger-ops.ts';
import { ledgerWrites } from './ledger-writes.ts';
import { mysqlPacket } from './mysql-packet.ts';
import { SelfClockedFlush } from './self-clocked-flush.ts';
import type { SqlRunner, SqlValue, Statement } from './sql-runner.ts';

const NOW = 'CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)';
const FLUSH_LIMITS = { maxOps: 256, maxBytes: 4 * 1024 * 1024 };
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_TRIES = 20;

const SESSION = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`,
  `SET SESSION time_zone = '+00:00'`,
  'SET SESSION innodb_lock_wait_timeout = 5',
].join('; ');

/** Deadlock and lock wait: the whole transaction was rolled back and may simply run again. */
const AGAIN = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD']);

export function openMysqlLedger(url: string): Ledger {
  const pool = mysql.createPool({
    uri: url,
    connectionLimit: 4,
    connectTimeout: CONNECT_TIMEOUT_MS,
    charset: 'utf8mb4_unicode_ci',
    supportBigNumbers: true,
  });
  const connection = flushConnection(url);
  const packets = mysqlPacket(NOW, (op) => writes.add(op));

  async function flush(ops: LedgerOp[]): Promise<void> {
    try {
      const packet = packets.build(ops);
      const results = await transact(packet.sql);
      packet.answer(results);
    } catch (error) {
      if (ops.length > 1 && !isOutOfReach(error)) for (const op of ops) await flush([op]);
      else
        for (const op of ops)
          op.reject(
            isOutOfReach(error) ? new LedgerUnavailable((error as Error).message, { cause: error }) : error,
          );
    }
  }

  /** The packet's operations are idempotent under their mark, so it may run again when its end was not heard. */
  async function transact(sql: string): Promise<unknown[]> {
    for (let tries = 1; ; tries++) {
      const live = await connection.get();
      try {
        const [results] = await live.query(sql);
        return results as unknown[];
      } catch (error) {
        if (isOutOfReach(error)) connection.drop(live);
        else await live.query('ROLLBACK').catch(() => connection.drop(live));
        const again = AGAIN.has((error as { code?: string }).code ?? '')
          ? tries < MAX_TRIES
          : isOutOfReach(error) && tries === 1;
        if (!again) throw error;
      }
    }
  }

  const writes: SelfClockedFlush<LedgerOp> = new SelfClockedFlush<LedgerOp>(flush, bytesOf, FLUSH_LIMITS);
  const sql = poolRunner(pool);
  return {
    ...ledgerWrites(writes),
    ...ledgerReads(sql),
    lanes: laneBook(sql),
    sweeps: ledgerSweeps(sql),
    checks: ledgerChecks(sql),
    close: async () => {
      await writes.idle();
      await connection.close();
      await pool.end();
    },
  };
}

function poolRunner(pool: Pool): SqlRunner {
  async function query<T>(text: string, values: readonly SqlValue[]): Promise<T> {
    try {
      const [result] = await pool.query(text, [...values]);
      return result as T;
    } catch (error) {
      throw isOutOfReach(error) ? new LedgerUnavailable((error as Error).message, { cause: error }) : error;
    }
  }
  return {
    nowMs: NOW,
    insertIgnore: 'INSERT IGNORE',
    byLaneAndState: 'FORCE INDEX (claim)',
    all: (text, values = []) => query(text, values),
    run: async (text, values = []) => (await query<ResultSetHeader>(text, values)).affectedRows,
    together: (statements) => transaction(pool, statements),
  };
}

/** Deadlocks and lock waits are run again; the sweeps that use it can also simply come again. */
async function transaction(pool: Pool, statements: readonly Statement[]): Promise<number[]> {
  for (let tries = 1; ; tries++) {
    const live = await pool.getConnection().catch((error: unknown) => {
      throw new LedgerUnavailable((error as Error).message, { cause: error });
    });
    try {
      await live.query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
      await live.beginTransaction();
      const changed: number[] = [];
      for (const { sql, values } of statements) {
        const [result] = await live.query<ResultSetHeader>(sql, [...values]);
        changed.push(result.affectedRows);
      }
      await live.commit();
      return changed;
    } catch (error) {
      await live.rollback().catch(() => live.destroy());
      if (AGAIN.has((error as { code?: string }).code ?? '') && tries < MAX_TRIES) continue;
      throw isOutOfReach(error) ? new LedgerUnavailable((error as Error).message, { cause: error }) : error;
    } finally {
      live.release();
    }
  }
}

/** Opens the connection of the flush when it is first needed and again after it broke. */
function flushConnection(url: string) {
  let current: Connection | null = null;

  async function open(): Promise<Connection> {
    const live = await mysql.createConnection({
      uri: url,
      multipleStatements: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      charset: 'utf8mb4_unicode_ci',
      supportBigNumbers: true,
    });
    live.on('error', () => drop(live));
    await live.query(SESSION);
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

function isOutOfReach(error: unknown): boolean {
  const { code = '', fatal = false } = error as { code?: string; fatal?: boolean };
  return (
    fatal ||
    /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|EHOST|ENET|PROTOCOL_|ER_CON_COUNT|ER_SERVER_SHUTDOWN|ER_DISK_FULL|ER_OPTION_PREVENTS)/.test(
      code,
    ) ||
    error instanceof LedgerUnavailable
  );
}
