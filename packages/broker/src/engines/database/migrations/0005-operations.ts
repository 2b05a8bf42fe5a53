/** Operations on many things at once, and why a dead letter was tried again. */
import type { MigrationContext } from '../migrate.ts';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const { sequelize } = queryInterface;
  // A migration that was cut off goes on at the next start.
  if (!('retry_note' in (await queryInterface.describeTable('requests'))))
    await sequelize.query(
      `ALTER TABLE requests ADD COLUMN retry_note ${dialect === 'mysql' ? 'BLOB NULL' : 'BLOB'}`,
    );
  await sequelize.query(dialect === 'mysql' ? MYSQL : SQLITE);
}

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

/** `filter` and `reason` are sealed. `reached` is the last thing that was looked at; times are milliseconds since 1970. */
const MYSQL = `CREATE TABLE IF NOT EXISTS operations (
  id VARCHAR(30) ${ASCII} NOT NULL PRIMARY KEY,
  kind VARCHAR(40) ${ASCII} NOT NULL,
  state VARCHAR(10) ${ASCII} NOT NULL,
  filter BLOB NOT NULL,
  reason BLOB NULL,
  rate INT UNSIGNED NOT NULL,
  matched INT UNSIGNED NULL,
  done INT UNSIGNED NOT NULL DEFAULT 0,
  skipped INT UNSIGNED NOT NULL DEFAULT 0,
  reached VARCHAR(30) ${ASCII} NULL,
  owner VARCHAR(30) ${ASCII} NULL,
  lease_until BIGINT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT NULL,
  KEY open (state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`;

const SQLITE = `CREATE TABLE IF NOT EXISTS operations (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL, state TEXT NOT NULL,
  filter BLOB NOT NULL, reason BLOB,
  rate INTEGER NOT NULL,
  matched INTEGER, done INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,
  reached TEXT, owner TEXT, lease_until INTEGER,
  created_at INTEGER NOT NULL, ended_at INTEGER
)`;
