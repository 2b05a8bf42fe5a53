/** A migrated SQLite database in a folder of its own, for one test file; both are gone when the file ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openDatabase, type Database } from '../../database/database.ts';
import { migrateDatabase } from '../../database/migrate.ts';
import type { Ledger } from '../ledger.ts';
import { openSqliteLedger } from '../sqlite-ledger.ts';

const closing: (() => Promise<unknown>)[] = [];

afterAll(async () => {
  for (let next = closing.pop(); next; next = closing.pop()) await next();
});

export async function temporaryDatabase(): Promise<Database> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fila-test-'));
  closing.push(() => rm(dataDir, { recursive: true }));
  const database = openDatabase({ databaseUrl: null, dataDir });
  closing.push(() => database.close());
  await migrateDatabase(database);
  return database;
}

/** No disk: what is written has happened some turns of the event loop later, which tests can count. */
const AT_ONCE = { here: () => undefined, beside: () => Promise.resolve(), nowMs: () => 0 };

export async function temporaryLedger(database?: Database): Promise<Ledger> {
  const { sqliteFile } = database ?? (await temporaryDatabase());
  const ledger = openSqliteLedger(sqliteFile!, AT_ONCE);
  closing.push(() => ledger.close());
  return ledger;
}
