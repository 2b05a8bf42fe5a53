import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../database/database.ts';
import { migrateDatabase } from '../database/migrate.ts';
import { dataKeyStore } from './data-key-store.ts';
import { openVault } from '../../testing/open-vault.ts';
import { VaultError, type Vault } from './vault.ts';

const opened: { database: Database; folder: string }[] = [];
afterEach(async () => {
  for (const { database, folder } of opened.splice(0)) {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** An empty, migrated database; `folder` of another one opens the same a second time. */
async function database(folder = mkdtempSync(join(tmpdir(), 'fila-vault-'))) {
  const database = openDatabase({ databaseUrl: null, dataDir: folder });
  opened.push({ database, folder });
  await migrateDatabase(database);
  return { folder, sequelize: database.sequelize, store: dataKeyStore(database.sequelize) };
}

const newMasterKey = (): Buffer => randomBytes(32);
const newVault = async (): Promise<Vault> => openVault(newMasterKey(), (await database()).store);

const bytes = fc.uint8Array({ maxLength: 300 }).map((list) => Buffer.from(list));
const word = fc.stringMatching(/^[a-z0-9_]{1,30}$/);
const place = fc.record({ table: word, row: word, column: word });
const here = { table: 'requests', row: 'req_1', column: 'body' };

describe('a sealed value', () => {
  it('opens in its place, whatever it holds', async () => {
    const vault = await newVault();
    await fc.assert(
      fc.asyncProperty(place, bytes, async (at, plain) => {
        expect(await vault.open(at, vault.seal(at, plain))).toEqual(plain);
      }),
    );
  });

  it('shows nothing of what it holds, and never looks the same twice', async () => {
    const vault = await newVault();
    const plain = Buffer.from('the prompt of somebody '.repeat(20));
    // More than the nonces that are drawn at once.
    const sealed = Array.from({ length: 2_100 }, () => vault.seal(here, plain));
    expect(new Set(sealed.map((one) => one.subarray(5, 17).toString('hex'))).size).toBe(sealed.length);
    expect(sealed.every((one) => !one.includes('prompt'))).toBe(true);
    expect(sealed[0]!.length).toBe(plain.length + 33);
  });

  it('does not open once any bit of it was changed', async () => {
    const vault = await newVault();
    await fc.assert(
      fc.asyncProperty(bytes, fc.nat(), fc.integer({ min: 0, max: 7 }), async (plain, at, bit) => {
        const sealed = vault.seal(here, plain);
        sealed[at % sealed.length]! ^= 1 << bit;
        await expect(vault.open(here, sealed)).rejects.toBeInstanceOf(VaultError);
      }),
    );
  });

  it('does not open once it was cut or continued', async () => {
    const vault = await newVault();
    await fc.assert(
      fc.asyncProperty(bytes, fc.nat(), async (plain, at) => {
        const sealed = vault.seal(here, plain);
        const cut = sealed.subarray(0, at % sealed.length);
        await expect(vault.open(here, cut)).rejects.toBeInstanceOf(VaultError);
        const longer = Buffer.concat([sealed, Buffer.alloc(1)]);
        await expect(vault.open(here, longer)).rejects.toBeInstanceOf(VaultError);
      }),
    );
  });

  it('does not open in another table, row or column', async () => {
    const vault = await newVault();
    const places = fc
      .tuple(place, place, fc.constantFrom('table' as const, 'row' as const, 'column' as const))
      .filter(([at, other, part]) => at[part] !== other[part]);
    await fc.assert(
      fc.asyncProperty(places, bytes, async ([at, other, part], plain) => {
        const moved = { ...at, [part]: other[part] };
        await expect(vault.open(moved, vault.seal(at, plain))).rejects.toThrow('changed or moved');
      }),
    );
  });
});

describe('a vault', () => {
  it('opens after a restart what it sealed before, with the one data key it made', async () => {
    const masterKey = newMasterKey();
    const first = await database();
    const sealed = (await openVault(masterKey, first.store)).seal(here, Buffer.from('kept'));
    const second = await database(first.folder);
    const vault = await openVault(masterKey, second.store);
    expect((await vault.open(here, sealed)).toString()).toBe('kept');
    expect(await second.store.all()).toHaveLength(1);
  });

  it('does not open with another master key, and leaves the database as it was', async () => {
    const { store } = await database();
    await openVault(newMasterKey(), store);
    const before = await store.all();
    await expect(openVault(newMasterKey(), store)).rejects.toThrow(
      new VaultError('This master key is not the one the database was written with.'),
    );
    expect(await store.all()).toEqual(before);
  });

  it('does not open when its data key was changed or moved in the database', async () => {
    const masterKey = newMasterKey();
    const { sequelize, store } = await database();
    await openVault(masterKey, store);
    await sequelize.query('UPDATE data_keys SET id = 7');
    await expect(openVault(masterKey, store)).rejects.toBeInstanceOf(VaultError);
    await sequelize.query(`UPDATE data_keys SET id = 1, wrapped = CAST(substr(wrapped, 2) AS BLOB)`);
    await expect(openVault(masterKey, store)).rejects.toBeInstanceOf(VaultError);
  });

  it('cannot open what was sealed under a data key that is gone', async () => {
    const masterKey = newMasterKey();
    const { sequelize, store } = await database();
    const sealed = (await openVault(masterKey, store)).seal(here, Buffer.from('lost'));
    await sequelize.query('DELETE FROM data_keys');
    const vault = await openVault(masterKey, store);
    await expect(vault.open(here, sealed)).rejects.toThrow('The data key of this value is gone.');
  });

  it('keeps its data keys wrapped: neither they nor the master key are in the database', async () => {
    const masterKey = newMasterKey();
    const { store } = await database();
    const vault = await openVault(masterKey, store);
    const [stored] = await store.all();
    expect(stored!.wrapped).toHaveLength(32 + 33);
    expect(stored!.masterKeyId).toMatch(/^[0-9a-f]{16}$/);
    expect(masterKey.toString('hex')).not.toContain(stored!.masterKeyId);
    expect(vault.derive('master key id').toString('hex')).not.toContain(stored!.masterKeyId);
  });

  it('derives the same secret for a purpose under one master key, and another for each other', async () => {
    const masterKey = newMasterKey();
    const [one, same, other] = await Promise.all([
      ...[openVault(masterKey, (await database()).store), openVault(masterKey, (await database()).store)],
      newVault(),
    ]);
    expect(one!.derive('pepper')).toHaveLength(32);
    expect(same!.derive('pepper')).toEqual(one!.derive('pepper'));
    expect(one!.derive('cursor')).not.toEqual(one!.derive('pepper'));
    expect(other!.derive('pepper')).not.toEqual(one!.derive('pepper'));
    expect(one!.derive('pepper')).not.toEqual(masterKey);
  });
});

describe('two vaults on one database', () => {
  it('read each other, also when both made the first data key at the same moment', async () => {
    const masterKey = newMasterKey();
    const first = await database();
    const second = await database(first.folder);
    const [a, b] = await Promise.all([openVault(masterKey, first.store), openVault(masterKey, second.store)]);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      expect((await to.open(here, from.seal(here, Buffer.from('shared')))).toString()).toBe('shared');
  });

  it('read what the other sealed under a data key that was made since', async () => {
    const masterKey = newMasterKey();
    const first = await database();
    const early = await openVault(masterKey, first.store);
    const old = early.seal(here, Buffer.from('old'));
    // The late one starts as if on an empty database, so it makes a data key of its own.
    const second = await database(first.folder);
    let isFirstLook = true;
    const late = await openVault(masterKey, {
      ...second.store,
      all: async () => (isFirstLook ? ((isFirstLook = false), []) : second.store.all()),
    });
    expect(await second.store.all()).toHaveLength(2);
    expect((await early.open(here, late.seal(here, Buffer.from('new')))).toString()).toBe('new');
    expect((await late.open(here, old)).toString()).toBe('old');
  });
});
