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
    let cancelled: string;
    const hands = ledgerHands(() => ledger);

    beforeAll(async () => {
      ({ ledger } = await open());
      store = overviewStore(ledger.sql);
      [lane, other] = [await hands.lane('model-a'), await hands.lane('model-b')];
      for (let n = 0; n < 3; n++) await hands.insert(lane);
      const [, second, third] = await hands.claim(lane, 3);
      const error = { code: 'upstream_error', sealed: Buffer.from('why') };
      await ledger.settle(hands.completed(second!, { to: 'failed', result: undefined, error }));
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

    it('counts webhooks where there are none', async () => {
      const none = { pending: 0, due: 0, oldestDueMs: null, endpoints: 0, failing: 0, disabled: 0 };
      expect(await store.webhooks()).toEqual({ ...none, troubled: [] });
    });

    it('knows no name of a key that is gone', async () => {
      expect(await store.keyNames([OWNER])).toEqual(new Map());
    });
  });
});
