/** Who may administer the broker: people, their sessions and recovery codes, tokens of programs, failed sign-ins. */
import type { MigrationContext } from '../migrate.ts';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  for (const statement of dialect === 'mysql' ? MYSQL : SQLITE)
    await queryInterface.sequelize.query(statement);
}

const ID = 'CHARACTER SET ascii COLLATE ascii_bin NOT NULL';
const TABLE = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci';

/** Times are milliseconds since 1970; totp_last_step is the number of the last 30 seconds whose code was taken. */
const MYSQL = [
  `CREATE TABLE IF NOT EXISTS admin_users (
  id VARCHAR(30) ${ID} PRIMARY KEY,
  name VARCHAR(64) ${ID},
  role VARCHAR(16) ${ID},
  status VARCHAR(10) ${ID},
  password_hash VARCHAR(255) NULL,
  totp_secret VARBINARY(255) NULL,
  totp_pending VARBINARY(255) NULL,
  totp_last_step BIGINT NOT NULL,
  reset_hash BINARY(32) NULL,
  reset_expires_at BIGINT NULL,
  last_login_at BIGINT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE KEY name (name),
  UNIQUE KEY reset_hash (reset_hash)
) ${TABLE}`,
  `CREATE TABLE IF NOT EXISTS admin_recovery_codes (
  code_hash BINARY(32) NOT NULL PRIMARY KEY,
  user_id VARCHAR(30) ${ID},
  KEY user_id (user_id)
) ${TABLE}`,
  `CREATE TABLE IF NOT EXISTS admin_sessions (
  id VARCHAR(30) ${ID} PRIMARY KEY,
  user_id VARCHAR(30) ${ID},
  token_hash BINARY(32) NOT NULL,
  client VARCHAR(100) NOT NULL,
  address VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  proved_at BIGINT NOT NULL,
  UNIQUE KEY token_hash (token_hash),
  KEY user_id (user_id, id)
) ${TABLE}`,
  `CREATE TABLE IF NOT EXISTS admin_service_tokens (
  id VARCHAR(30) ${ID} PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  prefix VARCHAR(24) ${ID},
  token_hash BINARY(32) NOT NULL,
  scopes TEXT NOT NULL,
  created_by VARCHAR(64) NOT NULL,
  expires_at BIGINT NOT NULL,
  last_used_at BIGINT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT NULL,
  UNIQUE KEY token_hash (token_hash)
) ${TABLE}`,
  `CREATE TABLE IF NOT EXISTS admin_login_failures (
  subject BINARY(32) NOT NULL PRIMARY KEY,
  failures INT UNSIGNED NOT NULL,
  last_at BIGINT NOT NULL,
  locked_until BIGINT NOT NULL,
  KEY last_at (last_at)
) ${TABLE}`,
];

const SQLITE = [
  `CREATE TABLE IF NOT EXISTS admin_users (
  id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, status TEXT NOT NULL,
  password_hash TEXT, totp_secret BLOB, totp_pending BLOB, totp_last_step INTEGER NOT NULL,
  reset_hash BLOB UNIQUE, reset_expires_at INTEGER, last_login_at INTEGER, created_at INTEGER NOT NULL
)`,
  `CREATE TABLE IF NOT EXISTS admin_recovery_codes (code_hash BLOB NOT NULL PRIMARY KEY, user_id TEXT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS admin_recovery_codes_user ON admin_recovery_codes (user_id)`,
  `CREATE TABLE IF NOT EXISTS admin_sessions (
  id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, token_hash BLOB NOT NULL UNIQUE,
  client TEXT NOT NULL, address TEXT NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, proved_at INTEGER NOT NULL
)`,
  `CREATE INDEX IF NOT EXISTS admin_sessions_user ON admin_sessions (user_id, id)`,
  `CREATE TABLE IF NOT EXISTS admin_service_tokens (
  id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, prefix TEXT NOT NULL, token_hash BLOB NOT NULL UNIQUE,
  scopes TEXT NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER NOT NULL, last_used_at INTEGER,
  created_at INTEGER NOT NULL, revoked_at INTEGER
)`,
  `CREATE TABLE IF NOT EXISTS admin_login_failures (
  subject BLOB NOT NULL PRIMARY KEY, failures INTEGER NOT NULL, last_at INTEGER NOT NULL,
  locked_until INTEGER NOT NULL
)`,
  `CREATE INDEX IF NOT EXISTS admin_login_failures_last_at ON admin_login_failures (last_at)`,
];
