/** Batches: requests that were uploaded together. */
import type { MigrationContext } from '../migrate.ts';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const { sequelize } = queryInterface;
  const present = await queryInterface.describeTable('requests');
  // A migration that was cut off goes on at the next start.
  for (const [name, type] of Object.entries(COLUMNS))
    if (!(name in present)) await sequelize.query(`ALTER TABLE requests ADD COLUMN ${name} ${type[dialect]}`);
  for (const statement of dialect === 'mysql' ? MYSQL : SQLITE) await sequelize.query(statement);
}

const ID = 'CHAR(30) CHARACTER SET ascii COLLATE ascii_bin';

/** The batch a request came with, and the client's name for it there, sealed. */
const COLUMNS = {
  batch_id: { mysql: `${ID} NULL`, sqlite: 'TEXT' },
  custom_id: { mysql: 'BLOB NULL', sqlite: 'BLOB' },
};

/**
 * `state` is one of features/batches/batch-store.ts. A line holds the whole request while its batch is being uploaded;
 * once the request has a row of its own, only the line's number and the request's id stay.
 */
const MYSQL = [
  `CREATE TABLE IF NOT EXISTS batches (
    id ${ID} NOT NULL PRIMARY KEY,
    key_id ${ID} NOT NULL,
    state VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    total INT UNSIGNED NOT NULL DEFAULT 0,
    digest BINARY(32) NULL,
    fingerprint BINARY(32) NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    cancelled_at BIGINT NULL,
    completed_at BIGINT NULL,
    completed INT UNSIGNED NOT NULL DEFAULT 0,
    failed INT UNSIGNED NOT NULL DEFAULT 0,
    cancelled INT UNSIGNED NOT NULL DEFAULT 0,
    expired INT UNSIGNED NOT NULL DEFAULT 0,
    UNIQUE KEY once (key_id, digest),
    KEY own (key_id, id),
    KEY state (state, cancelled_at)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
  `CREATE TABLE IF NOT EXISTS batch_lines (
    batch_id ${ID} NOT NULL,
    line INT UNSIGNED NOT NULL,
    request_id ${ID} NOT NULL,
    lane_id INT UNSIGNED NOT NULL,
    priority TINYINT UNSIGNED NOT NULL,
    created_at BIGINT NOT NULL,
    run_at BIGINT NULL,
    deadline_at BIGINT NULL,
    affinity INT UNSIGNED NULL,
    notify TINYINT UNSIGNED NOT NULL,
    body LONGBLOB NULL,
    metadata MEDIUMBLOB NULL,
    callback BLOB NULL,
    custom_id BLOB NULL,
    PRIMARY KEY (batch_id, line)
  ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
];

const SQLITE = [
  `CREATE TABLE IF NOT EXISTS batches (
    id TEXT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL, state TEXT NOT NULL, total INTEGER NOT NULL DEFAULT 0,
    digest BLOB, fingerprint BLOB,
    created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, cancelled_at INTEGER, completed_at INTEGER,
    completed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0, expired INTEGER NOT NULL DEFAULT 0
  )`,
  `CREATE UNIQUE INDEX IF NOT EXISTS batches_once ON batches (key_id, digest) WHERE digest IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS batches_own ON batches (key_id, id)`,
  `CREATE INDEX IF NOT EXISTS batches_state ON batches (state, cancelled_at)`,
  `CREATE TABLE IF NOT EXISTS batch_lines (
    batch_id TEXT NOT NULL, line INTEGER NOT NULL, request_id TEXT NOT NULL,
    lane_id INTEGER NOT NULL, priority INTEGER NOT NULL, created_at INTEGER NOT NULL,
    run_at INTEGER, deadline_at INTEGER, affinity INTEGER, notify INTEGER NOT NULL,
    body BLOB, metadata BLOB, callback BLOB, custom_id BLOB,
    PRIMARY KEY (batch_id, line)
  )`,
];
