/** Live settings on real databases: what may be changed, what becomes of it on two brokers, and the way back. */
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadSettings } from '../../config/load-settings.ts';
import { presentSettings, settingCatalog } from '../../config/setting-catalog.ts';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { settingStore } from './setting-store.ts';
import { createSettings, type Author } from './settings.ts';

const ANA: Author = { actor: { kind: 'user', id: 'usr_1', name: 'ana' }, reason: 'Black Friday' };
const ENV = { FILA_MAX_QUEUED: '7', FILA_RETRY_CAP_MS: '5000', FILA_ADMIN_TOKEN: 'x'.repeat(40) };

describe.each(DATABASES)('live settings on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('where it is installed', () => {
    let engines: Engines;
    let warned: object[];
    beforeEach(async () => {
      engines = await open();
      warned = [];
    });

    /** A broker of these engines, as far as settings go. */
    async function openRoom(
      env: Record<string, string> = ENV,
      store = settingStore(engines.database.sequelize),
    ) {
      const loaded = loadSettings({ env });
      const room = createSettings({
        ...{ store, catalog: settingCatalog(loaded), vault: engines.vault, clock: systemClock },
        logger: { ...silentLogger, warn: (fields) => void warned.push(fields) },
      });
      await room.start();
      onTestFinished(() => room.stop());
      return { room, store, present: presentSettings(loaded.settings, room.overrides) };
    }
    const soon = (look: () => void) => vi.waitFor(look, { timeout: 5_000, interval: 20 });

    it('are in force at once where they are set, elsewhere soon, and after a restart', async () => {
      const [here, there] = [await openRoom(), await openRoom({ FILA_MAX_QUEUED: '9' })];
      expect([here.present.maxQueued, there.present.maxQueued]).toEqual([7, 9]);
      expect(await here.room.set('maxQueued', 500, ANA)).toMatchObject({
        ...{ name: 'maxQueued', variable: 'FILA_MAX_QUEUED', value: '500', source: 'database' },
        ...{ start_value: '7', start_source: 'environment', default_value: '0', live: true },
      });
      expect(here.present.maxQueued).toBe(500);
      await soon(() => expect(there.present.maxQueued).toBe(500));
      expect((await openRoom()).present.maxQueued).toBe(500);
      expect(await here.room.unset('maxQueued', ANA)).toMatchObject({ value: '7', source: 'environment' });
      expect(here.present.maxQueued).toBe(7);
      await soon(() => expect(there.present.maxQueued).toBe(9));
    });

    it('are all shown with where they come from, and no secret is', async () => {
      const { room } = await openRoom();
      await room.set('defaultModel', 'gemma2:2b', ANA);
      const { items, version } = room.list();
      expect(version).toBe(1);
      const sources = Object.fromEntries(items.map(({ name, source }) => [name, source]));
      expect(sources).toMatchObject({ maxQueued: 'environment', defaultModel: 'database', port: 'default' });
      expect(room.get('adminToken')).toMatchObject({ value: '********', secret: true, live: false });
      expect(JSON.stringify(items)).not.toContain('xxxx');
    });

    it.each([
      ['maxQueued', 'many', 'validation_failed', 'must be a whole number from 0 to 1000000000'],
      ['maxQueued', -1, 'validation_failed', 'must be a whole number'],
      ['retryBaseMs', 6_000, 'validation_failed', 'FILA_RETRY_CAP_MS must not be below'],
      ['port', 80, 'conflict', 'set FILA_PORT and start the daemon again'],
      ['maxQueue', 80, 'not_found', 'There is no setting maxQueue'],
    ])('%s of %s is refused with %s', async (name, value, code, sentence) => {
      const { room, store } = await openRoom();
      await expect(room.set(name, value, ANA)).rejects.toMatchObject({
        ...{ code, message: expect.stringContaining(sentence) as string },
      });
      expect((await store.inForce()).version).toBe(0);
    });

    it('that belong together are judged together', async () => {
      const { room } = await openRoom();
      await room.set('retryCapMs', 60_000, ANA);
      await room.set('retryBaseMs', 6_000, ANA);
      await expect(room.unset('retryCapMs', ANA)).rejects.toMatchObject({ code: 'conflict' });
      await expect(room.restore(1, ANA)).resolves.toMatchObject({ version: 3 });
    });

    it('have a version for each change, with who, why, before and after; the words are sealed', async () => {
      const { room } = await openRoom();
      await room.set('maxQueued', '10', ANA);
      await room.set('maxQueued', 10, ANA);
      await room.set('adaptiveTimeouts', 'off', { ...ANA, reason: null });
      const { items, next_cursor } = await room.versions({ limit: 1 });
      expect(items).toMatchObject([
        {
          ...{ version: 2, act: 'set', restored_version: null, reason: null, actor: ANA.actor },
          changes: [{ name: 'adaptiveTimeouts', before: null, after: 'false' }],
          overrides: { maxQueued: '10', adaptiveTimeouts: 'false' },
        },
      ]);
      const rest = await room.versions({ limit: 1, cursor: next_cursor! });
      expect(rest).toMatchObject({ items: [{ version: 1, reason: 'Black Friday' }], next_cursor: null });
      const rows = await engines.ledger.sql.all<{ reason: Buffer | null }>(
        'SELECT reason FROM setting_versions ORDER BY version',
        [],
      );
      expect(rows[0]!.reason!.includes('Friday')).toBe(false);
    });

    it('go back to a version, which makes another one; to 0 is what the start says', async () => {
      const { room, present } = await openRoom();
      await room.set('maxQueued', 10, ANA);
      await room.set('maxQueued', 20, ANA);
      await room.set('ageingMs', 0, ANA);
      expect(await room.restore(1, ANA)).toMatchObject({
        ...{ version: 4, act: 'restore', restored_version: 1, overrides: { maxQueued: '10' } },
        changes: [
          { name: 'ageingMs', before: '0', after: null },
          { name: 'maxQueued', before: '20', after: '10' },
        ],
      });
      expect([present.maxQueued, present.ageingMs]).toEqual([10, 60_000]);
      await expect(room.restore(1, ANA)).rejects.toMatchObject({ code: 'conflict' });
      await expect(room.restore(99, ANA)).rejects.toMatchObject({ code: 'not_found' });
      await room.restore(0, ANA);
      expect(present.maxQueued).toBe(7);
      await expect(room.unset('maxQueued', ANA)).rejects.toMatchObject({ code: 'conflict' });
    });

    it('are not in force when what they were written with is rolled back', async () => {
      const { room, present } = await openRoom();
      const rolledBack = engines.database.together(async () => {
        await room.set('maxQueued', 10, ANA);
        expect(present.maxQueued).toBe(7);
        throw new Error('no row in the trail');
      });
      await expect(rolledBack).rejects.toThrow('no row');
      expect([present.maxQueued, room.list().version]).toEqual([7, 0]);
    });

    it('are not undone by a read that was slow', async () => {
      const store = settingStore(engines.database.sequelize);
      const slow: (() => void)[] = [];
      let isSlow = false;
      const { room, present } = await openRoom(ENV, {
        ...store,
        inForce: async () => {
          const found = await store.inForce();
          if (isSlow) await new Promise<void>((go) => slow.push(go));
          return found;
        },
      });
      await room.set('maxQueued', 10, ANA);
      isSlow = true;
      await soon(() => expect(slow).toHaveLength(1));
      isSlow = false;
      await room.set('maxQueued', 20, ANA);
      slow[0]!();
      await room.stop();
      expect(present.maxQueued).toBe(20);
    });

    it('of a newer broker that this one does not know are left out, and it says so', async () => {
      const first = await openRoom();
      const overrides = { maxQueued: '3', fromTomorrow: '1', port: '80', ageingMs: 'soon' };
      await first.store.insert({
        ...{ version: 1, at: 0, act: 'set', restored: null, reason: null, changes: [], overrides },
        ...{ actorKind: 'admin_token', actorId: null, actorName: null },
      });
      await soon(() => expect(first.present.maxQueued).toBe(3));
      expect([...first.room.overrides().keys()]).toEqual(['maxQueued']);
      expect(warned).toMatchObject(['fromTomorrow', 'port', 'ageingMs'].map((setting) => ({ setting })));
      await first.room.set('maxQueued', 4, ANA);
      await expect(first.room.restore(1, ANA)).rejects.toMatchObject({ code: 'conflict' });
    });
  });
});
