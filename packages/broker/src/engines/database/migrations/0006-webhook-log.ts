/** The log of webhooks: every attempt, deliveries by their key, and since when an endpoint wants what it wants. */
import type { MigrationContext } from '../migrate.ts';

/** A migration that was cut off goes on at the next start. */
export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const { sequelize } = queryInterface;
  if (!('subscribed_at' in (await queryInterface.describeTable('webhook_endpoints'))))
    await sequelize.query(
      `ALTER TABLE webhook_endpoints ADD COLUMN subscribed_at ${dialect === 'mysql' ? 'BIGINT NULL' : 'INTEGER'}`,
    );
  await sequelize.query(
    'UPDATE webhook_endpoints SET subscribed_at = updated_at WHERE subscribed_at IS NULL',
  );
  const indexes = (await queryInterface.showIndex('webhook_deliveries')) as { name: string }[];
  if (!indexes.some(({ name }) => name === OWN))
    await sequelize.query(`CREATE INDEX ${OWN} ON webhook_deliveries (key_id, id)`);
  await sequelize.query(dialect === 'mysql' ? MYSQL : SQLITE);
}

const OWN = 'webhook_deliveries_own';
const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

/** `attempt` counts from 1. An attempt whose broker died before it could write has no row. */
const MYSQL = `CREATE TABLE IF NOT EXISTS webhook_attempts (
  delivery_id CHAR(30) ${ASCII} NOT NULL,
  attempt INT UNSIGNED NOT NULL,
  ended_at BIGINT NOT NULL,
  response_status INT UNSIGNED NULL,
  latency_ms INT UNSIGNED NULL,
  error VARCHAR(40) ${ASCII} NULL,
  PRIMARY KEY (delivery_id, attempt)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`;

const SQLITE = `CREATE TABLE IF NOT EXISTS webhook_attempts (
  delivery_id TEXT NOT NULL, attempt INTEGER NOT NULL, ended_at INTEGER NOT NULL,
  response_status INTEGER, latency_ms INTEGER, error TEXT,
  PRIMARY KEY (delivery_id, attempt)
) WITHOUT ROWID`;
