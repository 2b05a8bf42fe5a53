import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../kernel/logger.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { logStore, type LogStore } from './log-store.ts';
import { createLogs } from './logs.ts';

const NOW = Date.parse('2027-03-01T12:00Z');
const DAY_MS = 86_400_000;
const line = (level: string, msg: string, more: object = {}, atMs = NOW): string =>
  `${JSON.stringify({ level, time: new Date(atMs).toISOString(), service: 'fila', ...more, msg })}\n`;

describe.each(DATABASES)('the log on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('', () => {
    let engines: Engines;
    let store: LogStore;
    beforeEach(async () => {
      engines = await open();
      store = logStore(engines.database.sequelize);
    });

    /** A broker's room; stopping it writes what waits. */
    const room = (
      run: string,
      more: { store?: LogStore; warn?: (fields: object, message: string) => void } = {},
    ) => {
      const logger = { ...silentLogger, warn: more.warn ?? (() => undefined) };
      const logs = createLogs({
        ...{ store: more.store ?? store, run, clock: { now: () => NOW }, logger, writeEveryMs: 5 },
      });
      onTestFinished(() => logs.stop());
      return logs;
    };

    it('has warnings and worse of all brokers, with all that they say', async () => {
      const err = { type: 'TypeError', message: 'no such table', stack: 'at x' };
      const [a, b] = [room('run_a'), room('run_b')];
      a.take(line('info', 'call', { http: 'call-1' }));
      a.take(line('warning', 'slow', { http: 'call-1', keyId: 'key_1' }));
      a.take(line('error', 'failed', { requestId: 'req_1', http: 'call-2', attempt: 3, err }));
      await a.stop();
      b.take(line('critical', 'broken'));
      b.take(line('emergency', 'lost'));
      await b.stop();
      const { items, next_cursor } = await a.list({});
      expect(next_cursor).toBeNull();
      expect(items.map(({ level, message, run }) => [level, message, run])).toEqual([
        ['emergency', 'lost', 'run_b'],
        ['critical', 'broken', 'run_b'],
        ['error', 'failed', 'run_a'],
        ['warning', 'slow', 'run_a'],
      ]);
      expect(items[2]).toMatchObject({
        ...{ time: '2027-03-01T12:00:00.000Z', request_id: 'req_1', key_id: null },
        fields: { attempt: 3, err, http: 'call-2' },
      });
      expect(items[3]).toMatchObject({ request_id: 'call-1', key_id: 'key_1' });
    });

    it('is searched by level, text, time, request and key, page by page in both directions', async () => {
      const logs = room('run_a');
      for (let n = 1; n <= 6; n++)
        logs.take(
          line(
            n % 2 === 0 ? 'error' : 'warning',
            `number ${n}`,
            { requestId: `req_${n}`, keyId: `key_${n % 3}`, note: n === 4 ? '100%_Full "ÇÃO"' : 'x' },
            NOW + n * 1_000,
          ),
        );
      await logs.stop();
      const found = async (query: Parameters<typeof logs.list>[0]) =>
        (await logs.list(query)).items.map(({ message }) => Number(message.slice(-1)));
      expect(await found({ level: 'error' })).toEqual([6, 4, 2]);
      expect(await found({ text: 'NUMBER 3' })).toEqual([3]);
      expect(await found({ text: '100%_full' })).toEqual([4]);
      expect(await found({ text: '%' })).toEqual([4]);
      expect(await found({ request_id: 'req_5' })).toEqual([5]);
      expect(await found({ key_id: 'key_0', order: 'oldest' })).toEqual([3, 6]);
      const at = (n: number) => new Date(NOW + n * 1_000).toISOString();
      expect(await found({ since: at(2), until: at(4), order: 'oldest' })).toEqual([2, 3]);
      const page = await logs.list({ limit: 4 });
      expect(page.items).toHaveLength(4);
      expect(await found({ cursor: page.next_cursor! })).toEqual([2, 1]);
    });

    it('waits while the database is away, up to a bound, and then says how many it dropped', async () => {
      let isAway = true;
      const said: [object, string][] = [];
      const shaky = {
        ...store,
        add: async (lines: Parameters<LogStore['add']>[0]) => {
          if (isAway) throw new Error('away');
          return store.add(lines);
        },
      };
      const logs = room('run_a', {
        store: shaky,
        warn: (fields, message) => void said.push([fields, message]),
      });
      await logs.start();
      for (let n = 0; n < 2_010; n++) logs.take(line('warning', `number ${n}`));
      await expect.poll(() => said.length).toBe(1);
      isAway = false;
      await expect.poll(() => said.length).toBe(2);
      expect(said[1]).toEqual([{ count: 10 }, expect.stringContaining('were not kept')]);
      const { items } = await logs.list({ order: 'oldest', limit: 1000 });
      expect([items.length, items[0]!.message, items[999]!.message]).toEqual([
        1000,
        'number 0',
        'number 999',
      ]);
    });

    it('forgets warnings after 60 days, and errors and worse after 90', async () => {
      const logs = room('run_a');
      for (const days of [59, 61, 89, 91])
        for (const level of ['warning', 'error', 'critical', 'emergency'])
          logs.take(line(level, `${level} ${days}`, {}, NOW - days * DAY_MS));
      await logs.stop();
      let count = 0;
      for (let batch; (batch = await logs.forget()) > 0;) count += batch;
      expect(count).toBe(6);
      expect((await logs.list({ order: 'oldest' })).items.map(({ message }) => message)).toEqual([
        ...['warning', 'error', 'critical', 'emergency'].map((level) => `${level} 59`),
        ...['error', 'critical', 'emergency'].map((level) => `${level} 61`),
        ...['error', 'critical', 'emergency'].map((level) => `${level} 89`),
      ]);
    });

    it('takes a line of any length', async () => {
      const logs = room('run_a');
      logs.take(line('error', 'm'.repeat(5_000), { http: 'h'.repeat(200), note: 'n'.repeat(100_000) }));
      await logs.stop();
      const [item] = (await logs.list({})).items;
      expect([item!.message.length, item!.request_id!.length]).toEqual([500, 64]);
      expect(item!.fields).toHaveProperty('cut');
    });
  });
});
