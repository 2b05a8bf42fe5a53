/** The audit trail with its checkpoints, and the log lines that are worth searching. */
import type { MigrationContext } from '../migrate.ts';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';
/** What the first row is chained to. */
const GENESIS = '0'.repeat(64);

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const { sequelize } = queryInterface;
  for (const statement of dialect === 'mysql' ? MYSQL : SQLITE) await sequelize.query(statement);
  const ignore = dialect === 'mysql' ? 'INSERT IGNORE' : 'INSERT OR IGNORE';
  await sequelize.query(`${ignore} INTO audit_head (id, seq, hash) VALUES (1, 0, '${GENESIS}')`);
}

/** Times are milliseconds since 1970; digests are SHA-256 in hex. */
const MYSQL = [
  `CREATE TABLE IF NOT EXISTS audit_rows (
    seq BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind VARCHAR(20) ${ASCII} NOT NULL,
    actor_id VARCHAR(100) NULL,
    actor_name VARCHAR(100) NULL,
    act VARCHAR(60) ${ASCII} NOT NULL,
    target_kind VARCHAR(40) ${ASCII} NOT NULL,
    target_id VARCHAR(255) NULL,
    outcome VARCHAR(10) ${ASCII} NOT NULL,
    of_seq BIGINT UNSIGNED NULL,
    code VARCHAR(60) ${ASCII} NULL,
    before_digest CHAR(64) ${ASCII} NULL,
    after_digest CHAR(64) ${ASCII} NULL,
    changed VARCHAR(1000) NOT NULL,
    reason BLOB NULL,
    reason_digest CHAR(64) ${ASCII} NULL,
    ip VARCHAR(64) ${ASCII} NULL,
    request_id VARCHAR(64) ${ASCII} NULL,
    previous CHAR(64) ${ASCII} NOT NULL,
    hash CHAR(64) ${ASCII} NOT NULL,
    KEY audit_rows_at (at),
    KEY audit_rows_act (act, seq),
    KEY audit_rows_target (target_id, seq),
    KEY audit_rows_actor (actor_id, seq)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
  `CREATE TABLE IF NOT EXISTS audit_head (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
    seq BIGINT UNSIGNED NOT NULL,
    hash CHAR(64) ${ASCII} NOT NULL
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS audit_checkpoints (
    seq BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    hash CHAR(64) ${ASCII} NOT NULL,
    at BIGINT NOT NULL,
    public_key VARCHAR(100) ${ASCII} NOT NULL,
    signature VARCHAR(120) ${ASCII} NOT NULL
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS log_lines (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at BIGINT NOT NULL,
    level TINYINT UNSIGNED NOT NULL,
    message VARCHAR(500) NOT NULL,
    request_id VARCHAR(64) NULL,
    key_id VARCHAR(64) NULL,
    run VARCHAR(40) ${ASCII} NOT NULL,
    line TEXT NOT NULL,
    KEY log_lines_at (at),
    KEY log_lines_request (request_id, id),
    KEY log_lines_key (key_id, id)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
];

const SQLITE = [
  `CREATE TABLE IF NOT EXISTS audit_rows (
    seq INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL, actor_id TEXT, actor_name TEXT,
    act TEXT NOT NULL, target_kind TEXT NOT NULL, target_id TEXT,
    outcome TEXT NOT NULL, of_seq INTEGER, code TEXT,
    before_digest TEXT, after_digest TEXT, changed TEXT NOT NULL,
    reason BLOB, reason_digest TEXT, ip TEXT, request_id TEXT,
    previous TEXT NOT NULL, hash TEXT NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS audit_rows_at ON audit_rows (at)',
  'CREATE INDEX IF NOT EXISTS audit_rows_act ON audit_rows (act, seq)',
  'CREATE INDEX IF NOT EXISTS audit_rows_target ON audit_rows (target_id, seq)',
  'CREATE INDEX IF NOT EXISTS audit_rows_actor ON audit_rows (actor_id, seq)',
  `CREATE TABLE IF NOT EXISTS audit_head (
    id INTEGER NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL
  )`,
  `CREATE TABLE IF NOT EXISTS audit_checkpoints (
    seq INTEGER NOT NULL PRIMARY KEY, hash TEXT NOT NULL, at INTEGER NOT NULL,
    public_key TEXT NOT NULL, signature TEXT NOT NULL
  )`,
  `CREATE TABLE IF NOT EXISTS log_lines (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, level INTEGER NOT NULL,
    message TEXT NOT NULL, request_id TEXT, key_id TEXT, run TEXT NOT NULL, line TEXT NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS log_lines_at ON log_lines (at)',
  'CREATE INDEX IF NOT EXISTS log_lines_request ON log_lines (request_id, id)',
  'CREATE INDEX IF NOT EXISTS log_lines_key ON log_lines (key_id, id)',
];
