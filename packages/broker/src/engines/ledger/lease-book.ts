/** Who may do what for all brokers: leases that are taken, renewed and given up in one statement, by the database's clock. */
import type { LeaseBook } from './ledger.ts';
import { marksFor, type SqlRunner } from './sql-runner.ts';

interface StoredLease {
  name: string;
  owner: string;
  note: string;
  left_ms: number;
}

/** Rows of brokers that are long gone. */
const FORGET_AFTER_MS = 3_600_000;

export function leaseBook(sql: SqlRunner): LeaseBook {
  const isOver = `leases.until_ms <= ${sql.nowMs}`;
  // MySQL assigns from left to right: who is the owner is decided first, and the rest follows from it.
  const overwrite =
    sql.dialect === 'mysql'
      ? `ON DUPLICATE KEY UPDATE
          owner = IF(${isOver}, VALUES(owner), leases.owner),
          until_ms = IF(leases.owner = VALUES(owner), VALUES(until_ms), leases.until_ms),
          note = IF(leases.owner = VALUES(owner), VALUES(note), leases.note)`
      : `ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms, note = excluded.note
          WHERE leases.owner = excluded.owner OR ${isOver}`;

  return {
    write: async (owner, leases) => {
      // All brokers lock rows in the same order.
      const inOrder = [...leases].sort((one, other) => (one.name < other.name ? -1 : 1));
      const rows = inOrder.map(() => `(?, ?, ${sql.nowMs} * ? + ?, ?)`).join(', ');
      const values = inOrder.flatMap(({ name, leaseMs, note = '' }) => [
        ...[name, owner, leaseMs > 0 ? 1 : 0, leaseMs, note],
      ]);
      await sql.run(`INSERT INTO leases (name, owner, until_ms, note) VALUES ${rows} ${overwrite}`, values);
    },
    valid: async () => {
      const rows = await sql.all<StoredLease>(
        `SELECT name, owner, note, until_ms - ${sql.nowMs} AS left_ms FROM leases WHERE until_ms > ${sql.nowMs}`,
      );
      return rows.map(({ name, owner, note, left_ms: leftMs }) => ({
        ...{ name, owner, note, leftMs: Number(leftMs) },
      }));
    },
    forget: async (owners) => {
      const theirs = owners.length > 0 ? `owner IN ${marksFor(owners)} OR` : '';
      await sql.run(
        `DELETE FROM leases WHERE ${theirs} until_ms < ${sql.nowMs} - ${FORGET_AFTER_MS}`,
        owners,
      );
    },
  };
}
