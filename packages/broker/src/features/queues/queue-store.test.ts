/** Queues in the database: what goes in comes out, on SQLite and on MariaDB alike. */
import { beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../../testing/databases.ts';
import { NO_POLICY } from './queues.ts';
import { queueStore, type QueueStore, type StoredQueue } from './queue-store.ts';

const NOW = 1_800_000_000_123;
const CHAT: StoredQueue = {
  ...{
    name: 'chat',
    state: 'paused',
    concurrency: 0,
    maxAttempts: 5,
    retryBaseMs: 1,
    retryCapMs: 86_400_000,
  },
  ...{ totalTimeoutMs: 1_000, maxPromptBytes: 1_000_000_000, maxQueued: 1_000_000_000 },
  ...{ fallbackModel: 'library/llama3:8b', defaultPriority: 9, createdAt: NOW },
};

describe.each(DATABASES)('queues in $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('where it is installed', () => {
    let store: QueueStore;
    beforeAll(async () => {
      store = queueStore((await open()).database.sequelize);
    });

    it('begin with the default one, of which nothing differs from the settings', async () => {
      const [first, ...others] = await store.all();
      expect(first).toEqual({
        ...NO_POLICY,
        name: 'default',
        state: 'active',
        createdAt: expect.any(Number),
      });
      expect(Math.abs(first!.createdAt - Date.now())).toBeLessThan(60_000);
      expect(others).toEqual([]);
    });

    it('come back exactly as they were stored, each name once', async () => {
      expect(await store.insert(CHAT)).toBe(true);
      expect(await store.insert({ ...CHAT, state: 'active' })).toBe(false);
      const bare = { ...NO_POLICY, name: 'bare', state: 'active', createdAt: NOW } as const;
      expect(await store.insert(bare)).toBe(true);
      expect((await store.all()).filter(({ name }) => name !== 'default')).toEqual([bare, CHAT]);
    });

    it('change what is named, also to null, and are removed', async () => {
      await store.change('chat', { state: 'draining', fallbackModel: null, maxAttempts: 7 });
      const changed = { ...CHAT, state: 'draining', fallbackModel: null, maxAttempts: 7 };
      expect((await store.all()).find(({ name }) => name === 'chat')).toEqual(changed);
      await store.remove('chat');
      expect((await store.all()).map(({ name }) => name)).toEqual(['bare', 'default']);
    });
  });
});
