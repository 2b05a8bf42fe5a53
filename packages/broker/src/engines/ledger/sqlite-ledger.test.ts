/** The SQLite ledger keeps the port's guarantees. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openDatabase } from '../database/database.ts';
import { migrateDatabase } from '../database/migrate.ts';
import { describeLedger, readOutboxOf } from './ledger.conformance.ts';
import { openSqliteLedger } from './sqlite-ledger.ts';

const dataDir = await mkdtemp(join(tmpdir(), 'fila-ledger-'));
const database = openDatabase({ databaseUrl: null, dataDir });
await migrateDatabase(database);
afterAll(async () => {
  await database.close();
  await rm(dataDir, { recursive: true });
});

describeLedger('SQLite ledger', async () => openSqliteLedger(database.sqliteFile!), readOutboxOf(database));
