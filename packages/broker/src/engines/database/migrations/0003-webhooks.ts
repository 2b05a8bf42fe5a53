/** The tables of webhooks: who wants to hear of the outbox's events, and every delivery. */
import type { MigrationContext } from '../migrate.ts';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';
const ID = `CHAR(30) ${ASCII}`;

/** Neither engine undoes a CREATE: IF NOT EXISTS lets a migration that was cut off go on at the next start. */
export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  for (const statement of dialect === 'mysql' ? MYSQL : SQLITE)
    await queryInterface.sequelize.query(statement);
}

/**
 * Times are milliseconds since 1970. `receiver` is the id of an endpoint, or `callback`. `next_at` is when a pending
 * delivery is due; while an attempt runs, it is the end of its lease. `due_host` repeats the host of pending deliveries
 * only, so that finished ones are outside of the index that is searched for work. `original` is 1, or NULL in a
 * redelivery: NULLs are never equal, so the unique key holds for originals alone.
 */
const MYSQL = [
  `CREATE TABLE IF NOT EXISTS webhook_endpoints (
    id ${ID} NOT NULL PRIMARY KEY,
    key_id ${ID} NOT NULL,
    host VARCHAR(270) ${ASCII} NOT NULL,
    events VARCHAR(400) ${ASCII} NULL,
    status VARCHAR(10) ${ASCII} NOT NULL,
    disabled_reason VARCHAR(10) ${ASCII} NULL,
    disabled_at BIGINT NULL,
    failing_since BIGINT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    url BLOB NOT NULL,
    secrets BLOB NOT NULL,
    KEY own (key_id, id)
  ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
  `CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id ${ID} NOT NULL PRIMARY KEY,
    message_id ${ID} NOT NULL,
    request_id ${ID} NULL,
    key_id ${ID} NOT NULL,
    receiver ${ID} NOT NULL,
    type VARCHAR(40) ${ASCII} NOT NULL,
    original TINYINT NULL,
    replayed_from ${ID} NULL,
    host VARCHAR(270) ${ASCII} NOT NULL,
    due_host VARCHAR(270) ${ASCII} NULL,
    state VARCHAR(10) ${ASCII} NOT NULL,
    attempts INT UNSIGNED NOT NULL DEFAULT 0,
    next_at BIGINT NULL,
    lease_owner ${ID} NULL,
    response_status INT UNSIGNED NULL,
    latency_ms INT UNSIGNED NULL,
    error VARCHAR(40) ${ASCII} NULL,
    created_at BIGINT NOT NULL,
    last_attempt_at BIGINT NULL,
    completed_at BIGINT NULL,
    url BLOB NULL,
    body MEDIUMBLOB NOT NULL,
    excerpt BLOB NULL,
    UNIQUE KEY once (request_id, receiver, type, original),
    KEY due (due_host, next_at),
    KEY log (receiver, id),
    KEY message (message_id),
    KEY ended (completed_at)
  ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
];

const SQLITE = [
  `CREATE TABLE IF NOT EXISTS webhook_endpoints (
    id TEXT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL, host TEXT NOT NULL, events TEXT,
    status TEXT NOT NULL, disabled_reason TEXT, disabled_at INTEGER, failing_since INTEGER,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    url BLOB NOT NULL, secrets BLOB NOT NULL
  )`,
  `CREATE INDEX IF NOT EXISTS webhook_endpoints_own ON webhook_endpoints (key_id, id)`,
  `CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    message_id TEXT NOT NULL, request_id TEXT, key_id TEXT NOT NULL, receiver TEXT NOT NULL, type TEXT NOT NULL,
    original INTEGER, replayed_from TEXT,
    host TEXT NOT NULL, due_host TEXT,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER, lease_owner TEXT,
    response_status INTEGER, latency_ms INTEGER, error TEXT,
    created_at INTEGER NOT NULL, last_attempt_at INTEGER, completed_at INTEGER,
    url BLOB, body BLOB NOT NULL, excerpt BLOB,
    UNIQUE (request_id, receiver, type, original)
  )`,
  `CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (due_host, next_at) WHERE due_host IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS webhook_deliveries_log ON webhook_deliveries (receiver, id)`,
  `CREATE INDEX IF NOT EXISTS webhook_deliveries_message ON webhook_deliveries (message_id)`,
  `CREATE INDEX IF NOT EXISTS webhook_deliveries_ended ON webhook_deliveries (completed_at) WHERE completed_at IS NOT NULL`,
];
