import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mariadbAvailable, needMariadb } from '../../../../../test/services/need.ts';
import { openDatabase, type Database } from '../../engines/database/database.ts';
import { up } from '../../engines/database/migrations/0004-upstreams.ts';
import { upstreamStore, type StoredUpstream, type UpstreamStore } from './upstream-store.ts';

const A: StoredUpstream = {
  ...{ id: 'a:11434', url: 'http://a:11434', slots: 4, source: 'database' },
  ...{ isEnabled: true, isDraining: false, breaker: 'auto', createdAt: 1_795_000_000_123 },
};
const B: StoredUpstream = {
  ...A,
  id: 'b:80',
  url: 'http://b',
  source: 'settings',
  createdAt: A.createdAt - 1,
};

function describeStore(name: string, open: () => Promise<Database>): void {
  describe(name, () => {
    let database: Database;
    let store: UpstreamStore;

    beforeAll(async () => {
      database = await open();
      const context = { queryInterface: database.sequelize.getQueryInterface(), dialect: database.dialect };
      await up(context);
      // A migration that was cut off is run again.
      await up(context);
      store = upstreamStore(database.sequelize);
    });
    afterAll(() => database.close());

    it('gives back what it was given, oldest first, and each id once', async () => {
      expect(await store.all()).toEqual([]);
      expect(await store.insert(A)).toBe(true);
      expect(await store.insert(B)).toBe(true);
      expect(await store.insert({ ...A, slots: 9 })).toBe(false);
      expect(await store.all()).toEqual([B, A]);
    });

    it('changes what is named, of one upstream', async () => {
      const change = { isEnabled: false, isDraining: true, breaker: 'open', slots: 2 } as const;
      await store.change(A.id, change);
      expect(await store.all()).toEqual([B, { ...A, ...change }]);
      await store.change(A.id, { isEnabled: true });
      await store.change('unheard-of:1', { isEnabled: true });
      expect(await store.all()).toEqual([B, { ...A, ...change, isEnabled: true }]);
    });

    it('keeps that nobody fixed the slots', async () => {
      await store.change(A.id, { slots: 'auto' });
      expect(await store.all()).toMatchObject([B, { id: A.id, slots: 'auto' }]);
      const auto: StoredUpstream = { ...A, id: 'auto:1', slots: 'auto' };
      await store.insert(auto);
      expect((await store.all()).find(({ id }) => id === auto.id)).toEqual(auto);
      await store.remove(auto.id);
    });

    it('removes one, also twice', async () => {
      await store.remove(A.id);
      await store.remove(A.id);
      expect(await store.all()).toEqual([B]);
    });
  });
}

describe('the store of upstreams', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'fila-upstreams-'));
  afterAll(() => rmSync(dataDir, { recursive: true }));
  describeStore('on SQLite', async () => openDatabase({ databaseUrl: null, dataDir }));
});

describe.skipIf(!mariadbAvailable)('the store of upstreams', () => {
  describeStore('on MariaDB', async () => {
    const mariadb = await needMariadb();
    return openDatabase({ databaseUrl: await mariadb.createDatabase(), dataDir: '' });
  });
});
