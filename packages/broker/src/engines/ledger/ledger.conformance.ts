/** What every ledger must do, run against each adapter on its real engine. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { MAX_DELIVERIES, type Ledger } from './ledger.ts';
import { KEY, ledgerHands, OWNER, poison } from './testing/ledger-hands.ts';

/** `make` opens a ledger on one and the same migrated, empty database each time it is called. */
export function describeLedger(name: string, make: () => Promise<Ledger>): void {
  describe(name, () => {
    let ledger: Ledger;

    beforeAll(async () => {
      ledger = await make();
    });
    afterAll(async () => {
      await ledger.close();
    });

    const { lane, row, insert, claim, completed } = ledgerHands(() => ledger);

    it('gives a lane one number, whoever asks', async () => {
      const other = await make();
      const names = [1, 2, 3].map((band) => ({ queue: 'default', keyId: KEY, band, model: 'shared' }));
      const here = await Promise.all(names.map((one) => ledger.lanes.idOf(one)));
      const there = await Promise.all(names.map((one) => other.lanes.idOf(one)));
      expect(there).toEqual(here);
      expect(new Set(here).size).toBe(3);
      expect(await other.lanes.nameOf(here[0]!)).toEqual(names[0]);
      await other.close();
    });

    it('reads back exactly what was inserted, from any connection', async () => {
      const laneId = await lane();
      const metadata = Buffer.from([0, 255, 39, 92, 10]);
      const id = await insert(laneId, { metadata, deadlineAt: Date.now() + 60_000, priority: 7 });
      const other = await make();
      expect(await other.find(id)).toMatchObject({
        id,
        laneId,
        keyId: KEY,
        state: 'pending',
        priority: 7,
        attempts: 0,
        metadata,
        result: null,
      });
      await other.close();
    });

    it('hands the affinity of a row to whoever claims it', async () => {
      const laneId = await lane();
      const affinities = [2 ** 32 - 1, 0, null, undefined];
      for (const affinity of affinities) await insert(laneId, { affinity });
      const idempotency = { digest: Buffer.alloc(32, 1), fingerprint: Buffer.alloc(32, 2) };
      await insert(laneId, { affinity: 7, idempotency });
      const claimed = await claim(laneId);
      expect(claimed.map(({ affinity }) => affinity)).toEqual([2 ** 32 - 1, 0, null, null, 7]);
    });

    it('answers null for an id that does not exist, also beside ids that do', async () => {
      const id = await insert(await lane());
      const [found, none] = await Promise.all([ledger.find(id), ledger.find(newId('req'))]);
      expect(found?.id).toBe(id);
      expect(none).toBeNull();
    });

    it('claims the oldest rows first and each only once', async () => {
      const laneId = await lane();
      const ids = await Promise.all(Array.from({ length: 30 }, () => insert(laneId)));
      const taken: string[] = [];
      for (let rows = await claim(laneId, 7); rows.length > 0; rows = await claim(laneId, 7))
        taken.push(...rows.map((one) => one.id));
      expect(taken).toEqual([...ids].sort());
      expect((await ledger.find(ids[0]!))?.state).toBe('processing');
    });

    it('counts and names what is pending in lanes, up to a limit', async () => {
      const [full, empty] = [await lane(), await lane()];
      const ids = await Promise.all(Array.from({ length: 12 }, () => insert(full)));
      const [claimed, ...line] = [...ids].sort();
      await insert(full, { runAt: Date.now() + 60_000 });
      expect(await claim(full, 1)).toMatchObject([{ id: claimed }]);
      expect(await ledger.waiting([full, empty], 100)).toEqual([11, 0]);
      expect(await ledger.waiting([full, empty], 4)).toEqual([4, 0]);
      expect(await ledger.waiting([], 4)).toEqual([]);
      expect(await ledger.line(full, 100)).toEqual(line);
      expect(await ledger.line(full, 4)).toEqual(line.slice(0, 4));
      expect(await ledger.line(empty, 4)).toEqual([]);
    });

    it('never gives one row to two claimers', async () => {
      const laneId = await lane();
      const other = await make();
      const ids = await Promise.all(Array.from({ length: 200 }, () => insert(laneId)));
      const owner = newId('run');
      const claims = Array.from({ length: 40 }, (_, i) =>
        i % 2 ? claim(laneId, 9) : other.claim({ laneId, limit: 9, owner, leaseMs: 30_000 }),
      );
      const taken = (await Promise.all(claims)).flat().map((one) => one.id);
      expect(new Set(taken).size).toBe(taken.length);
      for (let rows = await claim(laneId, 50); rows.length > 0; rows = await claim(laneId, 50))
        taken.push(...rows.map((one) => one.id));
      expect(taken.sort()).toEqual([...ids].sort());
      await other.close();
    });

    it('stores a row as claimed by whoever stores it, under fence 1, with a lease, and for nobody else', async () => {
      const laneId = await lane();
      const owner = newId('run');
      const id = await insert(laneId, { claimed: { owner, leaseMs: 30_000 } });
      expect(await claim(laneId)).toEqual([]);
      expect(await ledger.find(id)).toMatchObject({ state: 'processing', attempts: 0, deliveries: 0 });
      expect((await ledger.find(id))!.startedAt).toBeGreaterThan(0);
      expect(await ledger.sweeps.heldBy(owner)).toEqual([{ id, fence: 1 }]);
      expect(await ledger.renew(owner, 30_000, [{ id, fence: 1 }])).toEqual(new Set([id]));
      const back = { id, fence: 1, owner, to: 'pending', countsAttempt: false, notify: false } as const;
      expect(await ledger.settle(back)).toBe(true);
      expect((await claim(laneId))[0]).toMatchObject({ id, fence: 2, attempts: 0 });
    });

    it('gives back a row that was stored as claimed when its lease is over', async () => {
      const laneId = await lane();
      const id = await insert(laneId, { claimed: { owner: newId('run'), leaseMs: -1_000 } });
      await ledger.sweeps.rescue({ graceMs: 0 }, () => Buffer.from('poison'));
      expect(await ledger.find(id)).toMatchObject({ state: 'pending', deliveries: 1 });
    });

    it('hands the body to the claimer and raises the fence with every claim', async () => {
      const laneId = await lane();
      const id = await insert(laneId);
      const [first] = await claim(laneId);
      expect(first).toMatchObject({
        id,
        laneId,
        keyId: KEY,
        fence: 1,
        attempts: 0,
        body: Buffer.from(`body of ${id}`),
      });
      expect(
        await ledger.settle(completed(first!, { to: 'pending', countsAttempt: false, result: undefined })),
      ).toBe(true);
      expect((await claim(laneId))[0]).toMatchObject({ id, fence: 2, attempts: 0 });
    });

    it('completes a row with its answer and usage', async () => {
      const laneId = await lane();
      const id = await insert(laneId);
      const [one] = await claim(laneId);
      const result = Buffer.from([1, 2, 0, 255]);
      await ledger.settle(
        completed(one!, {
          result,
          processingMs: 12,
          promptTokens: 3,
          completionTokens: 4,
          upstream: 'gpu:11434',
        }),
      );
      const stored = await ledger.find(id);
      expect(stored).toMatchObject({
        state: 'completed',
        attempts: 1,
        result,
        processingMs: 12,
        promptTokens: 3,
        completionTokens: 4,
        upstream: 'gpu:11434',
        error: null,
      });
      expect(Math.abs(stored!.completedAt! - Date.now())).toBeLessThan(10_000);
    });

    it('refuses to settle under an old fence, another owner, or twice', async () => {
      const laneId = await lane();
      const id = await insert(laneId);
      const [one] = await claim(laneId);
      expect(await ledger.settle(completed(one!, { fence: one!.fence - 1 }))).toBe(false);
      expect(await ledger.settle(completed(one!, { owner: newId('run') }))).toBe(false);
      expect((await ledger.find(id))?.state).toBe('processing');
      expect(await ledger.settle(completed(one!))).toBe(true);
      expect(await ledger.settle(completed(one!, { result: Buffer.from('late') }))).toBe(false);
      expect((await ledger.find(id))?.result).toEqual(Buffer.from('answer'));
    });

    it('settles many rows with many outcomes in one go, each by its own', async () => {
      const laneId = await lane();
      await Promise.all(Array.from({ length: 60 }, () => insert(laneId)));
      const rows = await claim(laneId, 60);
      const error = { code: 'upstream_failed', sealed: Buffer.from('why') };
      const answers = await Promise.all(
        rows.map((one, i) => {
          if (i % 4 === 0)
            return ledger.settle(completed(one, { result: Buffer.from(`answer of ${one.id}`) }));
          if (i % 4 === 1) return ledger.settle(completed(one, { to: 'failed', result: undefined, error }));
          if (i % 4 === 2)
            return ledger.settle(
              completed(one, { to: 'delayed', delayMs: 60_000, result: undefined, error }),
            );
          return ledger.settle(completed(one, { fence: one.fence + 1 }));
        }),
      );
      expect(answers).toEqual(rows.map((_, i) => i % 4 !== 3));
      const stored = await Promise.all(rows.map((one) => ledger.find(one.id)));
      for (const [i, one] of stored.entries()) {
        expect(one?.state).toBe(['completed', 'failed', 'delayed', 'processing'][i % 4]);
        if (i % 4 === 0) expect(one?.result).toEqual(Buffer.from(`answer of ${one?.id}`));
        if (i % 4 === 1)
          expect(one).toMatchObject({ errorCode: 'upstream_failed', error: Buffer.from('why') });
      }
    });

    it('makes a delayed row pending when it is due, not before', async () => {
      const laneId = await lane();
      await insert(laneId);
      const [one] = await claim(laneId);
      await ledger.settle(completed(one!, { to: 'delayed', delayMs: 3_600_000, result: undefined }));
      const soon = await insert(laneId, { runAt: Date.now() - 1 });
      const later = await insert(laneId, { runAt: Date.now() + 3_600_000 });
      expect(await claim(laneId)).toEqual([]);
      await ledger.sweeps.wake();
      expect((await claim(laneId)).map((row) => row.id)).toEqual([soon]);
      expect((await ledger.find(later))?.state).toBe('delayed');
    });

    it('expires what is past its deadline and says which', async () => {
      const laneId = await lane();
      const late = await insert(laneId, { deadlineAt: Date.now() - 1 });
      const lateAndDelayed = await insert(laneId, { runAt: Date.now() - 5, deadlineAt: Date.now() - 1 });
      const inTime = await insert(laneId, { deadlineAt: Date.now() + 3_600_000 });
      const { expired, nextInMs } = await ledger.sweeps.wake();
      expect(nextInMs).toBeGreaterThan(0);
      expect(nextInMs).toBeLessThanOrEqual(3_600_000);
      expect(expired).toEqual(expect.arrayContaining([late, lateAndDelayed]));
      expect(expired).not.toContain(inTime);
      expect(await ledger.find(late)).toMatchObject({ state: 'expired', errorCode: 'deadline_exceeded' });
      expect((await ledger.find(lateAndDelayed))?.state).toBe('expired');
    });

    it('cancels pending, delayed and processing requests of the key, and no others', async () => {
      const laneId = await lane();
      const [a, b] = [await insert(laneId), await insert(laneId, { runAt: Date.now() + 60_000 })];
      const [running] = await claim(laneId, 1);
      expect(running?.id).toBe(a);
      expect(await ledger.cancel(a, newId('key'))).toBe(false);
      expect(await Promise.all([ledger.cancel(a, KEY), ledger.cancel(b, KEY)])).toEqual([true, true]);
      expect(await ledger.cancel(a, KEY)).toBe(false);
      expect(await ledger.settle(completed(running!))).toBe(false);
      expect(await ledger.find(a)).toMatchObject({ state: 'cancelled', result: null });
    });

    it('renews only what is still held', async () => {
      const laneId = await lane();
      const ids = [await insert(laneId), await insert(laneId), await insert(laneId)];
      const rows = await claim(laneId);
      await ledger.cancel(ids[1]!, KEY);
      const held = rows.map(({ id, fence }) => ({ id, fence: id === ids[2] ? fence + 1 : fence }));
      expect(await ledger.renew(OWNER, 30_000, held)).toEqual(new Set([ids[0]]));
      expect(await ledger.renew(newId('run'), 30_000, held)).toEqual(new Set());
      expect(await ledger.renew(OWNER, 30_000, [])).toEqual(new Set());
    });

    it('gives back what a dead owner held, and buries it the third time', async () => {
      const laneId = await lane();
      const id = await insert(laneId);
      for (let death = 1; death <= MAX_DELIVERIES; death++) {
        const dead = newId('run');
        expect((await claim(laneId, 1, { owner: dead })).map((one) => one.id)).toEqual([id]);
        expect(await ledger.sweeps.rescue({ owner: newId('run') }, poison)).toBe(0);
        expect(await ledger.sweeps.rescue({ owner: dead }, poison)).toBe(1);
        expect(await ledger.sweeps.rescue({ owner: dead }, poison)).toBe(0);
      }
      expect(await ledger.find(id)).toMatchObject({
        state: 'failed',
        errorCode: 'poison',
        error: poison(id),
        attempts: 0,
      });
    });

    it('gives back leases that are over, and leaves those that are not', async () => {
      const laneId = await lane();
      const ids = [await insert(laneId), await insert(laneId)];
      const owner = newId('run');
      const [dead] = await claim(laneId, 1, { leaseMs: -1, owner });
      await claim(laneId, 1, { leaseMs: 60_000, owner });
      await ledger.sweeps.rescue({ graceMs: 0 }, poison);
      expect((await ledger.find(ids[0]!))?.state).toBe('pending');
      expect((await ledger.find(ids[1]!))?.state).toBe('processing');
      expect(await ledger.settle(completed(dead!, { owner }))).toBe(false);
    });

    it('names the lanes that have pending rows, with the oldest of each', async () => {
      const [busy, idle] = [await lane(), await lane()];
      const oldest = await insert(busy);
      await insert(busy);
      await insert(idle);
      await claim(idle);
      const found = new Map((await ledger.sweeps.lanesWithWork()).map((one) => [one.laneId, one.oldest]));
      expect(found.get(busy)).toBe(oldest);
      expect(found.has(idle)).toBe(false);
    });

    it('counts what has not ended, by lane', async () => {
      const laneId = await lane();
      for (let i = 0; i < 4; i++) await insert(laneId);
      await insert(laneId, { runAt: Date.now() + 3_600_000 });
      const held = await claim(laneId, 2);
      const countOf = async (): Promise<number | undefined> =>
        (await ledger.sweeps.unfinished()).find((one) => one.laneId === laneId)?.count;
      expect(await countOf()).toBe(5);
      await ledger.cancel(held[0]!.id, held[0]!.keyId);
      expect(await countOf()).toBe(4);
    });

    it('tells what each key sent lately, and what was used, to the second and oldest first', async () => {
      const keyId = newId('key');
      const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'lately' });
      const now = Date.now();
      for (const agoMs of [90_000, 3_000, 3_000])
        await insert(laneId, { id: newId('req', now - agoMs), keyId, createdAt: now - agoMs });
      await insert(laneId, { keyId, createdAt: now });
      const [one] = await claim(laneId, 1);
      await ledger.settle(completed(one!, { promptTokens: 5, completionTokens: 7 }));
      const { sent, used } = await ledger.sweeps.lately(now - 60_000);
      const second = (ms: number): number => ms - (ms % 1000);
      expect(sent.filter((row) => row.keyId === keyId)).toEqual([
        { keyId, atMs: second(now - 3_000), count: 2 },
        { keyId, atMs: second(now), count: 1 },
      ]);
      expect(used).toContainEqual({ keyId, atMs: expect.any(Number), tokens: 12 });
    });

    it('lists newest first, page by page, with filters', async () => {
      const keyId = newId('key');
      const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'listed' });
      const ids: string[] = [];
      for (let i = 0; i < 7; i++) ids.push(await insert(laneId, { keyId, createdAt: 1_000 + i }));
      ids.reverse();
      const list = async (more: object): Promise<string[]> =>
        (await ledger.list({ keyId, limit: 100, ...more })).map((one) => one.id);
      expect(await list({ limit: 3 })).toEqual(ids.slice(0, 3));
      expect(await list({ limit: 3, before: ids[2] })).toEqual(ids.slice(3, 6));
      expect(await list({ createdAfter: 1_002, createdBefore: 1_005 })).toEqual(ids.slice(2, 5));
      expect(await list({ model: 'other' })).toEqual([]);
      const [one] = await claim(laneId, 1);
      expect(await list({ states: ['processing'] })).toEqual([one?.id]);
      expect(await list({ states: ['pending', 'delayed'], model: 'listed' })).toHaveLength(6);
    });

    it('lists from an id on, and bare without anything that is sealed', async () => {
      const keyId = newId('key');
      const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'bare' });
      const ids: string[] = [];
      for (let i = 0; i < 3; i++)
        ids.push(await insert(laneId, { keyId, metadata: Buffer.from('sealed'), createdAt: 1_000 + i }));
      for (const one of await claim(laneId, 2))
        await ledger.settle(completed(one, { promptTokens: 5, completionTokens: 7 }));
      const [whole] = await ledger.list({ keyId, limit: 9, states: ['completed'] });
      const [bare] = await ledger.list({ keyId, limit: 9, states: ['completed'], isBare: true });
      expect(whole!.result).not.toBeNull();
      expect(bare).toEqual({ ...whole, metadata: null, result: null });
      const listed = await ledger.list({ keyId, limit: 9, from: ids[1] });
      expect(listed.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
      // The row that fills the page is its last.
      expect(await ledger.list({ keyId, limit: 9, maxBytes: 1 })).toEqual(listed);
      expect(await ledger.list({ keyId, limit: 1, maxBytes: 1_000, before: ids[0] })).toEqual([]);
    });

    it('counts what the requests of a range of ids came to, by state', async () => {
      const keyId = newId('key');
      const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'used' });
      const ids: string[] = [];
      for (let i = 0; i < 4; i++) ids.push(await insert(laneId, { keyId }));
      const [one] = await claim(laneId, 1);
      await ledger.settle(completed(one!, { promptTokens: 5, completionTokens: 7 }));
      const usage = async (from: string, before: string) =>
        (await ledger.usage({ keyId, from, before })).sort((a, b) => a.count - b.count);
      expect(await usage(ids[0]!, ids[3]!)).toEqual([
        { state: 'completed', count: 1, promptTokens: 5, completionTokens: 7 },
        { state: 'pending', count: 2, promptTokens: 0, completionTokens: 0 },
      ]);
      expect(await usage(ids[3]!, 'req_z')).toMatchObject([{ state: 'pending', count: 1 }]);
      const all = await ledger.usage({ from: ids[0]!, before: ids[3]! });
      expect(all.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(3);
    });

    it('rejects one bad write and commits its neighbours', async () => {
      const laneId = await lane();
      const good = [row(laneId), row(laneId)];
      const bad = { ...row(laneId), keyId: null as unknown as string };
      const results = await Promise.allSettled([
        ledger.insert(good[0]!),
        ledger.insert(bad),
        ledger.insert(good[1]!),
      ]);
      expect(results.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await ledger.find(good[1]!.id)).not.toBeNull();
    });
  });
}
