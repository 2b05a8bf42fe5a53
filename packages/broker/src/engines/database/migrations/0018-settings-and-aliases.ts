/** What overrides the settings of the start, as the versions of it, and other names of models. */
import type { MigrationContext } from '../migrate.ts';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  for (const statement of dialect === 'mysql' ? MYSQL : SQLITE)
    await queryInterface.sequelize.query(statement);
}

/** Times are milliseconds since 1970; `changes` and `overrides` are JSON, `reason` is sealed. The last version is in force. */
const MYSQL = [
  `CREATE TABLE IF NOT EXISTS setting_versions (
    version INT UNSIGNED NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    act VARCHAR(10) ${ASCII} NOT NULL,
    restored INT UNSIGNED NULL,
    actor_kind VARCHAR(20) ${ASCII} NOT NULL,
    actor_id VARCHAR(100) NULL,
    actor_name VARCHAR(100) NULL,
    reason BLOB NULL,
    changes MEDIUMTEXT NOT NULL,
    overrides MEDIUMTEXT NOT NULL
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
  `CREATE TABLE IF NOT EXISTS model_aliases (
    alias VARCHAR(200) ${ASCII} NOT NULL PRIMARY KEY,
    model VARCHAR(200) ${ASCII} NOT NULL,
    created_at BIGINT NOT NULL
  ) ENGINE=InnoDB`,
];

const SQLITE = [
  `CREATE TABLE IF NOT EXISTS setting_versions (
    version INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL,
    act TEXT NOT NULL, restored INTEGER,
    actor_kind TEXT NOT NULL, actor_id TEXT, actor_name TEXT, reason BLOB,
    changes TEXT NOT NULL, overrides TEXT NOT NULL
  )`,
  `CREATE TABLE IF NOT EXISTS model_aliases (
    alias TEXT NOT NULL PRIMARY KEY, model TEXT NOT NULL, created_at INTEGER NOT NULL
  )`,
];
