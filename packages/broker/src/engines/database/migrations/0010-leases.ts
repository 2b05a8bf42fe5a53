/** Leases: what one broker at a time may do for all of them, and which brokers there are. */
import type { MigrationContext } from '../migrate.ts';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  await queryInterface.sequelize.query(dialect === 'mysql' ? MYSQL : SQLITE);
}

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

/** `until_ms` is by the database's clock, 0 once given up; `note` is what the owner tells the others. */
const MYSQL = `CREATE TABLE IF NOT EXISTS leases (
  name VARCHAR(500) ${ASCII} NOT NULL PRIMARY KEY,
  owner VARCHAR(30) ${ASCII} NOT NULL,
  until_ms BIGINT NOT NULL,
  note MEDIUMTEXT ${ASCII} NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`;

const SQLITE = `CREATE TABLE IF NOT EXISTS leases (
  name TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, until_ms INTEGER NOT NULL, note TEXT NOT NULL
) WITHOUT ROWID`;
