/** Whose turn it is, on a real ledger and real lanes: nothing is lost, nothing runs twice, nobody waits without need. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { listOf } from '../../kernel/lanes.ts';
import { openBench, type BenchBroker } from './testing/bench.ts';

const LIST = listOf({ queue: 'default', band: 2, model: 'm' });
const first = (broker: BenchBroker): string => [...broker.running.keys()][0]!;

describe('a dispatcher', () => {
  it('starts as many rows as there are slots, the oldest first, and the next when one is free', async () => {
    const { broker, arrive, rest } = await openBench();
    const here = broker({ m: 2 });
    const ids = await arrive({}, 5);
    await rest();
    expect([...here.running.keys()]).toEqual(ids.slice(0, 2));
    await here.finish(ids[0]!);
    await rest();
    expect([...here.running.keys()]).toEqual(ids.slice(1, 3));
  });

  it('starts a row once that is too late and leaves its slot before it has quite started', async () => {
    const { broker, arrive, rest } = await openBench();
    const starts: string[] = [];
    const here = broker({ m: 1 }, undefined, {
      start: (row, lane) => {
        starts.push(row.id);
        here.dispatcher.ended(row, lane, 0);
        here.dispatcher.wake();
        return true;
      },
    });
    const ids = await arrive({}, 3);
    await rest();
    expect(starts).toEqual(ids);
  });

  it('claims nothing while no slot is free', async () => {
    const { broker, arrive, rest, claims, lanes } = await openBench();
    const here = broker({ m: 0 });
    await arrive({}, 3);
    await rest();
    expect(here.starts).toEqual([]);
    expect(claims.count).toBe(0);
    expect(lanes.calls.next).toBe(0);
  });

  it('takes higher bands first, whatever came first', async () => {
    const { broker, arrive, rest } = await openBench();
    const here = broker({ m: 1 });
    await arrive({ key: 'running' });
    await rest();
    for (const band of [0, 3, 1, 4]) await arrive({ key: `band ${band}`, band }, 2);
    await rest();
    while (here.running.size > 0) {
      await here.finish(first(here));
      await rest();
    }
    const bands = [4, 4, 3, 3, 1, 1, 0, 0].map((band) => `band ${band}`);
    expect(here.starts).toEqual(['running', ...bands]);
  });

  it('lets a lane whose model has no free slot block nobody else, also in a lower band', async () => {
    const { broker, arrive, rest } = await openBench();
    const here = broker({ full: 1, open: 1, down: 0 });
    await arrive({ key: 'full', model: 'full', band: 4 }, 3);
    await arrive({ key: 'down', model: 'down', band: 4 }, 3);
    await arrive({ key: 'open', model: 'open', band: 0 });
    await rest();
    expect(here.starts.sort()).toEqual(['full', 'open']);
  });

  it('does not let 500 rows of one key keep the single row of another waiting', async () => {
    const { broker, arrive, rest } = await openBench();
    const here = broker({ m: 1 });
    await arrive({ key: 'many' }, 500);
    await rest();
    await arrive({ key: 'one' });
    for (let calls = 0; calls < 3; calls++) {
      await here.finish(first(here));
      await rest();
    }
    expect(here.starts).toContain('one');
  });

  it('gives every one of many lanes its turns, also when calls are long and slots few', async () => {
    const { broker, arrive, rest } = await openBench();
    const here = broker({ m: 2 });
    const keys = Array.from({ length: 6 }, (_, i) => `key ${i}`);
    for (const key of keys) await arrive({ key }, 50);
    await rest();
    let nowMs = performance.now();
    const now = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    onTestFinished(() => now.mockRestore());
    for (let calls = 0; calls < 36; calls++) {
      nowMs += 30;
      await here.finish(first(here));
      await rest();
    }
    const shares = keys.map((key) => here.starts.filter((one) => one === key).length);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(4);
  });

  it('empties more lanes than there are slots and comes to rest, at few calls a row', async () => {
    const { broker, arrive, rest, completed, claims, lanes } = await openBench();
    const here = broker({ m: 4 });
    for (let i = 0; i < 200; i++) await arrive({ key: `key ${i}` }, 3);
    await rest();
    const before = lanes.allCalls;
    here.finishAll();
    await rest();
    expect(completed.size).toBe(600);
    expect(here.most).toBe(4);
    expect(claims.count).toBeLessThan(600 * 3);
    expect(lanes.allCalls - before).toBeLessThan(600 * 6);
  });

  it('fetches one token more than it has slots, not the whole line', async () => {
    const { broker, arrive, rest, ledger, lane } = await openBench();
    const here = broker({ m: 2 });
    const keys = Array.from({ length: 10 }, (_, i) => `key ${i}`);
    for (const key of keys) await arrive({ key }, 2);
    await rest();
    const ids = await Promise.all(keys.map((key) => ledger.lanes.idOf(lane({ key }))));
    expect(ids.filter((id) => here.dispatcher.isHeld(id)).length).toBeLessThanOrEqual(3);
  });

  it('goes on to the next lane when the first ones turn out to be empty', async () => {
    const { broker, arrive, rest, ledger, lane } = await openBench();
    const here = broker({ m: 1 });
    await arrive({ key: 'running' });
    await rest();
    for (const key of ['gone 1', 'gone 2', 'gone 3', 'gone 4']) {
      const [id] = await arrive({ key });
      await ledger.cancel(id!, lane({ key }).keyId);
    }
    await arrive({ key: 'waiting' });
    await arrive({ key: 'lower', band: 0 });
    here.finishAll();
    await rest();
    expect(here.starts).toEqual(['running', 'waiting', 'lower']);
  });

  it('does not lose a lane that is refilled while it is being retired', async () => {
    const { broker, arrive, rest, lanes } = await openBench();
    const here = broker({ m: 3 });
    lanes.before.retire = async () => {
      delete lanes.before.retire;
      await arrive({ key: 'a' });
    };
    await arrive({ key: 'a' });
    await rest();
    expect(here.starts).toEqual(['a', 'a']);
  });
});

describe('a dispatcher with caps', () => {
  it('runs no more of a key than it may have at once, and leaves the slots to others', async () => {
    const { broker, arrive, rest } = await openBench();
    const caps = () => ({ ofKey: 2, ofQueue: Infinity });
    const here = broker({ m: 5 }, undefined, { caps });
    await arrive({ key: 'a' }, 9);
    await rest();
    expect(here.starts).toEqual(['a', 'a']);
    await arrive({ key: 'b' }, 9);
    await rest();
    expect(here.starts.toSorted()).toEqual(['a', 'a', 'b', 'b']);
    here.finishAll();
    await rest();
    expect(here.starts).toHaveLength(18);
    expect(here.most).toBe(4);
  });

  it('keeps slots for the high bands, but never all of them', async () => {
    const { broker, arrive, rest } = await openBench();
    const here = broker({ m: 3, single: 1 }, undefined, { reservedSlots: () => 2 });
    await arrive({ key: 'low', band: 1 }, 5);
    await arrive({ key: 'low alone', model: 'single', band: 1 });
    await rest();
    expect(here.starts.toSorted()).toEqual(['low', 'low alone']);
    await arrive({ key: 'high', band: 4 }, 2);
    await rest();
    expect(here.starts.toSorted()).toEqual(['high', 'high', 'low', 'low alone']);
  });
});

describe('a dispatcher that is alone', () => {
  it('sees to lanes that are offered, without a word to the line', async () => {
    const { broker, offer, rest, lanes } = await openBench();
    const here = broker({ m: 2 }, undefined, { isAlone: () => true });
    expect(await offer(here, { key: 'a' }, 3)).toBe(true);
    expect(await offer(here, { key: 'b' })).toBe(true);
    here.finishAll();
    await rest();
    expect(here.starts.toSorted()).toEqual(['a', 'a', 'a', 'b']);
    // The line is looked at once, when the list becomes known.
    expect(lanes.allCalls).toBe(1);
  });

  it('does not take what it could not start, nor anything when others are there', async () => {
    const { broker, offer } = await openBench();
    let isAlone = true;
    const here = broker({ m: 1, down: 0 }, undefined, { isAlone: () => isAlone });
    expect(await offer(here, { model: 'down' })).toBe(false);
    isAlone = false;
    expect(await offer(here, {})).toBe(false);
  });

  it('puts its lanes in line when somebody comes, and when it stops', async () => {
    const { broker, offer, rest, lane } = await openBench();
    let isAlone = true;
    const here = broker({ m: 1 }, undefined, { isAlone: () => isAlone });
    await offer(here, { key: 'a' }, 9);
    await rest();
    const there = broker({ m: 9 });
    there.dispatcher.know(lane({ key: 'a' }));
    isAlone = false;
    await here.dispatcher.keepTokens();
    await rest();
    expect(there.running.size).toBeGreaterThan(5);

    const alone = broker({ m: 1 }, undefined, { isAlone: () => true });
    await offer(alone, { key: 'c' }, 5);
    await rest();
    await alone.dispatcher.stop();
    there.finishAll();
    await rest();
    expect(there.starts.filter((key) => key === 'c')).toHaveLength(4);
  });

  it('loses no row that is stored as its lane is found empty', async () => {
    const { broker, offer, insert, ledger, rest, lane, completed } = await openBench();
    const here = broker({ m: 4 }, undefined, { isAlone: () => true });
    here.finishAll();
    for (let i = 0; i < 40; i++) {
      await offer(here, {});
      // As the door does: what is held is not made active by anybody else.
      const [late] = await insert({});
      const name = lane({});
      const laneId = await ledger.lanes.idOf(name);
      here.dispatcher.offer({ id: laneId, list: LIST }, name);
      await rest();
      expect(completed.has(late!)).toBe(true);
    }
  });
});

describe('a dispatcher whose slots are all taken', () => {
  it('claims several rows at a time, not one for each call that ends', async () => {
    const { broker, arrive, rest, claims } = await openBench();
    const here = broker({ m: 8 });
    await arrive({ key: 'a' }, 80);
    await rest();
    const before = claims.count;
    for (let ended = 0; ended < 32; ended++) {
      const [id] = here.running.keys();
      await here.finish(id!);
      await rest();
    }
    expect(here.starts).toHaveLength(40);
    expect(here.runningOf('m')).toBe(8);
    expect(claims.count - before).toBeLessThanOrEqual(16);
  });

  it('makes ready who starts next, and nobody who has started', async () => {
    const { broker, arrive, rest } = await openBench();
    const prepared = new Set<string>();
    const here = broker({ m: 2 }, undefined, { prepare: ({ id }) => void prepared.add(id) });
    const ids = await arrive({ key: 'a' }, 10);
    await rest();
    expect([...here.running.keys()]).toEqual(ids.slice(0, 2));
    expect([...prepared]).toEqual(ids.slice(2, 4));
    await here.finish(ids[0]!);
    await rest();
    expect(here.running.has(ids[2]!)).toBe(true);
    expect([...prepared]).toEqual(ids.slice(2, 5));
  });

  it('lets a key that is entitled to it overtake rows that wait here all the same', async () => {
    const { broker, offer, rest } = await openBench();
    const here = broker({ m: 2 }, undefined, { isAlone: () => true });
    await offer(here, { key: 'a' }, 9);
    await rest();
    await offer(here, { key: 'b' });
    await rest();
    const [id] = here.running.keys();
    await here.finish(id!);
    await rest();
    expect(here.starts).toEqual(['a', 'a', 'b']);
  });
});

describe('lanes whose key has all it may have here', () => {
  it('are in the way of no other lane', async () => {
    const { broker, arrive, rest } = await openBench();
    const caps = () => ({ ofKey: 1, ofQueue: Number.POSITIVE_INFINITY });
    const here = broker({ m: 4 }, undefined, { caps });
    for (const key of ['a', 'b', 'c']) await arrive({ key }, 2);
    await rest();
    await arrive({ key: 'late' });
    await rest();
    expect(here.starts.sort()).toEqual(['a', 'b', 'c', 'late']);
  });
});

describe('two dispatchers on one store of lanes', () => {
  it('share the work, and no row runs twice', async () => {
    const { broker, arrive, rest, completed } = await openBench();
    const brokers = [broker({ m: 2 }), broker({ m: 2 })];
    const ids: string[] = [];
    for (let i = 0; i < 30; i++) ids.push(...(await arrive({ key: `key ${i % 10}` }, 5)));
    await rest();
    for (const one of brokers) expect(one.running.size).toBe(2);
    for (const one of brokers) one.finishAll();
    await rest();
    expect([...completed.keys()].sort()).toEqual([...ids].sort());
    expect(new Set(completed.values())).toEqual(new Set([1]));
    for (const one of brokers) expect(one.starts.length).toBeGreaterThan(20);
  });

  it('pass a lane on at once: who has all it can use holds nothing that the other could', async () => {
    const { broker, arrive, rest } = await openBench();
    const [here, there] = [broker({ m: 2 }), broker({ m: 2 })];
    await arrive({}, 30);
    await rest();
    expect([here.running.size, there.running.size]).toEqual([2, 2]);
    for (const one of [here, there]) one.finishAll();
    await rest();
    expect(here.starts.length + there.starts.length).toBe(30);
  });

  it('leave a lane to the other who has a slot for it when they have none', async () => {
    const { broker, arrive, rest } = await openBench();
    const here = broker({ m: 1 });
    await arrive({}, 3);
    await rest();
    const slots = { m: 0 };
    const there = broker(slots);
    await arrive({});
    slots.m = 1;
    there.dispatcher.wake();
    await rest();
    expect(here.running.size).toBe(1);
    expect(there.running.size).toBe(1);
  });

  it('take over the lane of one that died, once its token has expired', async () => {
    const { broker, arrive, rest, claims, clock } = await openBench();
    const dead = broker({ m: 1 });
    claims.isAway = () => true;
    await arrive({}, 2);
    await rest();
    expect(dead.running.size).toBe(0);
    claims.isAway = () => false;
    const there = broker({ m: 1 });
    await arrive({});
    there.dispatcher.heard(LIST);
    await rest();
    expect(there.running.size).toBe(0);
    clock.nowMs += 3_000;
    there.dispatcher.heard(LIST);
    await rest();
    expect(there.running.size).toBe(1);
  });
});
