/** What is written together with a request's state: idempotency keys, failed attempts, and events for webhooks. */
import type { MigrationContext } from '../migrate.ts';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const known = await queryInterface.describeTable('requests');
  for (const [name, type] of Object.entries(dialect === 'mysql' ? MYSQL_COLUMNS : SQLITE_COLUMNS)) {
    // A migration that was cut off goes on at the next start.
    if (!(name in known))
      await queryInterface.sequelize.query(`ALTER TABLE requests ADD COLUMN ${name} ${type}`);
  }
  for (const statement of dialect === 'mysql' ? MYSQL : SQLITE)
    await queryInterface.sequelize.query(statement);
}

const ID = 'CHAR(30) CHARACTER SET ascii COLLATE ascii_bin';

/** `notify`: somebody is to be told of the end. `retry_of`, `retried_as`: the dead letter before, the request after. */
const MYSQL_COLUMNS = {
  notify: 'TINYINT UNSIGNED NOT NULL DEFAULT 0',
  callback: 'BLOB NULL',
  retry_of: `${ID} NULL`,
  retried_as: `${ID} NULL`,
  discarded_at: 'BIGINT NULL',
  discard_reason: 'BLOB NULL',
};

const SQLITE_COLUMNS = {
  notify: 'INTEGER NOT NULL DEFAULT 0',
  callback: 'BLOB',
  retry_of: 'TEXT',
  retried_as: 'TEXT',
  discarded_at: 'INTEGER',
  discard_reason: 'BLOB',
};

/** An event stands in the outbox from the transaction that ended the request until its deliveries are written. */
const MYSQL = [
  `CREATE TABLE IF NOT EXISTS outbox (
    n BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    request_id ${ID} NOT NULL,
    key_id ${ID} NOT NULL,
    type VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at BIGINT NOT NULL
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
  `CREATE TABLE IF NOT EXISTS request_attempts (
    request_id ${ID} NOT NULL,
    fence INT UNSIGNED NOT NULL,
    upstream VARCHAR(255) NULL,
    error_code VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    error BLOB NULL,
    ended_at BIGINT NOT NULL,
    PRIMARY KEY (request_id, fence)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
  `CREATE TABLE IF NOT EXISTS idempotency_keys (
    key_id ${ID} NOT NULL,
    digest BINARY(32) NOT NULL,
    fingerprint BINARY(32) NOT NULL,
    request_id ${ID} NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, digest),
    KEY age (created_at)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
];

const SQLITE = [
  `CREATE TABLE IF NOT EXISTS outbox (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL, key_id TEXT NOT NULL, type TEXT NOT NULL, created_at INTEGER NOT NULL
  )`,
  `CREATE TABLE IF NOT EXISTS request_attempts (
    request_id TEXT NOT NULL, fence INTEGER NOT NULL,
    upstream TEXT, error_code TEXT NOT NULL, error BLOB, ended_at INTEGER NOT NULL,
    PRIMARY KEY (request_id, fence)
  )`,
  `CREATE TABLE IF NOT EXISTS idempotency_keys (
    key_id TEXT NOT NULL, digest BLOB NOT NULL, fingerprint BLOB NOT NULL, request_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, digest)
  ) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS idempotency_keys_age ON idempotency_keys (created_at)`,
  `CREATE INDEX IF NOT EXISTS requests_failed ON requests (id) WHERE state = 2`,
];
