/** The SQLite ledger keeps the port's guarantees, also when power is lost or the disk is slow or fails. */
import { copyFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../database/database.ts';
import { migrateDatabase } from '../database/migrate.ts';
import { describeBrokenLedger } from './ledger-broken.conformance.ts';
import { describeLedgerOutcomes, readOutboxOf } from './ledger-outcomes.conformance.ts';
import { describeLedger } from './ledger.conformance.ts';
import { describeLeases } from './leases.conformance.ts';
import { LedgerUnavailable } from './ledger.ts';
import { openSqliteLedger } from './sqlite-ledger.ts';
import { ledgerHands } from './testing/ledger-hands.ts';
import type { Sync } from './wal-on-disk.ts';

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

async function ticks(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

function idsIn(file: string): string[] {
  const db = new DatabaseSync(file);
  const rows = db.prepare('SELECT id FROM requests ORDER BY id').all();
  db.close();
  return rows.map((row) => String(row['id']));
}

describe('SQLite ledger and its disk', () => {
  /** With a copy of the database that the log reaches by a sync only: what a loss of power would leave. */
  async function openOn(sync: Partial<Sync>) {
    const folder = await mkdtemp(join(tmpdir(), 'fila-disk-'));
    const other = openDatabase({ databaseUrl: null, dataDir: folder });
    await migrateDatabase(other);
    const file = other.sqliteFile!;
    const onDisk = join(folder, 'on-disk.sqlite');
    const ledger = openSqliteLedger(file, {
      here: () => copyFileSync(`${file}-wal`, `${onDisk}-wal`),
      beside: async () => copyFileSync(`${file}-wal`, `${onDisk}-wal`),
      nowMs: () => 0,
      ...sync,
    });
    const hands = ledgerHands(() => ledger);
    const laneId = await hands.lane();
    copyFileSync(file, onDisk);
    return {
      ...{ ledger, hands, laneId },
      stored: () => idsIn(file),
      afterLossOfPower: () => idsIn(onDisk),
      close: async () => {
        await ledger.close();
        await other.close();
        await rm(folder, { recursive: true });
      },
    };
  }

  it('tells of no row that a loss of power would take away, of one or of many at once', async () => {
    const { hands, laneId, ledger, afterLossOfPower, close } = await openOn({});
    const one = await hands.insert(laneId);
    expect(afterLossOfPower()).toEqual([one]);
    const rows = [hands.row(laneId), hands.row(laneId), hands.row(laneId)];
    await Promise.all(rows.map((row) => ledger.insert(row)));
    expect(afterLossOfPower()).toEqual([one, ...rows.map(({ id }) => id)].sort());
    await close();
  });

  it('starts a claimed row, and gives claims out, while the disk is still waited for; who inserts or reads waits', async () => {
    const disk = Promise.withResolvers<void>();
    const { hands, laneId, ledger, close } = await openOn({ here: () => {}, beside: () => disk.promise });
    const told: string[] = [];
    const owner = 'run_01arz3ndektsv4rrffq69g5fav';
    const started = Promise.withResolvers<void>();
    const claimed = { owner, leaseMs: 30_000, onCommitted: () => started.resolve() };
    const inserted = [hands.row(laneId, { claimed }), hands.row(laneId)].map((row) => {
      void ledger.insert(row).then(() => told.push('inserted'));
      return row.id;
    });
    const claiming = hands.claim(laneId);
    await started.promise;
    expect((await claiming).map(({ id }) => id)).toEqual([inserted[1]]);
    const reading = ledger.find(inserted[0]!).then(() => told.push('read'));
    const later = hands.insert(laneId).then(() => told.push('later'));
    await ticks(20);
    expect(told).toEqual([]);
    disk.resolve();
    await Promise.all([reading, later]);
    expect(told.sort()).toEqual(['inserted', 'inserted', 'later', 'read']);
    await close();
  });

  it('takes nothing more once the disk has failed, and says why', async () => {
    let isBroken = false;
    const { hands, laneId, ledger, stored, close } = await openOn({
      here: () => {
        if (isBroken) throw new Error('EIO: i/o error, fdatasync');
      },
    });
    const kept = await hands.insert(laneId);
    isBroken = true;
    await expect(hands.insert(laneId)).rejects.toThrow(LedgerUnavailable);
    isBroken = false;
    const refused = hands.row(laneId);
    await expect(ledger.insert(refused)).rejects.toThrow('restart the broker');
    expect(stored()).not.toContain(refused.id);
    await expect(ledger.check()).rejects.toThrow('EIO');
    await expect(ledger.find(kept)).rejects.toThrow(LedgerUnavailable);
    await close();
  });
});
