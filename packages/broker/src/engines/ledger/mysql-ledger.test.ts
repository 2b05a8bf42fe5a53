/** The MySQL ledger keeps the port's guarantees, on a real MariaDB. */
import { afterAll, describe, expect, it } from 'vitest';
import { mariadbAvailable, needMariadb } from '../../../../../test/services/need.ts';
import { openDatabase, type Database } from '../database/database.ts';
import { migrateDatabase } from '../database/migrate.ts';
import { describeBrokenLedger } from './ledger-broken.conformance.ts';
import { describeLedgerOutcomes, readOutboxOf } from './ledger-outcomes.conformance.ts';
import { describeLedger } from './ledger.conformance.ts';
import { describeLeases } from './leases.conformance.ts';
import { openMysqlLedger } from './mysql-ledger.ts';
import { ledgerHands } from './testing/ledger-hands.ts';

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

  it('lets the server write no table of its own to the disk for a flush', async () => {
    const ledger = await open();
    const { lane, insert, claim, completed } = ledgerHands(() => ledger);
    const laneId = await lane();
    await Promise.all(Array.from({ length: 30 }, () => insert(laneId, { notify: true })));
    const before = await diskTables(database!);
    const error = { code: 'upstream_failed', sealed: Buffer.from('why') };
    const rows = await claim(laneId, 30);
    const ends = rows.map((row, n) =>
      ledger.settle(completed(row, n % 2 ? {} : { to: 'failed', result: undefined, error })),
    );
    expect(await Promise.all(ends)).not.toContain(false);
    expect(await diskTables(database!)).toBe(before);
    await ledger.close();
  });

  describeLedger('MySQL ledger', open);
  describeBrokenLedger('MySQL ledger, broken', open);
  describeLeases('MySQL ledger, leases', open);
  describeLedgerOutcomes('MySQL ledger, outcomes', open, () => readOutboxOf(database!)());
});

async function diskTables({ sequelize }: Database): Promise<string> {
  const [rows] = await sequelize.query(`SHOW GLOBAL STATUS LIKE 'Created_tmp_disk_tables'`);
  return (rows as { Value: string }[])[0]!.Value;
}
