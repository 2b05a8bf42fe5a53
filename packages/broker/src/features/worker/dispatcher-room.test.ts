/** Rows that are stored as claimed because they would start at once. */
import { describe, expect, it } from 'vitest';
import { openBench, type BenchBroker } from './testing/bench.ts';

const first = (broker: BenchBroker): string => [...broker.running.keys()][0]!;

describe('a row that would start at once', () => {
  it('is stored as claimed and starts without a claim, as long as a slot is free', async () => {
    const { broker, arriveInRoom, claims, rest } = await openBench();
    const here = broker({ m: 2 });
    expect(await Promise.all([1, 2, 3].map(() => arriveInRoom(here, {})))).toEqual([true, true, false]);
    await rest();
    expect(here.starts).toHaveLength(2);
    await here.finish(first(here));
    await rest();
    expect(here.starts).toHaveLength(3);
    expect(claims.count).toBeGreaterThan(0);
  });

  it('stands in line when others wait, keeps no slot that is kept for others, and breaks no cap', async () => {
    const { broker, arrive, arriveInRoom, rest } = await openBench();
    const caps = () => ({ ofKey: 1, ofQueue: Number.POSITIVE_INFINITY });
    const here = broker({ m: 3, low: 2 }, undefined, { caps, reservedSlots: () => 1 });
    expect(await arriveInRoom(here, { key: 'a' })).toBe(true);
    expect(await arriveInRoom(here, { key: 'a' })).toBe(false);
    await rest();
    expect(await arriveInRoom(here, { key: 'b', model: 'low' })).toBe(true);
    expect(await arriveInRoom(here, { key: 'c', model: 'low' })).toBe(false);
    expect(await arriveInRoom(here, { key: 'd', model: 'low', band: 4 })).toBe(false);
    await arrive({ key: 'e' });
    await rest();
    expect(here.starts.sort()).toEqual(['a', 'b', 'e']);
  });

  it('leaves its slot to others when it could not be stored', async () => {
    const { broker, arrive, lane, rest } = await openBench();
    const here = broker({ m: 1 });
    const room = here.dispatcher.makeRoom(lane({}))!;
    await arrive({ key: 'b' });
    await rest();
    expect(here.starts).toEqual([]);
    room.giveUp({ mayBeStored: true });
    await rest();
    expect(here.starts).toEqual(['b']);
    expect(here.failed).toBe(1);
  });
});
