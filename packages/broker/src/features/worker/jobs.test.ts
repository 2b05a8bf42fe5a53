/** Requests that run here, on a real ledger: settled as the call ended, stopped in time, never leaving a slot taken. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LedgerUnavailable, type Ledger } from '../../engines/ledger/ledger.ts';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { ANSWER, FAILURE, openJobs, OWNER } from './testing/jobs-bench.ts';

afterEach(() => armFailpoints(''));

describe('a request that runs', () => {
  it('is completed with its answer, frees its slot and wakes who waits', async () => {
    const { jobs, calls, told, slots, claim, start, found, over } = await openJobs();
    const row = await claim();
    start(row);
    expect(jobs.size).toBe(1);
    expect(jobs.held()).toEqual([{ id: row.id, fence: row.fence }]);
    calls[0]!.end(ANSWER);
    await over();
    expect(await found(row)).toMatchObject({ state: 'completed', result: Buffer.from('Hello'), attempts: 1 });
    expect(told.ended).toEqual([row.id]);
    expect([jobs.size, slots.taken]).toEqual([0, 0]);
  });

  it('gives its row to a call that waits for its end, and to no other', async () => {
    const { start, claim, calls, told, over, found, awaited } = await openJobs();
    const rows = [await claim(), await claim(), await claim()];
    for (const row of rows) start(row);
    awaited.add(rows[0]!.id);
    awaited.add(rows[1]!.id);
    calls[1]!.end(FAILURE);
    for (const n of [0, 2]) calls[n]!.end(ANSWER);
    await over();
    expect(told.ended.toSorted()).toEqual([rows[0]!.id, rows[2]!.id]);
    const given = told.ended.map((id, n) => [id, told.facts[n]?.row]);
    expect(new Map(given as [string, unknown][])).toEqual(
      new Map([
        [rows[0]!.id, await found(rows[0]!)],
        [rows[2]!.id, undefined],
      ]),
    );
  });

  it('waits for its next attempt after a failure, and whoever sweeps is told how long', async () => {
    const { calls, told, slots, claim, start, found, over } = await openJobs();
    const row = await claim();
    start(row);
    calls[0]!.end(FAILURE);
    await over();
    expect(await found(row)).toMatchObject({ state: 'delayed', attempts: 1, errorCode: 'upstream_failed' });
    expect(told).toMatchObject({ ended: [], delayed: [500] });
    expect(slots.taken).toBe(0);
  });

  it('is expired without a call when its deadline passed while it waited', async () => {
    const { calls, told, slots, claim, start, found, over } = await openJobs();
    const row = await claim(Date.now() - 1);
    start(row);
    await over();
    expect(await found(row)).toMatchObject({ state: 'expired', errorCode: 'deadline_exceeded', attempts: 0 });
    expect([calls, told.ended, slots.taken]).toEqual([[], [row.id], 0]);
  });

  it('may take no longer than what is left until its deadline', async () => {
    const { calls, claim, start, over } = await openJobs();
    start(await claim(Date.now() + 5_000));
    start(await claim());
    const [short, long] = calls.map(({ job }) => job.timers.totalMs);
    expect(short).toBeGreaterThan(4_000);
    expect(short).toBeLessThanOrEqual(5_000);
    expect(long).toBe(60_000);
    for (const call of calls) call.end(ANSWER);
    await over();
  });

  it('frees its slot also when a stage throws, and waits for its next attempt', async () => {
    const { jobs, calls, told, slots, claim, start, found, over } = await openJobs();
    const row = await claim();
    start(row);
    calls[0]!.break(new Error('a defect'));
    await over();
    expect(told).toMatchObject({ errors: [expect.any(String)], delayed: [500] });
    expect([jobs.size, slots.taken]).toEqual([0, 0]);
    expect(await found(row)).toMatchObject({ state: 'delayed', attempts: 1, errorCode: 'internal_error' });
  });

  it('fails when a stage throws in its last attempt: a defect does not go on for ever', async () => {
    const { calls, told, claim, start, found, over } = await openJobs();
    const row = await claim();
    start({ ...row, attempts: 2 });
    calls[0]!.break(new Error('a defect'));
    await over();
    expect(await found(row)).toMatchObject({ state: 'failed', errorCode: 'internal_error' });
    expect(told.ended).toEqual([row.id]);
  });

  it('waits for its next attempt when its answer cannot be sealed', async () => {
    const { calls, told, claim, start, found, over } = await openJobs();
    armFailpoints('settle.before_seal:error');
    const row = await claim();
    start(row);
    calls[0]!.end(ANSWER);
    await over();
    expect(await found(row)).toMatchObject({ state: 'delayed', errorCode: 'internal_error', result: null });
    expect(told.errors).toHaveLength(1);
  });

  it('is settled once when it is settled twice', async () => {
    const { calls, told, claim, start, found, over } = await openJobs();
    armFailpoints('settle.after_write:duplicate');
    const row = await claim();
    start(row);
    calls[0]!.end(ANSWER);
    await over();
    expect(await found(row)).toMatchObject({ state: 'completed', attempts: 1 });
    expect(told).toMatchObject({ ended: [row.id], errors: [] });
  });
});

describe('a request of a queue with rules of its own', () => {
  it('has the attempts, the waits and the time that its queue says, as they are when it ends', async () => {
    const { policies, calls, told, claim, start, found, over } = await openJobs();
    policies['default'] = { totalTimeoutMs: 7_000, maxAttempts: 1 };
    const [first, second] = [await claim(), await claim()];
    start(first);
    start(second);
    expect(calls.map(({ job }) => job.timers.totalMs)).toEqual([7_000, 7_000]);
    calls[0]!.end(FAILURE);
    await vi.waitFor(async () => expect(await found(first)).toMatchObject({ state: 'failed', attempts: 1 }));
    policies['default'] = { maxAttempts: 5, retryBaseMs: 40, retryCapMs: 60 };
    calls[1]!.end(FAILURE);
    await over();
    expect(await found(second)).toMatchObject({ state: 'delayed', attempts: 1 });
    expect(told.delayed).toEqual([20]);
  });

  it('goes on in the lane of the fallback model when its own has failed for good, and not twice', async () => {
    const { ledger, lane, policies, calls, told, claim, start, found, over } = await openJobs();
    policies['default'] = { maxAttempts: 1, fallbackModel: 'small' };
    const row = await claim();
    start(row);
    calls[0]!.end(FAILURE);
    const laneId = await ledger.lanes.idOf(lane({ model: 'small:latest' }));
    await vi.waitFor(async () => expect(await found(row)).toMatchObject({ state: 'delayed', laneId }));
    expect(told).toMatchObject({ ended: [], delayed: [0] });
    await ledger.sweeps.wake();
    const [again] = await ledger.claim({ laneId, limit: 1, owner: OWNER, leaseMs: 30_000 });
    expect(again).toMatchObject({ id: row.id, firstLaneId: row.laneId });
    start(again!);
    calls[1]!.end(FAILURE);
    await over();
    expect(await found(row)).toMatchObject({ state: 'failed', laneId, attempts: 2 });
  });

  it('whose queue names the very model that failed has no other', async () => {
    const { policies, calls, claim, start, found, over } = await openJobs();
    policies['default'] = { maxAttempts: 1, fallbackModel: 'm:latest' };
    const row = { ...(await claim()) };
    start(row, 'm:latest');
    calls[0]!.end(FAILURE);
    await over();
    expect(await found(row)).toMatchObject({ state: 'failed', firstLaneId: null });
  });
});

describe('a request that is stopped', () => {
  it('writes nothing either when a stage throws because of it', async () => {
    const { jobs, calls, slots, claim, start, found, over } = await openJobs();
    const row = await claim();
    start(row);
    const before = await found(row);
    calls[0]!.break(new Error('a defect'));
    jobs.stop(row.id, 'lost');
    await over();
    expect(await found(row)).toEqual(before);
    expect(slots.taken).toBe(0);
  });

  it('goes back at the end of the grace also when something is wrong with that', async () => {
    const { jobs, told, claim, start, found } = await openJobs();
    armFailpoints('stop.before_hand_back:error');
    const row = await claim();
    start(row);
    await jobs.stopAll(1);
    expect(await found(row)).toMatchObject({ state: 'pending', attempts: 0 });
    expect(told.errors).toHaveLength(1);
  });

  it.each(['cancelled', 'lost'] as const)('because it was %s writes nothing', async (why) => {
    const { ledger, jobs, calls, told, slots, claim, start, found, over } = await openJobs();
    const row = await claim();
    start(row);
    if (why === 'cancelled') await ledger.cancel(row.id, row.keyId);
    const before = await found(row);
    jobs.stop(row.id, why);
    expect(calls[0]!.job.signal.aborted).toBe(true);
    await over();
    expect(await found(row)).toEqual(before);
    expect([told.ended, slots.taken]).toEqual([[], 0]);
  });

  it('is no longer told of, also when its answer comes too late for the lease', async () => {
    const { ledger, calls, told, claim, start, found, over } = await openJobs();
    const row = await claim();
    start(row);
    await ledger.sweeps.rescue({ owner: OWNER }, () => Buffer.from('poison'));
    calls[0]!.end(ANSWER);
    await over();
    expect(await found(row)).toMatchObject({ state: 'pending', result: null });
    expect(told.ended).toEqual([]);
  });

  it('goes back at no cost when the daemon stops, after the grace and not before', async () => {
    const { jobs, calls, claim, start, found } = await openJobs();
    const rows = [await claim(), await claim()];
    for (const row of rows) start(row);
    const stopped = jobs.stopAll(50);
    calls[0]!.end(ANSWER);
    expect(calls[1]!.job.signal.aborted).toBe(false);
    await stopped;
    expect((await found(rows[0]!))?.state).toBe('completed');
    expect(await found(rows[1]!)).toMatchObject({ state: 'pending', attempts: 0 });
    expect(jobs.size).toBe(0);
  });

  it('that runs here a second time after its lease was lost is held under the new fence only', async () => {
    const { ledger, lane, jobs, calls, claim, start, found, over } = await openJobs();
    const row = await claim();
    start(row);
    await ledger.sweeps.rescue({ owner: OWNER }, () => Buffer.from('poison'));
    const laneId = await ledger.lanes.idOf(lane({}));
    const [again] = await ledger.claim({ laneId, limit: 1, owner: OWNER, leaseMs: 30_000 });
    start(again!);
    expect(calls[0]!.job.signal.aborted).toBe(true);
    jobs.stop(row.id, 'lost', row.fence);
    expect(calls[1]!.job.signal.aborted).toBe(false);
    expect(jobs.held()).toEqual([{ id: row.id, fence: row.fence + 1 }]);
    calls[1]!.end(ANSWER);
    await over();
    expect(await found(row)).toMatchObject({ state: 'completed', attempts: 1 });
  });
});

describe('an outcome that cannot be written', () => {
  const away: Ledger['settle'] = () => Promise.reject(new LedgerUnavailable('away'));

  it('is given to the spool and stays held, with its slot free, until it was written', async () => {
    const { jobs, calls, told, slots, kept, claim, start, over } = await openJobs(() => away);
    const row = await claim();
    start(row);
    calls[0]!.end(ANSWER);
    await vi.waitFor(() => expect(kept).toHaveLength(1));
    expect(kept[0]!.settlement).toMatchObject({
      id: row.id,
      fence: row.fence,
      owner: OWNER,
      to: 'completed',
    });
    expect([slots.taken, jobs.held().length]).toEqual([0, 1]);
    kept[0]!.resolve(true);
    await over();
    expect([jobs.size, told.errors]).toEqual([0, []]);
  });

  it('does not hold a stop back: the spool lets go, and the next run writes it', async () => {
    const { jobs, calls, told, claim, start } = await openJobs(() => away);
    start(await claim());
    calls[0]!.end(ANSWER);
    await jobs.stopAll(60_000);
    expect([jobs.size, told.errors]).toEqual([0, []]);
  });

  it('is kept also when it is the database that is there and refuses it, which is said', async () => {
    const { calls, told, kept, claim, start, over } = await openJobs(
      () => () => Promise.reject(new Error('a constraint')),
    );
    const row = await claim();
    start(row);
    calls[0]!.end(ANSWER);
    await vi.waitFor(() => expect(kept).toHaveLength(1));
    expect([kept[0]!.settlement.id, told.errors.length]).toEqual([row.id, 1]);
    kept[0]!.resolve(true);
    await over();
  });

  it('wakes who waits when it turns out to have been written before, unheard', async () => {
    const { jobs, calls, told, kept, claim, start, found, over } = await openJobs();
    armFailpoints('settle.after_write:error@1');
    const row = await claim();
    start(row);
    calls[0]!.end(ANSWER);
    await vi.waitFor(() => expect(kept).toHaveLength(1));
    expect(told.ended).toEqual([]);
    kept[0]!.resolve(await jobs.settle(kept[0]!.settlement));
    await over();
    expect((await found(row))?.state).toBe('completed');
    expect(told.ended).toEqual([row.id]);
  });
});
