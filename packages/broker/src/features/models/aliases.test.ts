/** Aliases on real databases, and on two brokers. */
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { aliasStore } from './alias-store.ts';
import { createAliases, type Aliases } from './aliases.ts';

const keyOfModel = (name: string): string =>
  name.includes(':') ? name.toLowerCase() : `${name.toLowerCase()}:latest`;

describe.each(DATABASES)('aliases on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('where it is installed', () => {
    let engines: Engines;
    beforeEach(async () => {
      engines = await open();
    });

    async function openRoom(): Promise<Aliases> {
      const room = createAliases({
        ...{ store: aliasStore(engines.database.sequelize), keyOfModel },
        ...{ clock: systemClock, logger: silentLogger },
      });
      await room.start();
      onTestFinished(() => room.stop());
      return room;
    }
    const soon = (look: () => void) => vi.waitFor(look, { timeout: 5_000, interval: 20 });

    it('are in force at once where they are set, elsewhere soon, and after a restart; any spelling finds them', async () => {
      const [here, there] = [await openRoom(), await openRoom()];
      expect(await here.set('fast', 'gemma2:2b')).toMatchObject({ alias: 'fast', model: 'gemma2:2b' });
      for (const name of ['fast', 'Fast', 'fast:latest']) expect(here.modelOf(name)).toBe('gemma2:2b');
      expect(here.modelOf('faster')).toBe('faster');
      await soon(() => expect(there.modelOf('fast')).toBe('gemma2:2b'));
      await there.set('fast:latest', 'llama3:8b');
      expect(there.known()).toMatchObject([{ alias: 'fast', model: 'llama3:8b' }]);
      await soon(() => expect(here.modelOf('fast')).toBe('llama3:8b'));
      expect((await openRoom()).modelOf('fast')).toBe('llama3:8b');
      expect(await here.remove('fast')).toMatchObject({ alias: 'fast', model: 'llama3:8b' });
      expect(here.modelOf('fast')).toBe('fast');
      await soon(() => expect(there.modelOf('fast')).toBe('fast'));
    });

    it('stand for models, never for themselves or for each other', async () => {
      const room = await openRoom();
      await room.set('fast', 'gemma2:2b');
      for (const model of ['fast', 'Fast:latest'])
        await expect(room.set('quick', model)).rejects.toMatchObject({ code: 'validation_failed' });
      await expect(room.set('slow', 'slow:latest')).rejects.toMatchObject({ code: 'validation_failed' });
      await expect(room.set('gemma2:2b', 'qwen')).rejects.toMatchObject({ code: 'validation_failed' });
      await expect(room.remove('quick')).rejects.toMatchObject({ code: 'not_found' });
      expect(await room.list()).toHaveLength(1);
    });

    it('are as they were when what they were written with is rolled back', async () => {
      const room = await openRoom();
      const rolledBack = engines.database.together(async () => {
        await room.set('fast', 'gemma2:2b');
        throw new Error('no row in the trail');
      });
      await expect(rolledBack).rejects.toThrow('no row');
      expect([room.modelOf('fast'), await room.list()]).toEqual(['fast', []]);
    });
  });
});
