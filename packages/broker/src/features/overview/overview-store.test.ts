import { beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../engines/ledger/ledger.ts';
import { ledgerHands, KEY, OWNER } from '../../engines/ledger/testing/ledger-hands.ts';
import { DATABASES } from '../../testing/databases.ts';
import { overviewStore, type OverviewStore } from './overview-store.ts';

describe.each(DATABASES)('the store of the overview on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('with rows in every state', () => {
    let ledger: Ledger;
    let store: OverviewStore;
    let lane: number;
    let other: number;
    let pending: string[];
    let running: string;
    let failed: string;
    let cancelled: string;
    const hands = ledgerHands(() => ledger);

    beforeAll(async () => {
      ({ ledger } = await open());
      store = overviewStore(ledger.sql);
      [lane, other] = [await hands.lane('model-a'), await hands.lane('model-b')];
      for (let n = 0; n < 3; n++) await hands.insert(lane);
      const [first, second, third] = await hands.claim(lane, 3);
      running = first!.id;
      const error = { code: 'upstream_error', sealed: Buffer.from('why') };
      await ledger.settle(hands.completed(second!, { to: 'failed', result: undefined, error }));
      failed = second!.id;
      await ledger.settle(
        hands.completed(third!, { promptTokens: 3, completionTokens: 4, processingMs: 20, upstream: 'a:1' }),
      );
      pending = [await hands.insert(lane), await hands.insert(other)];
      await hands.insert(other, { runAt: Date.now() + 60_000 });
      cancelled = await hands.insert(other);
      await ledger.cancel(cancelled, KEY);
    });

    it('counts what has not ended by lane, with the oldest that waits', async () => {
      const lanes = await store.lanes();
      expect(lanes.get(lane)).toEqual({ pending: 1, processing: 1, delayed: 0, oldest: pending[0] });
      expect(lanes.get(other)).toEqual({ pending: 1, processing: 0, delayed: 1, oldest: pending[1] });
    });

    it('counts dead letters up to a bound, and not those that were dealt with', async () => {
      expect(await store.deadLetters(10)).toBe(1);
      expect(await store.deadLetters(0)).toBe(0);
      const buried = await hands.insert(lane);
      const claimed = (await hands.claim(lane, 5)).find(({ id }) => id === buried)!;
      await ledger.settle(hands.completed(claimed, { to: 'failed', result: undefined }));
      expect(await store.deadLetters(10)).toBe(2);
      await ledger.discard(buried, Buffer.from('no need'));
      expect(await store.deadLetters(10)).toBe(1);
    });

    it('lists requests of one status without reading what they say', async () => {
      const { rows } = await store.requests({ limit: 10, states: ['processing'] });
      expect(rows.map(({ id }) => id)).toContain(running);
      expect(rows.every(({ state }) => state === 'processing')).toBe(true);
      const dead = await store.requests({ limit: 1, states: ['failed'] });
      expect(dead).toMatchObject({ rows: [{ state: 'failed', model: 'model-a' }] });
      const done = await store.requests({ limit: 5, states: ['completed'] });
      expect(done.rows).toMatchObject([{ tokens: 7, processingMs: 20, upstream: 'a:1', keyId: KEY }]);
      expect((await store.requests({ limit: 5, states: ['cancelled'] })).rows).toMatchObject([
        { id: cancelled },
      ]);
      expect(JSON.stringify(done)).not.toContain('body of');
    });

    it('pages through all of them, each once, newest first', async () => {
      const seen: string[] = [];
      for (let before: string | undefined; ;) {
        const { rows, reached } = await store.requests({ limit: 2, before });
        seen.push(...rows.map(({ id }) => id));
        if (reached === null) break;
        before = reached;
      }
      expect(seen).toEqual([...seen].sort().reverse());
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toContain(failed);
      expect(seen.length).toBe(8);
    });

    it('narrows by key and by model', async () => {
      expect((await store.requests({ limit: 9, keyId: 'key_nobody' })).rows).toEqual([]);
      const ofB = await store.requests({ limit: 9, model: 'model-b', keyId: KEY });
      expect(ofB.rows.length).toBe(3);
      expect(ofB.reached).toBeNull();
      const pendingOfB = await store.requests({
        ...{ limit: 9, model: 'model-b', states: ['pending', 'delayed'], keyId: KEY },
      });
      expect(pendingOfB.rows.map(({ state }) => state).sort()).toEqual(['delayed', 'pending']);
    });

    it('counts webhooks where there are none', async () => {
      const none = { pending: 0, due: 0, oldestDueMs: null, endpoints: 0, failing: 0, disabled: 0 };
      expect(await store.webhooks()).toEqual({ ...none, troubled: [] });
    });

    it('knows no name of a key that is gone', async () => {
      expect(await store.keyNames([OWNER])).toEqual(new Map());
    });
  });
});
