/** What a packet does on a real MariaDB when its end is not heard and it runs a second time, and when its operations meet. */
import { PLAIN } from './testing/ledger-hands.ts';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mariadbAvailable, needMariadb } from '../../../../../test/services/need.ts';
import { newId } from '../../kernel/ids.ts';
import { openDatabase } from '../database/database.ts';
import { migrateDatabase } from '../database/migrate.ts';
import type { ClaimedRow, Ledger } from './ledger.ts';
import type { LedgerOp } from './ledger-ops.ts';
import { ledgerWrites } from './ledger-writes.ts';
import { mysqlPacket } from './mysql-packet.ts';
import type { SelfClockedFlush } from './self-clocked-flush.ts';

const NOW = 'CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)';
const OWNER = newId('run');
const KEY = newId('key');

describe.skipIf(!mariadbAvailable)('a packet on MariaDB', () => {
  let connection: Connection;
  let lanes = 0;

  beforeAll(async () => {
    const databaseUrl = await (await needMariadb()).createDatabase();
    const database = openDatabase({ databaseUrl, dataDir: '' });
    await migrateDatabase(database);
    await database.close();
    connection = await mysql.createConnection({ uri: databaseUrl, multipleStatements: true });
  });
  afterAll(() => connection?.end());

  const ops: LedgerOp[] = [];
  const add = (op: LedgerOp): void => void ops.push(op);
  const packets = mysqlPacket(NOW, add);
  const writes = ledgerWrites({ add } as SelfClockedFlush<LedgerOp>);

  /** Puts all that was written since the last time into one packet, which runs as often as it is said. */
  async function send(times = 1): Promise<void> {
    const packet = packets.build(ops.splice(0));
    let results: unknown;
    for (let i = 0; i < times; i++) [results] = await connection.query(packet.sql);
    packet.answer(results as unknown[]);
  }

  async function inserted(count: number): Promise<{ laneId: number; ids: string[] }> {
    const laneId = (lanes += 1);
    const ids = Array.from({ length: count }, () => newId('req'));
    const empty = { priority: 5, createdAt: 1, runAt: null, deadlineAt: null, metadata: null, ...PLAIN };
    const all = ids.map((id) => writes.insert({ ...empty, id, laneId, keyId: KEY, body: Buffer.from(id) }));
    await send(2);
    await Promise.all(all);
    return { laneId, ids };
  }
  const claimOf = (laneId: number, limit: number): Parameters<Ledger['claim']>[0] => {
    return { laneId, limit, owner: OWNER, leaseMs: 30_000 };
  };
  async function claimed(laneId: number, limit = 1): Promise<ClaimedRow[]> {
    const claim = writes.claim(claimOf(laneId, limit));
    await send();
    return claim;
  }
  const completed = { owner: OWNER, to: 'completed', countsAttempt: true, notify: false } as const;

  it('that runs twice inserts once, settles once and says so', async () => {
    const { laneId } = await inserted(1);
    const [row] = await claimed(laneId);
    const settled = writes.settle({ id: row!.id, fence: row!.fence, ...completed });
    await send(2);
    expect(await settled).toBe(true);
    const [rows] = await connection.query('SELECT attempts, state FROM requests WHERE id = ?', [row!.id]);
    expect(rows).toEqual([{ attempts: 1, state: 1 }]);
  });

  it('that runs twice gives every row it took to the claimer, and no row that was only renewed', async () => {
    const { laneId, ids } = await inserted(4);
    const [running] = await claimed(laneId);
    const claim = writes.claim(claimOf(laneId, 1));
    const renewed = writes.renew(OWNER, 60_000, [{ id: running!.id, fence: running!.fence }]);
    await send(2);
    expect((await claim).map((row) => row.id)).toEqual(ids.slice(1, 3));
    expect(await renewed).toEqual(new Set([running!.id]));
  });

  it('that runs twice cancels once and says so', async () => {
    const { ids } = await inserted(1);
    const cancelled = writes.cancel(ids[0]!, KEY);
    await send(2);
    expect(await cancelled).toBe(true);
  });

  it('does not call cancelled what is settled in the same packet', async () => {
    const { laneId } = await inserted(1);
    const [row] = await claimed(laneId);
    const cancelled = writes.cancel(row!.id, KEY);
    const settled = writes.settle({ id: row!.id, fence: row!.fence, ...completed });
    await send();
    expect([await settled, await cancelled]).toEqual([true, false]);
  });
});
