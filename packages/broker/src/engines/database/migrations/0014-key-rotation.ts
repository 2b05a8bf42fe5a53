/** The secret that a key had before its last rotation, and until when it is accepted as well. */
import type { MigrationContext } from '../migrate.ts';

const COLUMNS = {
  previous_hash: { mysql: 'BINARY(32) NULL', sqlite: 'BLOB' },
  previous_until: { mysql: 'BIGINT NULL', sqlite: 'INTEGER' },
};
const INDEX = 'api_keys_previous_hash';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  const { sequelize } = queryInterface;
  const present = await queryInterface.describeTable('api_keys');
  // A migration that was cut off goes on at the next start.
  for (const [name, type] of Object.entries(COLUMNS))
    if (!(name in present)) await sequelize.query(`ALTER TABLE api_keys ADD COLUMN ${name} ${type[dialect]}`);
  const indexes = (await queryInterface.showIndex('api_keys')) as { name: string }[];
  if (!indexes.some(({ name }) => name === INDEX))
    await sequelize.query(`CREATE INDEX ${INDEX} ON api_keys (previous_hash)`);
}
