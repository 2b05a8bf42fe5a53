/** The SQLite ledger keeps the port's guarantees. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openDatabase } from '../database/database.ts';
import { migrateDatabase } from '../database/migrate.ts';
import { describeBrokenLedger } from './ledger-broken.conformance.ts';
import { describeLedgerOutcomes, readOutboxOf } from './ledger-outcomes.conformance.ts';
import { describeLedger } from './ledger.conformance.ts';
import { describeLeases } from './leases.conformance.ts';
import { openSqliteLedger } from './sqlite-ledger.ts';

const dataDir = await mkdtemp(join(tmpdir(), 'fila-ledger-'));
const database = openDatabase({ databaseUrl: null, dataDir });
await migrateDatabase(database);
afterAll(async () => {
  await database.close();
  await rm(dataDir, { recursive: true });
});

const open = async () => openSqliteLedger(database.sqliteFile!);
describeLedger('SQLite ledger', open);
describeBrokenLedger('SQLite ledger, broken', open);
describeLeases('SQLite ledger, leases', open);
describeLedgerOutcomes('SQLite ledger, outcomes', open, readOutboxOf(database));
