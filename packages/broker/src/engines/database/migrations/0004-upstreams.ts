/** Upstreams that were added at run time, and what operators switched about those of the settings. */
import type { MigrationContext } from '../migrate.ts';

/** The id is host:port; times are milliseconds since 1970. */
export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  await queryInterface.sequelize.query(dialect === 'mysql' ? MYSQL : SQLITE);
}

const MYSQL = `CREATE TABLE IF NOT EXISTS upstreams (
  id VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  url VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  slots INT UNSIGNED NOT NULL,
  source VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  enabled TINYINT(1) NOT NULL,
  draining TINYINT(1) NOT NULL,
  breaker VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`;

const SQLITE = `CREATE TABLE IF NOT EXISTS upstreams (
  id TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  slots INTEGER NOT NULL,
  source TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  draining INTEGER NOT NULL,
  breaker TEXT NOT NULL,
  created_at INTEGER NOT NULL
)`;
