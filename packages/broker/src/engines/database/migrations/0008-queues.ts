/** Named queues, and where a request came from that was handed to the fallback model of its queue. */
import type { MigrationContext } from '../migrate.ts';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

/** `first_lane_id`: the lane it was accepted into, once it has left that for the lane of another model. */
export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const { sequelize } = queryInterface;
  const columns = await queryInterface.describeTable('requests');
  // A migration that was cut off goes on at the next start.
  if (!('first_lane_id' in columns))
    await sequelize.query(
      `ALTER TABLE requests ADD COLUMN first_lane_id ${dialect === 'mysql' ? 'INT UNSIGNED NULL' : 'INTEGER'}`,
    );
  for (const statement of dialect === 'mysql' ? MYSQL : SQLITE) await sequelize.query(statement);
}

/** NULL: as the daemon's settings say; times are milliseconds since 1970. */
const MYSQL = [
  `CREATE TABLE IF NOT EXISTS queues (
    name VARCHAR(40) ${ASCII} NOT NULL PRIMARY KEY,
    state VARCHAR(10) ${ASCII} NOT NULL,
    concurrency INT UNSIGNED NULL,
    max_attempts INT UNSIGNED NULL,
    retry_base_ms INT UNSIGNED NULL,
    retry_cap_ms INT UNSIGNED NULL,
    total_timeout_ms INT UNSIGNED NULL,
    max_prompt_bytes INT UNSIGNED NULL,
    max_queued INT UNSIGNED NULL,
    fallback_model VARCHAR(200) ${ASCII} NULL,
    default_priority TINYINT UNSIGNED NULL,
    created_at BIGINT NOT NULL
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
  `INSERT IGNORE INTO queues (name, state, created_at) VALUES ('default', 'active', ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000))`,
];

/** The index is for counting the delayed of a lane; the other states that are counted have theirs. */
const SQLITE = [
  `CREATE TABLE IF NOT EXISTS queues (
    name TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    concurrency INTEGER, max_attempts INTEGER, retry_base_ms INTEGER, retry_cap_ms INTEGER,
    total_timeout_ms INTEGER, max_prompt_bytes INTEGER, max_queued INTEGER,
    fallback_model TEXT, default_priority INTEGER,
    created_at INTEGER NOT NULL
  )`,
  `INSERT OR IGNORE INTO queues (name, state, created_at) VALUES ('default', 'active', CAST(unixepoch('subsec') * 1000 AS INTEGER))`,
  `CREATE INDEX IF NOT EXISTS requests_delayed ON requests (lane_id) WHERE state = 7`,
];
