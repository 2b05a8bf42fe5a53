/** The weight of a key or a plan: its share of slot time beside others. */
import type { MigrationContext } from '../migrate.ts';

/** Of a key NULL is "as the plan says"; 0 is the usual weight. */
const COLUMNS = { api_keys: 'INTEGER NULL', plans: 'INTEGER NOT NULL DEFAULT 0' };

export async function up({ queryInterface }: MigrationContext): Promise<void> {
  for (const [table, type] of Object.entries(COLUMNS))
    // A migration that was cut off goes on at the next start.
    if (!('weight' in (await queryInterface.describeTable(table))))
      await queryInterface.sequelize.query(`ALTER TABLE ${table} ADD COLUMN weight ${type}`);
}
