import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { mariadbAvailable, needMariadb } from '../../../../../test/services/need.ts';
import { openDatabase, type Database, type DatabaseSettings } from './database.ts';
import { migrateDatabase } from './migrate.ts';
import * as callbacks from './migrations/0019-callbacks-as-requests-keep-them.ts';

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (let next = undo.pop(); next; next = undo.pop()) await next();
});

const engines = [
  {
    name: 'SQLite',
    isAvailable: true,
    empty: async (): Promise<DatabaseSettings> => {
      const dataDir = mkdtempSync(join(tmpdir(), 'fila-migrate-'));
      undo.push(() => rmSync(dataDir, { recursive: true, force: true }));
      return { databaseUrl: null, dataDir };
    },
  },
  {
    name: 'MariaDB',
    isAvailable: mariadbAvailable,
    empty: async (): Promise<DatabaseSettings> => ({
      databaseUrl: await (await needMariadb()).createDatabase(),
      dataDir: '',
    }),
  },
];

function open(settings: DatabaseSettings): Database {
  const database = openDatabase(settings);
  undo.push(() => database.close());
  return database;
}

const TABLES = ['api_keys', 'data_keys', 'fila_migrations', 'lanes', 'requests'];

async function tablesOf(database: Database): Promise<string[]> {
  const tables = await database.sequelize.getQueryInterface().showAllTables();
  return tables.filter((table) => !table.startsWith('sqlite_')).sort();
}

const statuses = async (...call: Parameters<typeof migrateDatabase>) =>
  (await migrateDatabase(...call)).map((one) => one.status);

describe.each(engines)('migrating on $name', ({ isAvailable, empty }) => {
  describe.skipIf(!isAvailable)('where it is installed', () => {
    it('brings an empty database to the present schema, and a second time changes nothing', async () => {
      const database = open(await empty());
      expect(new Set(await statuses(database))).toEqual(new Set(['applied']));
      expect(await tablesOf(database)).toEqual(expect.arrayContaining(TABLES));
      await database.sequelize.query(
        `INSERT INTO lanes (queue, key_id, band, model) VALUES ('default', 'key_1', 2, 'llama3:8b')`,
      );
      expect(new Set(await statuses(database))).toEqual(new Set(['already']));
      const [rows] = await database.sequelize.query('SELECT queue, band FROM lanes');
      expect(rows).toEqual([{ queue: 'default', band: 2 }]);
    });

    it('only says what it would do in a dry run', async () => {
      const database = open(await empty());
      expect(new Set(await statuses(database, { dryRun: true }))).toEqual(new Set(['pending']));
      expect(await tablesOf(database)).toEqual([]);
      await migrateDatabase(database);
      expect(new Set(await statuses(database, { dryRun: true }))).toEqual(new Set(['already']));
    });

    it('names the migrations in order', async () => {
      const names = (await migrateDatabase(open(await empty()))).map((one) => one.name);
      expect(names[0]).toMatch(/^0001-/);
      expect([...names].sort()).toEqual(names);
    });

    it('gives deliveries the callback that their request keeps, where that is still there', async () => {
      const database = open(await empty());
      await migrateDatabase(database);
      const { sequelize, dialect } = database;
      await sequelize.query(
        `INSERT INTO requests (id, lane_id, key_id, state, priority, created_at, body, notify, callback)
         VALUES ('req_1', 1, 'key_1', 1, 5, 1, X'00', 1, X'C0')`,
      );
      const receivers = [
        ['dlv_1', 'req_1', 'callback', "X'0D'"],
        ['dlv_2', 'req_2', 'callback', "X'0D'"],
        ['dlv_3', 'req_1', 'whk_1', 'NULL'],
      ];
      for (const [id, request, receiver, url] of receivers)
        await sequelize.query(
          `INSERT INTO webhook_deliveries (id, message_id, request_id, key_id, receiver, type, host, state, created_at, url, body)
           VALUES ('${id}', 'msg_1', '${request}', 'key_1', '${receiver}', 'request.completed', 'h', 'pending', 1, ${url}, X'00')`,
        );
      await callbacks.up({ queryInterface: sequelize.getQueryInterface(), dialect });
      const [rows] = await sequelize.query('SELECT HEX(url) AS url FROM webhook_deliveries ORDER BY id');
      expect(rows).toEqual([{ url: 'C0' }, { url: '0D' }, { url: dialect === 'mysql' ? null : '' }]);
    });

    it('goes on where an earlier run was cut off', async () => {
      const settings = await empty();
      const dying = open(settings);
      const { sequelize } = dying;
      const query = sequelize.query.bind(sequelize) as (sql: string, options?: object) => Promise<never>;
      const cut = (sql: string, options?: object) =>
        sql.includes(' api_keys (') ? Promise.reject(new Error('the power is gone')) : query(sql, options);
      Object.assign(sequelize, { query: cut });
      await expect(migrateDatabase(dying)).rejects.toThrow('the power is gone');
      const database = open(settings);
      expect(await tablesOf(database)).not.toContain('api_keys');
      expect(new Set(await statuses(database))).toEqual(new Set(['applied']));
      expect(await tablesOf(database)).toEqual(expect.arrayContaining(TABLES));
    });
  });
});

describe.skipIf(!mariadbAvailable)('brokers that share a MariaDB', () => {
  const empty = engines[1]!.empty;

  it('may all migrate at once: one does it, the others wait and find it done', async () => {
    const settings = await empty();
    const brokers = Array.from({ length: 4 }, () => open(settings));
    const results = await Promise.all(brokers.map((database) => statuses(database)));
    const firsts = results.map(([first]) => first);
    expect(firsts.filter((status) => status === 'applied')).toHaveLength(1);
    expect(firsts.filter((status) => status === 'already')).toHaveLength(3);
    expect(await tablesOf(brokers[0]!)).toEqual(expect.arrayContaining(TABLES));
  });

  it('give the turn to the next also when a migration fails', async () => {
    const settings = await empty();
    const database = open(settings);
    await database.sequelize.query('CREATE TABLE fila_migrations (wrong INT)');
    await expect(migrateDatabase(database)).rejects.toThrow();
    await database.sequelize.query('DROP TABLE fila_migrations');
    expect(await statuses(open(settings))).toContain('applied');
  });
});
