/** A queue of which nothing may start: neither from the line, nor what was claimed ahead, nor at the door. */
import { describe, expect, it } from 'vitest';
import { openBench } from './testing/bench.ts';

describe('a dispatcher and a paused queue', () => {
  it('starts nothing of a paused queue, hands back what it had claimed ahead, and goes on when woken', async () => {
    const { ledger, broker, arrive, rest } = await openBench();
    const paused = { ofKey: Number.POSITIVE_INFINITY, ofQueue: Number.POSITIVE_INFINITY };
    const here = broker({ m: 2 }, undefined, { caps: () => paused });
    await arrive({}, 10);
    await rest();
    expect([here.running.size, here.dispatcher.waiting().length > 0]).toEqual([2, true]);
    paused.ofQueue = 0;
    for (const id of [...here.running.keys()]) await here.finish(id);
    await rest();
    expect(here.running.size).toBe(0);
    await here.dispatcher.keepTokens();
    await rest();
    expect(here.dispatcher.waiting()).toEqual([]);
    expect(await ledger.sweeps.workOf('default', 100)).toMatchObject({ pending: 8, processing: 0 });
    paused.ofQueue = 1;
    here.dispatcher.wake();
    await rest();
    expect(here.running.size).toBe(1);
    here.finishAll();
    await rest();
    expect(here.most).toBe(2);
    expect(await ledger.sweeps.workOf('default', 100)).toMatchObject({ pending: 0, processing: 0 });
  });

  it('makes no room at the door, and starts nothing that was being stored as it was paused', async () => {
    const { ledger, broker, arriveInRoom, lane, rest } = await openBench();
    const rooms = [0, 5];
    const caps = () => ({ ofKey: Number.POSITIVE_INFINITY, ofQueue: rooms.shift() ?? 0 });
    const here = broker({ m: 2 }, undefined, { caps });
    expect(here.dispatcher.makeRoom(lane({}))).toBeNull();
    expect(await arriveInRoom(here, {})).toBe(true);
    await rest();
    expect(here.running.size).toBe(0);
    await here.dispatcher.keepTokens();
    expect(await ledger.sweeps.workOf('default', 100)).toMatchObject({ pending: 1, processing: 0 });
  });
});
