/** Keys in the database: what goes in comes out, on SQLite and on MariaDB alike. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mariadbAvailable, needMariadb } from '../../../../../test/services/need.ts';
import { openDatabase, type Database } from '../../engines/database/database.ts';
import { migrateDatabase } from '../../engines/database/migrate.ts';
import { temporaryDatabase } from '../../engines/ledger/testing/temporary-database.ts';
import { newId } from '../../kernel/ids.ts';
import { keyStore, type KeyStore, type StoredKey } from './key-store.ts';

const NOW = 1_800_000_000_123;

function newKey(more: Partial<StoredKey> = {}): StoredKey {
  return {
    ...{ id: newId('key'), name: 'Intranet ção 🔑', prefix: 'fila_live_abcdefgh', status: 'active' },
    ...{ secretHash: randomBytes(32), secretFrom: null, previousHash: null, previousUntil: null },
    ...{ webhookSecret: randomBytes(80), pepperVersion: 1, flags: 0 },
    ...{ limitMinute: 1, limitHour: 0, limitDay: 1_000_000_000, limitBurst: 0, limitTokensDay: null },
    ...{ plan: 'gold', maxQueued: null, maxConcurrent: 3, weight: null },
    ...{ scopes: ['requests:write'], allowedModels: ['llama3*'], allowedQueues: null },
    ...{ allowedIps: ['10.0.0.0/8'], notBefore: NOW - 1, noticedExpiry: null },
    ...{ expiresAt: NOW + 1, lastUsedAt: null, createdAt: NOW, revokedAt: null },
    ...more,
  };
}

function describeKeyStore(name: string, open: () => Promise<Database>): void {
  describe(`keys in ${name}`, () => {
    let store: KeyStore;
    beforeAll(async () => {
      store = keyStore((await open()).sequelize);
    });

    async function inserted(more: Partial<StoredKey> = {}): Promise<StoredKey> {
      const key = newKey(more);
      await store.insert(key);
      return key;
    }

    it('come back exactly as they were stored, by hash and by id', async () => {
      const key = await inserted();
      const bare = await inserted({ expiresAt: null });
      expect(await store.byHash(key.secretHash, NOW)).toEqual(key);
      expect(await store.byId(key.id)).toEqual(key);
      expect(await store.byId(bare.id)).toEqual(bare);
    });

    it('tell "no limit" from "as the plan says", in the columns that were there before plans too', async () => {
      const key = await inserted({ plan: null, limitMinute: null, limitHour: null, limitDay: 0 });
      expect(await store.byId(key.id)).toEqual(key);
      await store.change(key.id, { limitMinute: 0, limitDay: null, limitBurst: 5, plan: 'gold' }, ['active']);
      expect(await store.byId(key.id)).toEqual({
        ...key,
        ...{ limitMinute: 0, limitDay: null, limitBurst: 5, plan: 'gold' },
      });
    });

    it('are counted by plan unless they are revoked, and named when only so many of their requests may wait', async () => {
      const plan = `plan-${newId('run').slice(-8)}`;
      const [a, b] = [await inserted({ plan }), await inserted({ plan: null, maxQueued: 5 })];
      const neither = await inserted({ plan: null, maxQueued: 0 });
      await inserted({ plan, status: 'revoked' });
      expect(await store.countWithPlan(plan)).toBe(1);
      const named = (await store.maybeLimitedInQueue()).map(({ id }) => id);
      expect(named).toEqual(expect.arrayContaining([a.id, b.id]));
      expect(named).not.toContain(neither.id);
    });

    it('are null for a hash, or an id, that nobody has', async () => {
      const { secretHash } = await inserted();
      const almost = Buffer.from(secretHash);
      almost[31]! ^= 1;
      expect(await store.byHash(almost, NOW)).toBeNull();
      expect(await store.byId(newId('key'))).toBeNull();
    });

    it('never share a hash', async () => {
      const { secretHash } = await inserted();
      await expect(inserted({ secretHash })).rejects.toThrow();
    });

    it('change only what is named, and only in the states that are named', async () => {
      const key = await inserted();
      expect(await store.change(key.id, { status: 'suspended', limitDay: 7 }, ['active'])).toBe(true);
      expect(await store.byId(key.id)).toEqual({ ...key, status: 'suspended', limitDay: 7 });
      expect(await store.change(key.id, { name: 'no' }, ['active', 'revoked'])).toBe(false);
      expect(await store.change(newId('key'), { name: 'no' }, ['active'])).toBe(false);
      expect((await store.byId(key.id))?.name).toBe(key.name);
      expect(await store.change(key.id, { expiresAt: null }, ['suspended'])).toBe(true);
      expect((await store.byId(key.id))?.expiresAt).toBeNull();
    });

    it('count as changed also when everything was so before', async () => {
      const key = await inserted();
      expect(await store.change(key.id, { status: 'active' }, ['active'])).toBe(true);
      expect(await store.change(key.id, { name: key.name }, ['active', 'suspended'])).toBe(true);
    });

    it('go through one of two changes at the same moment that exclude each other', async () => {
      const { id } = await inserted();
      const changes = await Promise.all([
        store.change(id, { status: 'revoked', revokedAt: NOW }, ['active']),
        store.change(id, { status: 'suspended' }, ['active']),
      ]);
      expect(changes.filter(Boolean)).toHaveLength(1);
    });

    it('are found by the secret before the last rotation until that is over', async () => {
      const key = await inserted();
      const secret = {
        ...{ secretHash: randomBytes(32), prefix: 'fila_live_rotated', pepperVersion: 1 },
        ...{ secretFrom: null, previousHash: key.secretHash, previousUntil: NOW + 1_000 },
      };
      expect(await store.rotate(key.id, key.secretHash, secret)).toBe(true);
      const rotated = { ...key, ...secret };
      expect(await store.byHash(secret.secretHash, NOW + 5_000)).toEqual(rotated);
      expect(await store.byHash(key.secretHash, NOW + 999)).toEqual(rotated);
      expect(await store.byHash(key.secretHash, NOW + 1_000)).toBeNull();
    });

    it('are found by a secret that is to come from its time on', async () => {
      const key = await inserted();
      const secret = {
        ...{ secretHash: randomBytes(32), prefix: 'fila_live_rotated', pepperVersion: 1 },
        ...{ secretFrom: NOW + 10, previousHash: key.secretHash, previousUntil: NOW + 20 },
      };
      await store.rotate(key.id, key.secretHash, secret);
      expect(await store.byHash(secret.secretHash, NOW + 9)).toBeNull();
      expect((await store.byHash(secret.secretHash, NOW + 10))?.id).toBe(key.id);
      expect((await store.byHash(key.secretHash, NOW + 19))?.id).toBe(key.id);
    });

    it('are told of once for each time that they expire at, by one of two at the same moment', async () => {
      const [from, until] = [NOW + 5_000_000, NOW + 6_000_000];
      const expiring = async () => (await store.expiring(from, until, 10)).map(({ id }) => id);
      const second = await inserted({ expiresAt: until });
      const first = await inserted({ expiresAt: from + 1 });
      await inserted({ expiresAt: from });
      await inserted({ expiresAt: until + 1 });
      await inserted({ expiresAt: until, status: 'suspended' });
      expect(await expiring()).toEqual([first.id, second.id]);
      const both = [store.noticeExpiry(first.id, from + 1), store.noticeExpiry(first.id, from + 1)];
      expect((await Promise.all(both)).filter(Boolean)).toHaveLength(1);
      expect(await expiring()).toEqual([second.id]);
      await store.change(first.id, { expiresAt: from + 2 }, ['active']);
      expect(await store.noticeExpiry(first.id, from + 1)).toBe(false);
      expect(await expiring()).toEqual([first.id, second.id]);
    });

    it('are rotated by one of two at the same moment, and by nobody once they are revoked', async () => {
      const { id, secretHash } = await inserted();
      const secret = (): Parameters<KeyStore['rotate']>[2] => ({
        ...{ secretHash: randomBytes(32), prefix: 'fila_live_rotated', pepperVersion: 1 },
        ...{ secretFrom: null, previousHash: null, previousUntil: null },
      });
      const both = await Promise.all([
        store.rotate(id, secretHash, secret()),
        store.rotate(id, secretHash, secret()),
      ]);
      expect(both.filter(Boolean)).toHaveLength(1);
      const revoked = await inserted({ status: 'revoked' });
      expect(await store.rotate(revoked.id, revoked.secretHash, secret())).toBe(false);
    });

    it('are listed newest first, page by page, by state', async () => {
      const keys: StoredKey[] = [];
      for (let i = 0; i < 5; i++) keys.push(await inserted({ status: i % 2 ? 'revoked' : 'active' }));
      const ids = keys.map((key) => key.id).reverse();
      const listed = async (filter: Parameters<KeyStore['list']>[0]): Promise<string[]> =>
        (await store.list(filter)).map((key) => key.id);
      expect(await listed({ limit: 3 })).toEqual(ids.slice(0, 3));
      expect(await listed({ limit: 2, before: ids[2] })).toEqual(ids.slice(3));
      expect(await listed({ limit: 2, status: 'revoked' })).toEqual([ids[1], ids[3]]);
      expect((await store.list({ limit: 1 }))[0]).toEqual(keys.at(-1));
    });

    it('note many uses at once, and never turn a time back', async () => {
      const keys = [await inserted(), await inserted(), await inserted({ lastUsedAt: 900 })];
      const [a, b, c] = keys.map((key) => key.id) as [string, string, string];
      await store.noteUse(new Map([[a, 500], [b, 600], [c, 500]])); // prettier-ignore
      await store.noteUse(new Map([[a, 400], [b, 700]])); // prettier-ignore
      await store.noteUse(new Map([[newId('key'), 1]]));
      expect(await Promise.all(keys.map(async ({ id }) => (await store.byId(id))?.lastUsedAt))).toEqual([
        500, 700, 900,
      ]);
    });
  });
}

describeKeyStore('SQLite', () => temporaryDatabase());

describe.skipIf(!mariadbAvailable)('with MariaDB', () => {
  let database: Database | undefined;
  afterAll(() => database?.close());
  describeKeyStore('MariaDB', async () => {
    const mariadb = await needMariadb();
    database = openDatabase({ databaseUrl: await mariadb.createDatabase(), dataDir: '' });
    await migrateDatabase(database);
    return database;
  });
});
