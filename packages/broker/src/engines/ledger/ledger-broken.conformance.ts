/** What a ledger does when something of ours breaks in the middle of a flush: each write happens once, and is answered. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { armFailpoints, FailpointError } from '../../kernel/failpoints.ts';
import { newId } from '../../kernel/ids.ts';
import type { Ledger } from './ledger.ts';
import { ATTEMPT, KEY, ledgerHands, poison } from './testing/ledger-hands.ts';

/** `make` opens a ledger on a migrated database. */
export function describeBrokenLedger(name: string, make: () => Promise<Ledger>): void {
  describe(name, () => {
    let ledger: Ledger;
    const { lane, row, insert, claim, completed } = ledgerHands(() => ledger);
    beforeAll(async () => {
      ledger = await make();
    });
    afterEach(() => armFailpoints(''));
    afterAll(() => ledger.close());

    const reasonsOf = (ends: PromiseSettledResult<unknown>[]): unknown[] =>
      ends.map((end) => (end.status === 'rejected' ? end.reason : end.value) as unknown);

    it('does not write again what was written when its end breaks', async () => {
      const [one, other] = [await lane(), await lane()];
      for (const laneId of [one, one, other, other]) await insert(laneId);
      const fresh = [row(one), row(other)];
      armFailpoints('ledger.after_commit:error@1');
      const ends = await Promise.allSettled([
        ...fresh.map((each) => ledger.insert(each)),
        claim(one, 1),
        claim(other, 1),
      ]);
      for (const reason of reasonsOf(ends)) expect(reason).toBeInstanceOf(FailpointError);
      expect((await Promise.all(fresh.map(({ id }) => ledger.find(id)))).map((each) => each?.state)).toEqual([
        'pending',
        'pending',
      ]);
      // One of each lane was claimed, and not two.
      expect([await claim(one), await claim(other)].map((rows) => rows.length)).toEqual([2, 2]);
    });

    it('writes nothing of a flush that breaks before it begins, and everything of the next', async () => {
      const laneId = await lane();
      const one = row(laneId);
      armFailpoints('ledger.before_flush:error@1');
      await expect(ledger.insert(one)).rejects.toThrow(FailpointError);
      expect(await ledger.find(one.id)).toBeNull();
      await ledger.insert(one);
      expect((await ledger.find(one.id))?.state).toBe('pending');
    });

    it('answers every operation by itself when a flush of many broke before it began', async () => {
      const laneId = await lane();
      const rows = [row(laneId), row(laneId), row(laneId)];
      armFailpoints('ledger.before_flush:error@1;ledger.before_flush:error@3');
      const ends = await Promise.allSettled(rows.map((each) => ledger.insert(each)));
      expect(ends.map((end) => end.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      const found = await Promise.all(rows.map(({ id }) => ledger.find(id)));
      expect(found.map((each) => each?.state)).toEqual(['pending', undefined, 'pending']);
    });

    it('does everything once when a flush is sent twice', async () => {
      const laneId = await lane();
      for (let n = 0; n < 4; n++) await insert(laneId, { notify: true });
      const rows = await claim(laneId, 3);
      const fresh = row(laneId);
      const name = newId('dlv');
      armFailpoints('ledger.after_commit:duplicate');
      const ends = await Promise.all([
        ledger.insert(fresh),
        ledger.settle(completed(rows[0]!, { added: [{ form: ATTEMPT, values: [name, 1, 0, null] }] })),
        ledger.settle(completed(rows[1]!, { to: 'delayed', result: undefined, delayMs: 60_000 })),
        ledger.cancel(rows[2]!.id, KEY),
      ]);
      expect(ends).toEqual([{ kind: 'inserted' }, true, true, true]);
      armFailpoints('');
      const added = 'SELECT attempt FROM webhook_attempts WHERE delivery_id = ?';
      expect(await ledger.sql.all(added, [name])).toHaveLength(1);
      const found = await Promise.all([...rows, fresh].map(({ id }) => ledger.find(id)));
      expect(found.map((each) => [each?.state, each?.attempts])).toEqual([
        ['completed', 1],
        ['delayed', 1],
        ['cancelled', 0],
        ['pending', 0],
      ]);
    });

    it('tells everybody who reads at that moment that it broke, and reads again', async () => {
      const id = await insert(await lane());
      armFailpoints('ledger.read_group:error@1;ledger.read_group:error@2');
      const ends = await Promise.allSettled([ledger.find(id), ledger.find(id)]);
      for (const reason of reasonsOf(ends)) expect(reason).toBeInstanceOf(FailpointError);
      armFailpoints('');
      expect((await ledger.find(id))?.id).toBe(id);
    });

    it('changes nothing in a sweep that breaks, and in the next everything once, also when that is done twice', async () => {
      const laneId = await lane();
      const late = await insert(laneId, { deadlineAt: Date.now() - 1 });
      const due = await insert(laneId, { runAt: Date.now() - 1 });
      const states = async (ids: string[]) =>
        (await Promise.all(ids.map((id) => ledger.find(id)))).map((each) => each?.state);
      armFailpoints('sweep.wake:error@1;sweep.wake:duplicate@2');
      await expect(ledger.sweeps.wake()).rejects.toThrow(FailpointError);
      expect(await states([late, due])).toEqual(['pending', 'delayed']);
      expect((await ledger.sweeps.wake()).expired).toEqual([late]);
      expect(await states([late, due])).toEqual(['expired', 'pending']);

      const owner = newId('run');
      const [held] = await claim(laneId, 1, { owner });
      armFailpoints('sweep.rescue:error@1;sweep.rescue:duplicate@2');
      await expect(ledger.sweeps.rescue({ owner }, poison)).rejects.toThrow(FailpointError);
      expect(await states([held!.id])).toEqual(['processing']);
      expect(await ledger.sweeps.rescue({ owner }, poison)).toBe(1);
      expect(await ledger.find(held!.id)).toMatchObject({ state: 'pending', deliveries: 1 });
    });

    it('undoes a transaction that breaks before its end', async () => {
      const late = await insert(await lane(), { deadlineAt: Date.now() - 1, notify: true });
      armFailpoints('ledger.before_commit:error@1');
      await expect(ledger.sweeps.wake()).rejects.toThrow(FailpointError);
      expect((await ledger.find(late))?.state).toBe('pending');
      expect((await ledger.sweeps.wake()).expired).toEqual([late]);
    });
  });
}
