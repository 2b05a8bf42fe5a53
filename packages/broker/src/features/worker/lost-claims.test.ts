import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openDatabase } from '../../engines/database/database.ts';
import { migrateDatabase } from '../../engines/database/migrate.ts';
import { openSqliteLedger } from '../../engines/ledger/sqlite-ledger.ts';
import type { Held } from '../../engines/ledger/ledger.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { createLostClaims } from './lost-claims.ts';

async function scene() {
  const dataDir = mkdtempSync(join(tmpdir(), 'fila-lost-'));
  const database = openDatabase({ databaseUrl: null, dataDir });
  await migrateDatabase(database);
  const ledger = openSqliteLedger(database.sqliteFile!);
  onTestFinished(async () => {
    await ledger.close();
    await database.close();
    rmSync(dataDir, { recursive: true });
  });
  const keyId = newId('key');
  const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'm' });
  async function claimed(owner: string): Promise<Held> {
    const nothing = {
      runAt: null,
      deadlineAt: null,
      metadata: null,
      callback: null,
      retryOf: null,
      idempotency: null,
    };
    const row = { id: newId('req'), laneId, keyId, priority: 5, createdAt: Date.now(), notify: false };
    await ledger.insert({ ...nothing, ...row, body: Buffer.from('x') });
    const [one] = await ledger.claim({ laneId, limit: 1, owner, leaseMs: 60_000 });
    return { id: one!.id, fence: one!.fence };
  }
  const stateOf = async ({ id }: Held) => {
    const row = await ledger.find(id);
    return [row?.state, row?.deliveries];
  };
  return { ledger, claimed, stateOf };
}

describe('claims that nobody runs', () => {
  it('are given back at no cost when they stay so; those that run, or are of others, are left alone', async () => {
    const { ledger, claimed, stateOf } = await scene();
    const owner = newId('run');
    const [lost, running, foreign] = [
      await claimed(owner),
      await claimed(owner),
      await claimed(newId('run')),
    ];
    const giveBack = createLostClaims({ ledger, owner, running: () => [running], logger: silentLogger });
    let nowMs = 1_000;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    onTestFinished(() => void vi.restoreAllMocks());
    await giveBack();
    nowMs += 5_900;
    await giveBack();
    expect(await stateOf(lost)).toEqual(['processing', 0]);
    nowMs += 200;
    await giveBack();
    expect(await stateOf(lost)).toEqual(['pending', 0]);
    expect(await stateOf(running)).toEqual(['processing', 0]);
    expect(await stateOf(foreign)).toEqual(['processing', 0]);
  });

  it('are counted anew under each claim', async () => {
    const { ledger, claimed, stateOf } = await scene();
    const owner = newId('run');
    const held: Held[] = [];
    const giveBack = createLostClaims({ ledger, owner, running: () => held, logger: silentLogger });
    let nowMs = 1_000;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    onTestFinished(() => void vi.restoreAllMocks());
    const one = await claimed(owner);
    await giveBack();
    held.push(one);
    await giveBack();
    held.length = 0;
    nowMs += 7_000;
    await giveBack();
    expect(await stateOf(one)).toEqual(['processing', 0]);
  });
});
