/** What a ledger writes beside the request itself: events, failed attempts, idempotency keys, retries of dead letters. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import type { Database } from '../database/database.ts';
import { MAX_DELIVERIES, type Ledger, type RequestRow } from './ledger.ts';
import { ATTEMPT, KEY, ledgerHands, OWNER, poison } from './testing/ledger-hands.ts';

/** The outbox as it stands; its reader is the webhooks room. */
export type ReadOutbox = () => Promise<{ requestId: string; type: string }[]>;

/** `make` opens a ledger on one and the same migrated database each time it is called. */
export function describeLedgerOutcomes(
  name: string,
  make: () => Promise<Ledger>,
  readOutbox: ReadOutbox,
): void {
  describe(name, () => {
    let ledger: Ledger;
    const { lane, row, insert, claim, completed } = ledgerHands(() => ledger);

    beforeAll(async () => {
      ledger = await make();
    });
    afterAll(async () => {
      await ledger.close();
    });

    const outbox = async (ids: readonly string[]): Promise<string[]> => {
      const events = await readOutbox();
      return events
        .filter((one) => ids.includes(one.requestId))
        .map((one) => `${one.requestId} ${one.type}`)
        .sort();
    };

    it('says what is told of many requests at once, without their content, and nothing of those that are gone', async () => {
      const laneId = await lane();
      const [callback, metadata] = [Buffer.from([0, 255, 1]), Buffer.from('meta')];
      const told = await insert(laneId, { callback, metadata });
      const [claimed] = await claim(laneId, 1, { owner: OWNER });
      await ledger.settle(completed(claimed!));
      const waiting = await insert(laneId);
      const facts = await ledger.facts([told, newId('req'), waiting]);
      const byId = new Map(facts.map((one) => [one.id, one]));
      const row = await ledger.find(told);
      expect(byId.get(told)).toEqual({
        ...{ id: told, laneId, keyId: KEY, state: 'completed', attempts: 1, errorCode: null },
        ...{ createdAt: row!.createdAt, completedAt: row!.completedAt, metadata, callback },
      });
      expect(byId.get(waiting)).toMatchObject({ state: 'pending', completedAt: null, callback: null });
      expect(facts).toHaveLength(2);
      expect(await ledger.facts([])).toEqual([]);
    });

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

    it('adds the rows of a settlement in its commit, instead of an event, and those of none that is not written', async () => {
      const laneId = await lane();
      for (let n = 0; n < 5; n++) await insert(laneId, { notify: true });
      const rows = await claim(laneId, 5, { owner: OWNER });
      const error = { code: 'upstream_failed', sealed: Buffer.from('why') };
      const added = (id: string, ...attempts: number[]) =>
        attempts.map((attempt) => ({
          form: ATTEMPT,
          values: [id, attempt, attempt * 60_000, `of ${attempt}`],
        }));
      const names = rows.map(() => newId('dlv'));
      const before = Date.now();
      const written = await Promise.all([
        ledger.settle(completed(rows[0]!, { added: added(names[0]!, 1, 2) })),
        ledger.settle(completed(rows[1]!, { added: added(names[1]!, 3) })),
        ledger.settle(
          completed(rows[2]!, { to: 'failed', error, added: added(names[2]!, 4), result: undefined }),
        ),
        ledger.settle(completed(rows[3]!, { added: [] })),
        ledger.settle(completed(rows[4]!, { fence: 99, added: added(names[4]!, 5) })),
      ]);
      expect(written).toEqual([true, true, true, true, false]);
      const found = await ledger.sql.all<{ id: string; attempt: number; error: string; at: number }>(
        `SELECT delivery_id AS id, attempt, error, ended_at AS at FROM webhook_attempts WHERE error IS NOT NULL ORDER BY attempt`,
      );
      expect(found.map(({ id, attempt, error: text }) => [id, Number(attempt), text])).toEqual([
        [names[0], 1, 'of 1'],
        [names[0], 2, 'of 2'],
        [names[1], 3, 'of 3'],
        [names[2], 4, 'of 4'],
      ]);
      for (const { at, attempt } of found)
        expect(Math.abs(Number(at) - before - attempt * 60_000)).toBeLessThan(30_000);
      expect(await outbox(rows.map(({ id }) => id))).toEqual([]);
    });

    it('gives whoever asks for it the row as a settlement has left it, and nothing where none was written', async () => {
      const laneId = await lane();
      for (let n = 0; n < 4; n++) await insert(laneId, { notify: n === 0 });
      const rows = await claim(laneId, 4, { owner: OWNER });
      const given = new Map<string, unknown>();
      const asking = rows.map(({ id }) => ({ onWritten: (row: RequestRow) => void given.set(id, row) }));
      const error = { code: 'upstream_failed', sealed: Buffer.from('why') };
      const left = [
        completed(rows[0]!, { ...asking[0], added: [] }),
        completed(rows[1]!, { ...asking[1], to: 'failed', error, result: undefined }),
        completed(rows[2]!, { ...asking[2], fence: 99 }),
        completed(rows[3]!),
      ];
      await Promise.all(left.map((one) => ledger.settle(one)));
      expect([...given.keys()].toSorted()).toEqual([rows[0]!.id, rows[1]!.id].toSorted());
      for (const [id, row] of given) expect(row).toEqual(await ledger.find(id));
    });

    it('lets whoever settles say when a request ended', async () => {
      const laneId = await lane();
      for (let n = 0; n < 3; n++) await insert(laneId);
      const rows = await claim(laneId, 3);
      const moments = [1_800_000_000_001, 1_800_000_000_002, undefined];
      await Promise.all(rows.map((one, n) => ledger.settle(completed(one, { completedAt: moments[n] }))));
      const ends = await Promise.all(rows.map(async ({ id }) => (await ledger.find(id))?.completedAt));
      expect(ends.slice(0, 2)).toEqual(moments.slice(0, 2));
      expect(Math.abs(ends[2]! - Date.now())).toBeLessThan(60_000);
    });

    it('gives whoever claims a row what it needs to tell of its end', async () => {
      const laneId = await lane();
      const [callback, metadata] = [Buffer.from([0, 255, 1]), Buffer.from('meta')];
      const full = row(laneId, { callback, metadata });
      const bare = row(laneId);
      await ledger.insert(full);
      await ledger.insert(bare);
      expect(await claim(laneId, 2)).toMatchObject([
        { id: full.id, callback, metadata, createdAt: full.createdAt },
        { id: bare.id, callback: null, metadata: null },
      ]);
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
      const idempotency = { digest: Buffer.alloc(32, 100), fingerprint: Buffer.alloc(32, 1) };
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
      expect(await ledger.sweeps.forgetIdempotencyKeys(60_000)).toBe(0);
      expect((await ledger.insert(row(laneId, { idempotency }))).kind).toBe('repeated');
      while ((await ledger.sweeps.forgetIdempotencyKeys(-60_000)) > 0);
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

    it('moves a request to another lane for its next attempt, and remembers the lane it came from', async () => {
      const [from, to] = [await lane(), await lane()];
      for (let n = 0; n < 3; n++) await insert(from);
      const rows = await claim(from);
      expect(rows.map((row) => row.firstLaneId)).toEqual([null, null, null]);
      const error = { code: 'upstream_failed', sealed: Buffer.from('why') };
      const delayed = { to: 'delayed', delayMs: -1, result: undefined, error } as const;
      // Together in one flush: one moves, one stays, one is too late.
      const written = await Promise.all([
        ledger.settle(completed(rows[0]!, { ...delayed, laneId: to })),
        ledger.settle(completed(rows[1]!, delayed)),
        ledger.settle(completed(rows[2]!, { ...delayed, laneId: to, fence: 99 })),
      ]);
      expect(written).toEqual([true, true, false]);
      await ledger.sweeps.wake();
      expect(await ledger.find(rows[0]!.id)).toMatchObject({ laneId: to, firstLaneId: from, attempts: 1 });
      expect(await ledger.find(rows[1]!.id)).toMatchObject({ laneId: from, firstLaneId: null });
      expect(await ledger.find(rows[2]!.id)).toMatchObject({ laneId: from, firstLaneId: null });
      const [moved] = await claim(to);
      expect(moved).toMatchObject({ id: rows[0]!.id, laneId: to, firstLaneId: from });
      await ledger.settle(completed(moved!));
      expect(await ledger.find(moved!.id)).toMatchObject({
        ...{ state: 'completed', laneId: to, firstLaneId: from, attempts: 2 },
      });
    });

    it('counts what of a queue has not ended, up to a number, and since when its oldest waits', async () => {
      const [queue, other] = ['counted', 'counted-not'];
      const laneOf = (name: string, band: number) =>
        ledger.lanes.idOf({ queue: name, keyId: KEY, band, model: 'm' });
      const [low, high, foreign] = [await laneOf(queue, 1), await laneOf(queue, 4), await laneOf(other, 4)];
      const none = { pending: 0, delayed: 0, processing: 0, oldestAt: null };
      expect(await ledger.sweeps.workOf(queue, 10)).toEqual(none);
      for (let n = 0; n < 3; n++) await insert(low, { createdAt: 5_000 + n });
      for (let n = 0; n < 2; n++) await insert(high, { createdAt: 6_000 });
      await insert(low, { runAt: Date.now() + 3_600_000 });
      await insert(foreign, { createdAt: 1_000 });
      const [first] = await claim(low, 1);
      const counts = { pending: 4, delayed: 1, processing: 1, oldestAt: 5_001 };
      expect(await ledger.sweeps.workOf(queue, 10)).toEqual(counts);
      expect(await ledger.sweeps.workOf(queue, 2)).toEqual({ ...counts, pending: 3 });
      await ledger.settle(completed(first!));
      expect(await ledger.sweeps.workOf(queue, 10)).toEqual({ ...counts, processing: 0 });
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
  });
}

export function readOutboxOf(database: Database): ReadOutbox {
  return async () => {
    const [rows] = await database.sequelize.query('SELECT request_id AS requestId, type FROM outbox');
    return rows as { requestId: string; type: string }[];
  };
}
