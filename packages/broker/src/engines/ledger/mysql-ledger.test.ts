/** The MySQL ledger keeps the port's guarantees, on a real MariaDB. */
import { afterAll, describe } from 'vitest';
import { mariadbAvailable, needMariadb } from '../../../../../test/services/need.ts';
import { openDatabase, type Database } from '../database/database.ts';
import { migrateDatabase } from '../database/migrate.ts';
import { describeLedgerOutcomes, readOutboxOf } from './ledger-outcomes.conformance.ts';
import { describeLedger } from './ledger.conformance.ts';
import { openMysqlLedger } from './mysql-ledger.ts';

describe.skipIf(!mariadbAvailable)('on MariaDB', () => {
  let database: Database | undefined;
  afterAll(() => database?.close());

  async function open() {
    if (!database) {
      const mariadb = await needMariadb();
      database = openDatabase({ databaseUrl: await mariadb.createDatabase(), dataDir: '' });
      await migrateDatabase(database);
    }
    return openMysqlLedger(database.mysqlUrl!);
  }

  describeLedger('MySQL ledger', open);
  describeLedgerOutcomes('MySQL ledger, outcomes', open, () => readOutboxOf(database!)());
});
