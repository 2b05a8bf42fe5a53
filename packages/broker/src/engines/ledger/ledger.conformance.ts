/** What every ledger must do, run against each adapter on its real engine. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import type { Database } from '../database/database.ts';
import {
  MAX_DELIVERIES,
  type Claim,
  type ClaimedRow,
  type Ledger,
  type NewRow,
  type Settlement,
} from './ledger.ts';

const KEY = newId('key');
const OWNER = newId('run');
const poison = (id: string): Buffer => Buffer.from(`poison of ${id}`);

/** The outbox as it stands; its reader is the webhooks room. */
export type ReadOutbox = () => Promise<{ requestId: string; type: string }[]>;

/** `make` opens a ledger on one and the same migrated, empty database each time it is called. */
export function describeLedger(name: string, make: () => Promise<Ledger>, readOutbox: ReadOutbox): void {
  describe(name, () => {
    let ledger: Ledger;
    let lanes = 0;

    beforeAll(async () => {
      ledger = await make();
    });
    afterAll(async () => {
      await ledger.close();
    });

    const lane = (model = `m${(lanes += 1)}`): Promise<number> =>
      ledger.lanes.idOf({ queue: 'default', keyId: KEY, band: 2, model });

    function row(laneId: number, more: Partial<NewRow> = {}): NewRow {
      const id = newId('req');
      const body = Buffer.from(`body of ${id}`);
      return {
        id,
        laneId,
        keyId: KEY,
        priority: 5,
        createdAt: Date.now(),
        runAt: null,
        deadlineAt: null,
        body,
        metadata: null,
        notify: false,
        callback: null,
        retryOf: null,
        idempotency: null,
        ...more,
      };
    }
    async function insert(laneId: number, more: Partial<NewRow> = {}): Promise<string> {
      const one = row(laneId, more);
      await ledger.insert(one);
      return one.id;
    }
    const claim = (laneId: number, limit = 10, more: Partial<Claim> = {}): Promise<ClaimedRow[]> =>
      ledger.claim({ laneId, limit, owner: OWNER, leaseMs: 30_000, ...more });
    const completed = (of: ClaimedRow, more: Partial<Settlement> = {}): Settlement => {
      return {
        id: of.id,
        fence: of.fence,
        owner: OWNER,
        to: 'completed',
        countsAttempt: true,
        notify: of.notify,
        result: Buffer.from('answer'),
        ...more,
      };
    };

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

    const outbox = async (ids: readonly string[]): Promise<string[]> => {
      const events = await readOutbox();
      return events
        .filter((one) => ids.includes(one.requestId))
        .map((one) => `${one.requestId} ${one.type}`)
        .sort();
    };

    it('leaves one event in the outbox for every way a request can end, if somebody wants to know', async () => {
      const laneId = await lane();
      const ids: string[] = [];
      for (let n = 0; n < 6; n++) ids.push(await insert(laneId, { notify: n !== 5 }));
      const [late] = [await insert(laneId, { notify: true, deadlineAt: Date.now() - 1 })];
      const rows = await claim(laneId, 6, { owner: OWNER });
      const error = { code: 'upstream_failed', sealed: Buffer.from('why') };
      await ledger.settle(completed(rows[0]!));
      await ledger.settle(completed(rows[1]!, { to: 'failed', result: undefined, error }));
      await ledger.settle(completed(rows[2]!, { to: 'delayed', result: undefined, error, delayMs: 60_000 }));
      await ledger.cancel(ids[3]!, KEY);
      await ledger.settle(completed(rows[3]!));
      await ledger.settle(completed(rows[4]!, { fence: 99 }));
      await ledger.settle(completed(rows[5]!));
      await ledger.sweeps.wake();
      expect(await outbox([...ids, late!])).toEqual(
        [
          `${ids[0]} request.completed`,
          `${ids[1]} request.failed`,
          `${ids[3]} request.cancelled`,
          `${late} request.expired`,
        ].sort(),
      );
    });

    it('leaves an event for a request that its workers died of', async () => {
      const laneId = await lane();
      const id = await insert(laneId, { notify: true });
      for (let death = 1; death <= MAX_DELIVERIES; death++) {
        const owner = newId('run');
        await claim(laneId, 1, { owner });
        await ledger.sweeps.rescue({ owner }, poison);
      }
      expect(await outbox([id])).toEqual([`${id} request.failed`]);
    });

    it('remembers each failed attempt with its error, and no other', async () => {
      const laneId = await lane();
      const id = await insert(laneId);
      for (const [index, code] of ['upstream_timeout', 'upstream_failed'].entries()) {
        const [row] = await claim(laneId);
        const error = { code, sealed: Buffer.from(`error ${index}`) };
        await ledger.settle(
          completed(row!, { to: 'delayed', delayMs: -1, result: undefined, error, upstream: 'gpu:1' }),
        );
        await ledger.settle(completed(row!, { to: 'failed', result: undefined, error }));
        await ledger.sweeps.wake();
      }
      const [row] = await claim(laneId);
      await ledger.settle(completed(row!));
      expect(await ledger.attempts(id)).toMatchObject([
        { fence: 1, errorCode: 'upstream_timeout', error: Buffer.from('error 0'), upstream: 'gpu:1' },
        { fence: 2, errorCode: 'upstream_failed', error: Buffer.from('error 1') },
      ]);
    });

    it('gives an idempotency key to one of many inserts, and says to the others who has it', async () => {
      const laneId = await lane();
      const other = await make();
      const idempotency = { digest: Buffer.alloc(32, lanes), fingerprint: Buffer.alloc(32, 1) };
      const rows = Array.from({ length: 40 }, () => row(laneId, { idempotency }));
      const answers = await Promise.all(rows.map((one, n) => (n % 2 ? ledger : other).insert(one)));
      const winners = rows.filter((_, n) => answers[n]!.kind === 'inserted');
      expect(winners).toHaveLength(1);
      expect(
        new Set(answers.filter((one) => one.kind === 'repeated').map((one) => `${one.id} ${one.isSame}`)),
      ).toEqual(new Set([`${winners[0]!.id} true`]));
      const found = await Promise.all(rows.map((one) => ledger.find(one.id)));
      expect(found.filter((one) => one !== null)).toHaveLength(1);
      const changed = { digest: idempotency.digest, fingerprint: Buffer.alloc(32, 2) };
      expect(await ledger.insert(row(laneId, { idempotency: changed }))).toEqual({
        kind: 'repeated',
        id: winners[0]!.id,
        isSame: false,
      });
      expect(await ledger.insert(row(laneId, { idempotency, keyId: newId('key') }))).toEqual({
        kind: 'inserted',
      });
      await other.close();
    });

    it('forgets idempotency keys when they are old', async () => {
      const laneId = await lane();
      const idempotency = { digest: Buffer.alloc(32, 200), fingerprint: Buffer.alloc(32, 1) };
      await ledger.insert(row(laneId, { idempotency }));
      await ledger.sweeps.forgetIdempotencyKeys(60_000);
      expect((await ledger.insert(row(laneId, { idempotency }))).kind).toBe('repeated');
      await ledger.sweeps.forgetIdempotencyKeys(-60_000);
      expect((await ledger.insert(row(laneId, { idempotency }))).kind).toBe('inserted');
    });

    it('retries a dead letter once, whoever asks, and not one that was discarded', async () => {
      const laneId = await lane();
      const dead = await deadLetter(laneId);
      const retries = Array.from({ length: 10 }, () =>
        row(laneId, { retryOf: dead, retryNote: Buffer.from('again') }),
      );
      const answers = await Promise.all(retries.map((one) => ledger.insert(one)));
      expect(answers.map((one) => one.kind).sort()).toEqual([
        'inserted',
        ...Array.from({ length: 9 }, () => 'taken'),
      ]);
      const winner = retries[answers.findIndex((one) => one.kind === 'inserted')]!;
      expect(await ledger.find(dead)).toMatchObject({
        state: 'failed',
        retriedAs: winner.id,
        retryNote: Buffer.from('again'),
      });
      expect(await ledger.find(winner.id)).toMatchObject({ state: 'pending', retryOf: dead });
      expect(await ledger.discard(dead, Buffer.from('late'))).toBe(false);

      const useless = await deadLetter(laneId);
      expect(await ledger.discard(useless, Buffer.from('no use'))).toBe(true);
      expect(await ledger.discard(useless, Buffer.from('again'))).toBe(false);
      expect(await ledger.insert(row(laneId, { retryOf: useless }))).toEqual({ kind: 'taken' });
      expect(await ledger.find(useless)).toMatchObject({ discardReason: Buffer.from('no use') });
      const alive = await insert(laneId);
      expect(await ledger.insert(row(laneId, { retryOf: alive }))).toEqual({ kind: 'taken' });
      expect(await ledger.discard(alive, Buffer.from(''))).toBe(false);
    });

    it('lists dead letters of all keys, and leaves out what was retried or discarded', async () => {
      const laneId = await lane();
      const ids = [await deadLetter(laneId), await deadLetter(laneId), await deadLetter(laneId)];
      await ledger.discard(ids[1]!, Buffer.from('x'));
      const model = (await ledger.lanes.nameOf(laneId)).model;
      const list = async (more: object) =>
        (await ledger.list({ limit: 100, isDeadLetter: true, model, ...more })).map((one) => one.id);
      expect(await list({})).toEqual([ids[2], ids[0]]);
      expect(await list({ errorCode: 'upstream_failed' })).toEqual([ids[2], ids[0]]);
      expect(await list({ errorCode: 'poison' })).toEqual([]);
      expect(await list({ keyId: newId('key') })).toEqual([]);
    });

    async function deadLetter(laneId: number): Promise<string> {
      const id = await insert(laneId);
      const rows = await claim(laneId);
      const error = { code: 'upstream_failed', sealed: Buffer.from('why') };
      await Promise.all(
        rows.map((one) => ledger.settle(completed(one, { to: 'failed', result: undefined, error }))),
      );
      return id;
    }

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

export function readOutboxOf(database: Database): ReadOutbox {
  return async () => {
    const [rows] = await database.sequelize.query('SELECT request_id AS requestId, type FROM outbox');
    return rows as { requestId: string; type: string }[];
  };
}
