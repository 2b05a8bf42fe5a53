/** The first tables: requests and their lanes, API keys, data keys. */
import { DataTypes } from 'sequelize';
import type { MigrationContext } from '../migrate.ts';

/** Ids are ASCII and compared byte by byte; each is a prefix, `_` and 26 characters. */
const ID = 'CHAR(30) CHARACTER SET ascii COLLATE ascii_bin';

/** Neither engine undoes a CREATE: IF NOT EXISTS lets a migration that was cut off go on at the next start. */
export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const statements = dialect === 'mysql' ? MYSQL : SQLITE;
  for (const statement of statements) await queryInterface.sequelize.query(statement);
  await queryInterface.createTable('data_keys', {
    id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
    master_key_id: { type: DataTypes.STRING(16), allowNull: false },
    wrapped: { type: DataTypes.BLOB, allowNull: false },
    created_at: { type: DataTypes.BIGINT, allowNull: false },
  });
}

/**
 * `state` is a number of features/requests/request-states.ts. Pending is the highest: a claim that reaches the end of
 * its range then locks a record of another lane's finished rows, not one that a finish is changing (no deadlocks).
 * Times are milliseconds since 1970. `wake_at` is set only while something has to happen at that time.
 */
const MYSQL = [
  `CREATE TABLE IF NOT EXISTS lanes (
    id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    queue VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    key_id ${ID} NOT NULL,
    band TINYINT UNSIGNED NOT NULL,
    model VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    UNIQUE KEY lane (queue, key_id, band, model)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
  `CREATE TABLE IF NOT EXISTS requests (
    id ${ID} NOT NULL PRIMARY KEY,
    lane_id INT UNSIGNED NOT NULL,
    key_id ${ID} NOT NULL,
    state TINYINT UNSIGNED NOT NULL,
    priority TINYINT UNSIGNED NOT NULL,
    fence INT UNSIGNED NOT NULL DEFAULT 0,
    attempts INT UNSIGNED NOT NULL DEFAULT 0,
    deliveries INT UNSIGNED NOT NULL DEFAULT 0,
    lease_owner ${ID} NULL,
    lease_until BIGINT NULL,
    write_mark BIGINT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT NULL,
    completed_at BIGINT NULL,
    run_at BIGINT NULL,
    deadline_at BIGINT NULL,
    wake_at BIGINT NULL,
    processing_ms INT UNSIGNED NULL,
    prompt_tokens INT UNSIGNED NULL,
    completion_tokens INT UNSIGNED NULL,
    upstream VARCHAR(255) NULL,
    error_code VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL,
    body LONGBLOB NOT NULL,
    metadata MEDIUMBLOB NULL,
    result LONGBLOB NULL,
    error BLOB NULL,
    KEY claim (lane_id, state, id),
    KEY own (key_id, id),
    KEY wake (wake_at)
  ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
  `CREATE TABLE IF NOT EXISTS api_keys (
    id ${ID} NOT NULL PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    prefix VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret_hash BINARY(32) NOT NULL,
    pepper_version INT UNSIGNED NOT NULL,
    webhook_secret BLOB NOT NULL,
    status VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    limit_minute INT UNSIGNED NOT NULL DEFAULT 0,
    limit_hour INT UNSIGNED NOT NULL DEFAULT 0,
    limit_day INT UNSIGNED NOT NULL DEFAULT 0,
    flags INT UNSIGNED NOT NULL DEFAULT 0,
    expires_at BIGINT NULL,
    last_used_at BIGINT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT NULL,
    UNIQUE KEY secret_hash (secret_hash)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
];

/** A rowid table with time-ordered keys: rows are appended, and partial indexes hold only the rows that are looked for. */
const SQLITE = [
  `CREATE TABLE IF NOT EXISTS lanes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL, key_id TEXT NOT NULL, band INTEGER NOT NULL, model TEXT NOT NULL,
    UNIQUE (queue, key_id, band, model)
  )`,
  `CREATE TABLE IF NOT EXISTS requests (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    lane_id INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT, lease_until INTEGER, write_mark INTEGER,
    created_at INTEGER NOT NULL, started_at INTEGER, completed_at INTEGER,
    run_at INTEGER, deadline_at INTEGER, wake_at INTEGER,
    processing_ms INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER,
    upstream TEXT, error_code TEXT,
    body BLOB NOT NULL, metadata BLOB, result BLOB, error BLOB
  )`,
  `CREATE INDEX IF NOT EXISTS requests_pending ON requests (lane_id, id) WHERE state = 9`,
  `CREATE INDEX IF NOT EXISTS requests_processing ON requests (lane_id, lease_until) WHERE state = 8`,
  `CREATE INDEX IF NOT EXISTS requests_own ON requests (key_id, id)`,
  `CREATE INDEX IF NOT EXISTS requests_wake ON requests (wake_at) WHERE wake_at IS NOT NULL`,
  `CREATE TABLE IF NOT EXISTS api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL, prefix TEXT NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE, pepper_version INTEGER NOT NULL, webhook_secret BLOB NOT NULL,
    status TEXT NOT NULL,
    limit_minute INTEGER NOT NULL DEFAULT 0, limit_hour INTEGER NOT NULL DEFAULT 0, limit_day INTEGER NOT NULL DEFAULT 0,
    flags INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER, last_used_at INTEGER, created_at INTEGER NOT NULL, revoked_at INTEGER
  )`,
];
