/** Which requests belong to one session: a short hash beside what is sealed, so that a claim tells without opening anything. */
import type { MigrationContext } from '../migrate.ts';

export async function up({ queryInterface, dialect }: MigrationContext): Promise<void> {
  // A migration that was cut off goes on at the next start.
  if ('affinity' in (await queryInterface.describeTable('requests'))) return;
  const type = dialect === 'mysql' ? 'INT UNSIGNED NULL' : 'INTEGER';
  await queryInterface.sequelize.query(`ALTER TABLE requests ADD COLUMN affinity ${type}`);
}
