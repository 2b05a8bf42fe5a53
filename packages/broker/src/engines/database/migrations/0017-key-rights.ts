/** What a key may do, with what, from where and from when on; when a rotation begins; which expiry was told of. */
import type { MigrationContext } from '../migrate.ts';

/** NULL is everything, everywhere, at once. Lists are JSON; times are milliseconds since 1970. */
const COLUMNS = {
  scopes: { mysql: 'TEXT NULL', sqlite: 'TEXT' },
  allowed_models: { mysql: 'TEXT NULL', sqlite: 'TEXT' },
  allowed_queues: { mysql: 'TEXT NULL', sqlite: 'TEXT' },
  allowed_ips: { mysql: 'TEXT NULL', sqlite: 'TEXT' },
  not_before: { mysql: 'BIGINT NULL', sqlite: 'INTEGER' },
  secret_from: { mysql: 'BIGINT NULL', sqlite: 'INTEGER' },
  noticed_expiry: { mysql: 'BIGINT NULL', sqlite: 'INTEGER' },
};
const INDEX = 'api_keys_expires_at';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const { sequelize } = queryInterface;
  const present = await queryInterface.describeTable('api_keys');
  // A migration that was cut off goes on at the next start.
  for (const [name, type] of Object.entries(COLUMNS))
    if (!(name in present)) await sequelize.query(`ALTER TABLE api_keys ADD COLUMN ${name} ${type[dialect]}`);
  const indexes = (await queryInterface.showIndex('api_keys')) as { name: string }[];
  if (!indexes.some(({ name }) => name === INDEX))
    await sequelize.query(`CREATE INDEX ${INDEX} ON api_keys (expires_at)`);
}
