/** Plans, and the limits of keys beyond those by time. */
import type { MigrationContext } from '../migrate.ts';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

/** NULL: as the plan says. The three older columns say that with 0, and "no limit" with 4294967295. */
const KEY_COLUMNS: Readonly<Record<string, { mysql: string; sqlite: string }>> = {
  plan: { mysql: `VARCHAR(40) ${ASCII} NULL`, sqlite: 'TEXT' },
  limit_burst: { mysql: 'INT UNSIGNED NULL', sqlite: 'INTEGER' },
  limit_tokens_day: { mysql: 'INT UNSIGNED NULL', sqlite: 'INTEGER' },
  max_queued: { mysql: 'INT UNSIGNED NULL', sqlite: 'INTEGER' },
  max_concurrent: { mysql: 'INT UNSIGNED NULL', sqlite: 'INTEGER' },
};

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const { sequelize } = queryInterface;
  const columns = await queryInterface.describeTable('api_keys');
  // A migration that was cut off goes on at the next start.
  for (const [name, type] of Object.entries(KEY_COLUMNS))
    if (!(name in columns)) await sequelize.query(`ALTER TABLE api_keys ADD COLUMN ${name} ${type[dialect]}`);
  await sequelize.query(dialect === 'mysql' ? MYSQL : SQLITE);
}

/** 0 = no limit; times are milliseconds since 1970. */
const MYSQL = `CREATE TABLE IF NOT EXISTS plans (
  name VARCHAR(40) ${ASCII} NOT NULL PRIMARY KEY,
  limit_minute INT UNSIGNED NOT NULL,
  limit_hour INT UNSIGNED NOT NULL,
  limit_day INT UNSIGNED NOT NULL,
  limit_burst INT UNSIGNED NOT NULL,
  limit_tokens_day INT UNSIGNED NOT NULL,
  max_queued INT UNSIGNED NOT NULL,
  max_concurrent INT UNSIGNED NOT NULL,
  created_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`;

const SQLITE = `CREATE TABLE IF NOT EXISTS plans (
  name TEXT NOT NULL PRIMARY KEY,
  limit_minute INTEGER NOT NULL, limit_hour INTEGER NOT NULL, limit_day INTEGER NOT NULL,
  limit_burst INTEGER NOT NULL, limit_tokens_day INTEGER NOT NULL,
  max_queued INTEGER NOT NULL, max_concurrent INTEGER NOT NULL,
  created_at INTEGER NOT NULL
)`;
