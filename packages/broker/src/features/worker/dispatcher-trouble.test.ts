/** A dispatcher in trouble: what it waits for is away, breaks in the middle, or has not its turn. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { listOf } from '../../kernel/lanes.ts';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { openBench, type BenchBroker } from './testing/bench.ts';

const LIST = listOf({ queue: 'default', band: 2, model: 'm' });
const first = (broker: BenchBroker): string => [...broker.running.keys()][0]!;

describe('a dispatcher in trouble', () => {
  it('keeps its lanes while the database is away, and claims from them soon after it is back', async () => {
    const { broker, arrive, rest, claims, clock, lanes, ledger, lane } = await openBench();
    const here = broker({ m: 5 });
    claims.isAway = () => true;
    await arrive({}, 2);
    await rest();
    expect(here.starts).toEqual([]);
    expect(here.dispatcher.isHeld(await ledger.lanes.idOf(lane({})))).toBe(true);
    for (let seconds = 0; seconds < 5; seconds++) {
      clock.nowMs += 1_000;
      await here.dispatcher.keepTokens();
    }
    expect(await lanes.next(LIST, 5)).toEqual([]);
    claims.isAway = () => false;
    await expect.poll(() => here.running.size, { timeout: 3_000 }).toBe(2);
  });

  it('starts what the other lanes gave when one cannot be claimed from', async () => {
    const { broker, arrive, rest, claims, ledger, lane } = await openBench();
    const here = broker({ m: 1 });
    await arrive({ key: 'running' });
    await rest();
    const bad = await ledger.lanes.idOf(lane({ key: 'bad' }));
    claims.isAway = (laneId) => laneId === bad;
    await arrive({ key: 'bad' });
    await arrive({ key: 'good' });
    const wide = broker({ m: 4 });
    await arrive({ key: 'other' });
    await rest();
    expect(wide.starts.sort()).toEqual(['good', 'other']);
    expect(here.running.size).toBe(1);
  });

  it('goes on when the lanes fail in the middle of a round and somebody wakes it later', async () => {
    const { broker, arrive, rest, lanes, completed } = await openBench();
    const here = broker({ m: 2 });
    for (const step of ['next', 'retire', 'giveBack'] as const) {
      lanes.before[step] = () => {
        delete lanes.before[step];
        throw new Error('Redis is away');
      };
    }
    const ids = [...(await arrive({ key: 'a' }, 3)), ...(await arrive({ key: 'b' }, 3))];
    here.finishAll();
    await rest();
    await arrive({ key: 'c' });
    await rest();
    lanes.lose();
    for (const key of ['a', 'b']) ids.push(...(await arrive({ key })));
    await rest();
    expect(ids.filter((id) => !completed.has(id))).toEqual([]);
  });

  it('says that rows may be claimed and not started when a dispatch breaks between the two', async () => {
    const { ledger, broker, arrive, rest } = await openBench();
    const here = broker({ m: 1 });
    armFailpoints('dispatch.after_claim:error@1');
    onTestFinished(() => armFailpoints(''));
    const [lost, ahead, next] = await arrive({}, 3);
    await rest();
    expect([here.failed, here.running.size]).toEqual([1, 0]);
    expect(await ledger.sweeps.heldBy(here.owner)).toEqual([lost, ahead].map((id) => ({ id, fence: 1 })));
    here.dispatcher.wake();
    await rest();
    expect([...here.running.keys()]).toEqual([next]);
  });

  it('says what waits for which model and since when, and starts what its turn came for', async () => {
    const { broker, arrive, rest } = await openBench();
    const told: string[][] = [];
    let isHeldBack = true;
    const here = broker({ m: 1, other: 1 }, undefined, {
      slots: {
        free: (model) => (model === 'other' && isHeldBack ? 0 : 1 - here.runningOf(model)),
        capacity: () => 1,
        demand: (waiting) => {
          told.push([...waiting.keys()].sort());
          isHeldBack = waiting.has('m');
          for (const sinceMs of waiting.values()) expect(Date.now() - sinceMs).toBeLessThan(60_000);
        },
      },
    });
    const ids = await arrive({}, 2);
    await arrive({ model: 'other' });
    await rest();
    expect([...here.running.keys()]).toEqual([ids[0]]);
    expect(told.at(-1)).toEqual(['m', 'other']);
    here.finishAll();
    await rest();
    expect(here.starts).toHaveLength(3);
    expect(told.at(-1)).toEqual([]);
  });

  it('claims nothing for a model whose turn has not come, and hands back what was claimed before', async () => {
    const { broker, arrive, rest, ledger } = await openBench();
    let free = 1;
    const here = broker({ m: 1 }, undefined, {
      slots: { free: (model) => free - here.runningOf(model), capacity: () => 1 },
    });
    const [running, ahead] = await arrive({}, 2);
    await rest();
    expect(here.dispatcher.waiting().map(({ id }) => id)).toEqual([ahead]);
    free = 0;
    await here.finish(running!);
    await rest();
    await here.dispatcher.keepTokens();
    expect(here.dispatcher.waiting()).toEqual([]);
    expect(await ledger.find(ahead!)).toMatchObject({ state: 'pending', attempts: 0 });
  });

  it('lets a low band load a model also where slots are kept free for high ones', async () => {
    const { broker, arrive, rest } = await openBench();
    const here = broker({ m: 4 }, undefined, {
      reservedSlots: () => 2,
      slots: { free: (model) => Math.min(1, 4 - here.runningOf(model)), capacity: () => 4 },
    });
    await arrive({ band: 1 }, 4);
    await rest();
    expect(here.running.size).toBe(2);
  });

  it('gives back all it holds when it stops, and claims nothing any more', async () => {
    const { broker, arrive, rest, ledger, lane, claims } = await openBench();
    const here = broker({ m: 1 });
    await arrive({ key: 'a' }, 3);
    await arrive({ key: 'b' }, 3);
    await rest();
    await here.dispatcher.stop();
    for (const key of ['a', 'b'])
      expect(here.dispatcher.isHeld(await ledger.lanes.idOf(lane({ key })))).toBe(false);
    const before = claims.count;
    await here.finish(first(here));
    await arrive({ key: 'c' });
    await rest();
    expect(claims.count).toBe(before);
    const there = broker({ m: 10 });
    await arrive({ key: 'd' });
    await rest();
    expect(there.running.size).toBe(7);
  });
});
