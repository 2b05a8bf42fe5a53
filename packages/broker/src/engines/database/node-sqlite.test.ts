import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { DataTypes, type Sequelize } from 'sequelize';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDatabase, type Database } from './database.ts';
import { nodeSqlite } from './node-sqlite.ts';

let folder: string;
const opened: Database[] = [];

function open(): Sequelize {
  const database = openDatabase({ databaseUrl: null, dataDir: folder });
  opened.push(database);
  return database.sequelize;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fila-sqlite-'));
});

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(opened.splice(0).map((database) => database.close()));
  rmSync(folder, { recursive: true, force: true });
});

const accounts = (sequelize: Sequelize) =>
  sequelize.define(
    'account',
    {
      name: { type: DataTypes.STRING, primaryKey: true },
      balance: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      active: { type: DataTypes.BOOLEAN },
      picture: { type: DataTypes.BLOB },
    },
    { timestamps: false },
  );
const bytes = fc.uint8Array({ maxLength: 2_000 }).map((list) => Buffer.from(list));

async function prepared() {
  const sequelize = open();
  const Account = accounts(sequelize);
  await sequelize.sync();
  return { sequelize, Account };
}

describe('values', () => {
  it('come back as they were given: text, whole numbers, booleans, bytes and nothing', async () => {
    const { Account } = await prepared();
    const row = fc.record({
      name: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
      balance: fc.maxSafeInteger(),
      active: fc.option(fc.boolean()),
      picture: fc.option(bytes),
    });
    await fc.assert(
      fc.asyncProperty(row, async (given) => {
        await Account.upsert(given);
        const found = await Account.findByPk(given.name);
        expect(found?.get()).toEqual(given);
      }),
      { numRuns: 50 },
    );
  });

  it('are told apart from SQL, also when they are bound by name', async () => {
    const { sequelize, Account } = await prepared();
    const name = `'); DROP TABLE accounts; --`;
    await Account.create({ name, active: true });
    const [rows] = await sequelize.query(
      'SELECT name, active FROM accounts WHERE name = $name AND active = $active',
      { bind: { name, active: true } },
    );
    expect(rows).toEqual([{ name, active: 1 }]);
    expect(await Account.count({ where: { active: true } })).toBe(1);
  });

  it('are bound as SQLite knows them: yes and no as numbers, times as text, nothing as null', async () => {
    const row = await new Promise((resolve, reject) => {
      const { Database } = nodeSqlite([]);
      const database = new Database(':memory:', 0, () => {
        const at = new Date(0);
        database.get('SELECT ? AS yes, ? AS at, ? AS none', [true, at, undefined], (error, found) => {
          database.close();
          if (error) reject(error);
          else resolve(found);
        });
      });
    });
    expect(row).toEqual({ yes: 1, at: '1970-01-01T00:00:00.000Z', none: null });
  });

  it('tell the number of a new row and how many rows a change met', async () => {
    const sequelize = open();
    const Item = sequelize.define('item', { kind: DataTypes.STRING }, { timestamps: false });
    await sequelize.sync();
    const ids = [];
    for (const kind of ['a', 'a', 'b']) ids.push((await Item.create({ kind })).get('id'));
    expect(ids).toEqual([1, 2, 3]);
    expect(await Item.update({ kind: 'c' }, { where: { kind: 'a' } })).toEqual([2]);
    expect(await Item.destroy({ where: { kind: 'c' } })).toBe(2);
    expect(await Item.update({ kind: 'c' }, { where: { kind: 'a' } })).toEqual([0]);
  });
});

describe('errors', () => {
  it('of a double are unique-constraint errors that name the column', async () => {
    const { Account } = await prepared();
    await Account.create({ name: 'a' });
    await expect(Account.create({ name: 'a' })).rejects.toMatchObject({
      name: 'SequelizeUniqueConstraintError',
      fields: ['name'],
      parent: { code: 'SQLITE_CONSTRAINT', errno: 19 },
    });
  });

  it('of a missing parent are foreign-key errors', async () => {
    const { sequelize } = await prepared();
    await sequelize.query('CREATE TABLE child (of TEXT REFERENCES accounts (name))');
    await expect(sequelize.query(`INSERT INTO child VALUES ('nobody')`)).rejects.toMatchObject({
      name: 'SequelizeForeignKeyConstraintError',
    });
  });

  it('of wrong SQL are database errors, and the connection goes on', async () => {
    const { sequelize, Account } = await prepared();
    await expect(sequelize.query('SELECT nonsense')).rejects.toMatchObject({
      name: 'SequelizeDatabaseError',
      parent: { code: 'SQLITE_ERROR', message: 'SQLITE_ERROR: no such column: nonsense' },
    });
    expect(await Account.count()).toBe(0);
  });

  it('of a file that is no database say so', async () => {
    writeFileSync(join(folder, 'fila.sqlite'), 'this is a letter, not a database. '.repeat(100));
    await expect(open().authenticate()).rejects.toMatchObject({ parent: { code: 'SQLITE_NOTADB' } });
  });

  it('of a file that cannot be opened are connection errors', async () => {
    mkdirSync(join(folder, 'fila.sqlite'));
    await expect(open().authenticate()).rejects.toMatchObject({
      name: 'SequelizeConnectionError',
      parent: { code: 'SQLITE_CANTOPEN' },
    });
  });
});

describe('transactions', () => {
  it('of two connections wait for each other and lose nothing', async () => {
    const { Account, sequelize } = await prepared();
    await Account.create({ name: 'shared', balance: 0 });
    const other = open();
    const sides = [
      { sequelize, model: Account },
      { sequelize: other, model: accounts(other) },
    ];
    const rounds = Array.from({ length: 40 }, (_, i) => sides[i % 2]!);
    await Promise.all(
      rounds.map(({ sequelize: side, model }) =>
        side.transaction(async (transaction) => {
          const row = await model.findByPk('shared', { transaction, rejectOnEmpty: true });
          const balance = row.get('balance') as number;
          // Lets the others run in the middle of it.
          await new Promise((resolve) => setImmediate(resolve));
          await row.update({ balance: balance + 1 }, { transaction });
        }),
      ),
    );
    expect((await Account.findByPk('shared'))?.get('balance')).toBe(40);
  });

  it('keep what they wrote to themselves until they commit, and drop it when they fail', async () => {
    const { sequelize, Account } = await prepared();
    const transaction = await sequelize.transaction();
    await Account.create({ name: 'a' }, { transaction });
    expect(await Account.count({ transaction })).toBe(1);
    expect(await Account.count()).toBe(0);
    await transaction.commit();
    expect(await Account.count()).toBe(1);
    const failing = sequelize.transaction(async (inner) => {
      await Account.create({ name: 'b' }, { transaction: inner });
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await Account.count()).toBe(1);
    await Account.create({ name: 'c' });
    expect(await Account.count()).toBe(2);
  });

  it('that were left open by one connection hold another up until they end', async () => {
    const { sequelize, Account } = await prepared();
    const other = accounts(open());
    const transaction = await sequelize.transaction();
    await Account.create({ name: 'a' }, { transaction });
    let isDone = false;
    const waiting = other.create({ name: 'b' }).then(() => (isDone = true));
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(isDone).toBe(false);
    await transaction.commit();
    await waiting;
    expect(await Account.count()).toBe(2);
  });

  it('that never end make others fail as busy after five seconds, not later', async () => {
    const { sequelize, Account } = await prepared();
    const other = open();
    await other.authenticate();
    const transaction = await sequelize.transaction();
    await Account.create({ name: 'a' }, { transaction });
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
    const errors: unknown[] = [];
    const waiting = other.query(`DELETE FROM accounts`).catch((error: unknown) => errors.push(error));
    await vi.advanceTimersByTimeAsync(4_900);
    expect(errors).toEqual([]);
    await vi.advanceTimersByTimeAsync(300);
    await waiting;
    expect(errors).toEqual([
      expect.objectContaining({
        name: 'SequelizeTimeoutError',
        parent: expect.objectContaining({ code: 'SQLITE_BUSY', errno: 5 }),
      }),
    ]);
    await transaction.rollback();
  });

  it('use the same few handles again', async () => {
    const { sequelize, Account } = await prepared();
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      await sequelize.transaction(async (transaction) => {
        // A temporary table lives as long as its handle.
        await sequelize.query('CREATE TEMP TABLE IF NOT EXISTS mark (id TEXT)', { transaction });
        await sequelize.query(`INSERT INTO mark SELECT '${i}' WHERE NOT EXISTS (SELECT 1 FROM mark)`, {
          transaction,
        });
        const [rows] = await sequelize.query('SELECT id FROM mark', { transaction });
        seen.add((rows[0] as { id: string }).id);
      });
    }
    expect(seen.size).toBe(1);
    expect(await Account.count()).toBe(0);
  });
});
