/** A delivery keeps the URL of a callback as its request does, sealed for that. */
import type { MigrationContext } from '../migrate.ts';

/** What is sealed is copied, never opened. Twice is the same. */
export async function up({ queryInterface }: MigrationContext): Promise<void> {
  await queryInterface.sequelize.query(
    `UPDATE webhook_deliveries
     SET url = (SELECT callback FROM requests WHERE requests.id = webhook_deliveries.request_id)
     WHERE receiver = 'callback'
       AND EXISTS (SELECT 1 FROM requests WHERE requests.id = webhook_deliveries.request_id AND callback IS NOT NULL)`,
  );
}
