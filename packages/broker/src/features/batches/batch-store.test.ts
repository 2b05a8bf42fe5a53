/** Batches in the database: what two do at once is done once, and nothing is ever there in part. */
import { beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { batchStore, type BatchStore, type NewLine } from './batch-store.ts';

const PRINT = { digest: Buffer.alloc(32, 1), fingerprint: Buffer.alloc(32, 2) };

describe.each(DATABASES)('batches in $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('where it is installed', () => {
    let engines: Engines;
    let store: BatchStore;
    beforeAll(async () => {
      engines = await open();
      store = batchStore(engines.ledger.sql);
    });

    async function begin(count: number, keyId = newId('key')): Promise<{ id: string; ids: string[] }> {
      const id = newId('bat');
      const laneId = await engines.ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'm' });
      const lines = Array.from({ length: count }, (_, n): NewLine => {
        const none = {
          metadata: null,
          callback: null,
          retryOf: null,
          idempotency: null,
          notify: n % 2 === 0,
        };
        const times = { createdAt: 1_000 + n, runAt: null, deadlineAt: n === 0 ? 5_000 : null };
        const row = { ...none, ...times, id: newId('req'), laneId, keyId, priority: 5, affinity: n };
        return {
          line: n + 1,
          row: { ...row, body: Buffer.from(`body ${n}`) },
          customId: Buffer.from(`c${n}`),
        };
      });
      await store.begin(id, keyId);
      await store.addLines(id, lines);
      return { id, ids: lines.map(({ row }) => row.id) };
    }

    async function pourAll(id: string): Promise<string[]> {
      const ids: string[] = [];
      for (let after = 0; ;) {
        const rows = await store.pour(id, after);
        if (rows.length === 0) return ids;
        ids.push(...rows.map((row) => row.id));
        after = rows.at(-1)!.line;
      }
    }

    it('are not seen before they are accepted, and give nothing away', async () => {
      const { id } = await begin(3);
      expect(await store.byId(id)).toBeNull();
      expect(await store.accept(id, 3, null)).toBe(true);
      expect(await store.byId(id)).toMatchObject({ state: 'accepted', total: 3, fingerprint: null });
      await store.forgetUpload(id);
      expect(await pourAll(id)).toHaveLength(3);
    });

    it('cannot be accepted once they are forgotten', async () => {
      const { id } = await begin(3);
      await store.forgetUpload(id);
      expect(await store.accept(id, 3, null)).toBe(false);
      const { id: half } = await begin(3);
      await engines.ledger.sql.run(`UPDATE batches SET state = 'forgotten' WHERE id = ?`, [half]);
      expect(await store.accept(half, 3, null)).toBe(false);
      expect([await store.byId(half), await store.forgetAbandoned(-1_000)]).toEqual([null, 1]);
    });

    it('of one key and digest are accepted once, of other keys each', async () => {
      const keyId = newId('key');
      const [one, two, other] = [await begin(1, keyId), await begin(1, keyId), await begin(1)];
      const accepted = await Promise.all([one, two, other].map(({ id }) => store.accept(id, 1, PRINT)));
      expect(accepted.filter(Boolean)).toHaveLength(2);
      expect(accepted[2]).toBe(true);
      const winner = accepted[0] ? one : two;
      expect(await store.byDigest(keyId, PRINT.digest)).toMatchObject({ id: winner.id });
    });

    it('get each row once, as it was put down, however many make them at once', async () => {
      const { id, ids } = await begin(650);
      await store.accept(id, 650, null);
      await Promise.all([pourAll(id), pourAll(id), pourAll(id)]);
      expect(await store.pour(id, 0)).toEqual([]);
      const rows = await engines.ledger.sql.all<{ id: string }>(
        'SELECT id FROM requests WHERE batch_id = ? ORDER BY id',
        [id],
      );
      expect(rows.map((row) => row.id)).toEqual(ids);
      const [first, second] = await Promise.all([ids[0]!, ids[1]!].map((one) => engines.ledger.find(one)));
      expect(first).toMatchObject({ state: 'pending', createdAt: 1_000, deadlineAt: 5_000, batchId: id });
      expect(second).toMatchObject({ priority: 5, deadlineAt: null, customId: Buffer.from('c1') });
      expect(await engines.ledger.body(ids[1]!)).toEqual(Buffer.from('body 1'));
      expect(await store.counts(id, 650)).toEqual([{ state: 'pending', count: 650, lastAt: null }]);
    });
  });
});
