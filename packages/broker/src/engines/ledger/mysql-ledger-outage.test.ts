/** What the MySQL ledger and Sequelize do when a real MariaDB dies, hangs, or loses their connections. */
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startMariadb, type MariadbService } from '../../../../../test/services/mariadb-service.ts';
import { mariadbAvailable } from '../../../../../test/services/need.ts';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { newId } from '../../kernel/ids.ts';
import { openDatabase, type Database } from '../database/database.ts';
import { migrateDatabase } from '../database/migrate.ts';
import { LedgerUnavailable, type Ledger, type NewRow } from './ledger.ts';
import { openMysqlLedger } from './mysql-ledger.ts';

const KEY = newId('key');

describe.skipIf(!mariadbAvailable)('the ledger on a MariaDB in trouble', () => {
  let mariadb: MariadbService;
  let url: string;
  beforeAll(async () => {
    mariadb = await startMariadb();
    url = await mariadb.createDatabase();
    const database = openDatabase({ databaseUrl: url, dataDir: '' });
    await migrateDatabase(database);
    await database.close();
  });
  afterAll(() => mariadb.kill());

  async function open(): Promise<{ ledger: Ledger; database: Database; row: () => NewRow }> {
    const ledger = openMysqlLedger(url);
    const database = openDatabase({ databaseUrl: url, dataDir: '' });
    onTestFinished(async () => void (await Promise.all([ledger.close(), database.close()])));
    const laneId = await ledger.lanes.idOf({ queue: 'default', keyId: KEY, band: 2, model: 'm' });
    const nothing = {
      runAt: null,
      deadlineAt: null,
      metadata: null,
      callback: null,
      retryOf: null,
      idempotency: null,
    };
    const row = (): NewRow => {
      const own = { id: newId('req'), laneId, keyId: KEY, priority: 5, createdAt: Date.now(), notify: false };
      return { ...nothing, ...own, body: Buffer.from('x') };
    };
    await ledger.insert(row());
    await database.ping();
    return { ledger, database, row };
  }

  async function took(work: Promise<unknown>): Promise<[ms: number, error: Error]> {
    const startMs = performance.now();
    const error = await work.then(
      () => new Error('It did not fail.'),
      (thrown: Error) => thrown,
    );
    return [performance.now() - startMs, error];
  }

  it('rejects at once while it is dead, and works again without being opened anew', async () => {
    const { ledger, database, row } = await open();
    await mariadb.kill();
    for (const call of [() => ledger.insert(row()), () => ledger.find(newId('req')), () => ledger.check()]) {
      const [ms, error] = await took(call());
      expect(error).toBeInstanceOf(LedgerUnavailable);
      expect(ms).toBeLessThan(1_000);
    }
    expect((await took(database.ping()))[0]).toBeLessThan(2_000);
    await mariadb.restart();
    await ledger.check();
    const one = row();
    await ledger.insert(one);
    expect((await ledger.find(one.id))?.state).toBe('pending');
    await database.ping();
  });

  it('waits for no server that hangs: Sequelize for 1.5 s, the ledger for 5 s, a new connection for 1.5 s', async () => {
    const { ledger, database, row } = await open();
    const fresh = openMysqlLedger(url);
    onTestFinished(() => mariadb.thaw());
    await mariadb.freeze();
    const [ping, insert, check] = await Promise.all([
      took(database.ping()),
      took(ledger.insert(row())),
      took(fresh.check()),
    ]);
    expect(ping[0]).toBeLessThan(1_900);
    expect(insert[1]).toBeInstanceOf(LedgerUnavailable);
    expect(insert[0]).toBeLessThan(5_500);
    expect(check[1]).toBeInstanceOf(LedgerUnavailable);
    expect(check[0]).toBeLessThan(2_000);
    const closing = performance.now();
    await fresh.close();
    expect(performance.now() - closing).toBeLessThan(1_500);
    mariadb.thaw();
    await ledger.check();
    await ledger.insert(row());
    await database.ping();
  });

  it('goes on without an error when its connections are killed between and during its writes', async () => {
    const { ledger, row } = await open();
    const admin = await createConnection({ host: '127.0.0.1', port: mariadb.port, user: 'root' });
    const rows = Array.from({ length: 300 }, row);
    const written = new Set<string>();
    let isDone = false;
    const killing = (async () => {
      while (!isDone) {
        const [found] = await admin.query(
          'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()',
        );
        for (const { id } of found as { id: number }[])
          await admin.query(`KILL ${id}`).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    for (const one of rows) {
      // Killed twice in a row it may give up, which it says; the same again does no harm.
      for (let isWritten = false; !isWritten;) {
        isWritten = await ledger.insert(one).then(
          ({ kind }) => kind === 'inserted',
          (error: unknown) => {
            expect(error).toBeInstanceOf(LedgerUnavailable);
            return false;
          },
        );
      }
      written.add(one.id);
    }
    isDone = true;
    await killing;
    await admin.end();
    const found = await Promise.all([...written].map((id) => ledger.find(id).catch(() => ledger.find(id))));
    expect(found.filter((one) => one === null)).toEqual([]);
  });

  it.each([
    { what: 'sends a packet again whose connection was killed under it', failpoints: '', end: 'fulfilled' },
    { what: 'is away when that breaks', failpoints: 'ledger.resend:error', end: 'rejected' },
  ])('$what', async ({ failpoints, end }) => {
    const { ledger, row } = await open();
    const admin = await createConnection(url);
    onTestFinished(() => admin.end());
    const [held, fresh] = [row(), row()];
    await ledger.insert(held);
    await admin.query('START TRANSACTION');
    await admin.query('SELECT id FROM requests WHERE id = ? FOR UPDATE', [held.id]);
    armFailpoints(failpoints);
    onTestFinished(() => armFailpoints(''));
    const ends = Promise.allSettled([ledger.cancel(held.id, KEY), ledger.insert(fresh)]);
    let waiting: { id: number }[] = [];
    while (waiting.length === 0) {
      const [found] = await admin.query(
        `SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info LIKE '%${held.id}%'`,
      );
      waiting = found as { id: number }[];
    }
    await admin.query(`KILL ${waiting[0]!.id}`);
    await admin.query('ROLLBACK');
    for (const one of await ends) {
      expect(one.status).toBe(end);
      if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(LedgerUnavailable);
    }
    armFailpoints('');
    const states = await Promise.all([held, fresh].map(async ({ id }) => (await ledger.find(id))?.state));
    expect(states).toEqual(end === 'fulfilled' ? ['cancelled', 'pending'] : ['pending', undefined]);
  });

  it('a server that takes no more connections is away, not broken', async () => {
    const { ledger, row } = await open();
    const admin = await createConnection({ host: '127.0.0.1', port: mariadb.port, user: 'root' });
    await admin.query('SET GLOBAL max_connections = 10');
    const crowd = await Promise.allSettled(
      Array.from({ length: 14 }, () =>
        createConnection({ host: '127.0.0.1', port: mariadb.port, user: 'root' }),
      ),
    );
    const fresh = openMysqlLedger(url);
    await expect(fresh.check()).rejects.toThrow(LedgerUnavailable);
    await ledger.insert(row());
    for (const one of crowd) if (one.status === 'fulfilled') await one.value.end();
    await admin.query('SET GLOBAL max_connections = 200');
    await expect.poll(() => fresh.check().then(() => 'up'), { timeout: 3_000 }).toBe('up');
    await fresh.close();
    await admin.end();
  });

  it('knows what is processing under a name, and leaves nothing behind when it is checked', async () => {
    const { ledger, row } = await open();
    const [one, owner] = [row(), newId('run')];
    await Promise.all([ledger.insert(one), ledger.check(), ledger.check()]);
    const claimed = await ledger.claim({ laneId: one.laneId, limit: 1_000, owner, leaseMs: 60_000 });
    const held = await ledger.sweeps.heldBy(owner);
    expect(held).toHaveLength(claimed.length);
    expect(held).toEqual(expect.arrayContaining([{ id: one.id, fence: 1 }]));
    expect(await ledger.sweeps.heldBy(newId('run'))).toEqual([]);
    const admin = await createConnection(url);
    const [[count]] = (await admin.query('SELECT COUNT(*) AS n FROM idempotency_keys')) as unknown as [
      [{ n: number }],
    ];
    expect(count.n).toBe(0);
    await admin.end();
  });

  it('a server that became read-only is away, not broken', async () => {
    const { ledger } = await open();
    const admin = await createConnection({ host: '127.0.0.1', port: mariadb.port, user: 'root' });
    const { pathname } = new URL(url);
    await admin.query(`CREATE USER IF NOT EXISTS plain@'127.0.0.1'`);
    await admin.query(`GRANT ALL ON ${pathname.slice(1)}.* TO plain@'127.0.0.1'`);
    const plain = openMysqlLedger(url.replace('root@', 'plain@'));
    await plain.check();
    await admin.query('SET GLOBAL read_only = 1');
    await expect(plain.check()).rejects.toThrow(LedgerUnavailable);
    await admin.query('SET GLOBAL read_only = 0');
    await plain.check();
    await ledger.check();
    await plain.close();
    await admin.end();
  });
});
