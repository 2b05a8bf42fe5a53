/** What the sweeps make up for, on a real ledger: rows that are due, lanes that were forgotten, workers that died. */
import { PLAIN } from '../../engines/ledger/testing/ledger-hands.ts';
import { once, EventEmitter } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LedgerUnavailable, type Ledger } from '../../engines/ledger/ledger.ts';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { newId } from '../../kernel/ids.ts';
import { listOf } from '../../kernel/lanes.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { openBench, type Bench } from './testing/bench.ts';
import { createSweeps, type Sweeps } from './sweeps.ts';

interface Swept {
  readonly here: ReturnType<Bench['broker']>;
  readonly sweeps: Sweeps;
  readonly ended: string[];
  /** How often the runs of the past were forgotten. */
  readonly forgotten: { count: number };
  /** Things the database refuses to do. */
  readonly away: Set<keyof Ledger['sweeps']>;
  readonly count: () => number;
  /** How often claims were looked for that nobody runs. */
  readonly lostLooks: () => number;
  /** One sweep now, and all that follows from it. */
  sweep(): Promise<void>;
}

async function startSweeps(
  bench: Bench,
  {
    slots = { m: 1 },
    earlierRuns = [],
    everyMs,
  }: { slots?: Record<string, number>; earlierRuns?: string[]; everyMs?: number } = {},
): Promise<Swept> {
  const here = bench.broker(slots);
  const ended: string[] = [];
  const forgotten = { count: 0 };
  const away = new Set<keyof Ledger['sweeps']>();
  const last = new EventEmitter();
  let count = 0;
  let lostLooks = 0;
  const real = bench.ledger.sweeps;
  const unlessAway = (what: keyof Ledger['sweeps']): void => {
    if (away.has(what)) throw new LedgerUnavailable('away');
  };
  const ledger: Ledger = {
    ...bench.ledger,
    sweeps: {
      ...{ forgetIdempotencyKeys: real.forgetIdempotencyKeys, heldBy: real.heldBy },
      ...{ unfinished: real.unfinished, lately: real.lately, workOf: real.workOf },
      wake: async () => (unlessAway('wake'), real.wake()),
      rescue: async (...dead) => (unlessAway('rescue'), real.rescue(...dead)),
      lanesWithWork: async (ids) => {
        count += 1;
        last.emit('sweep');
        unlessAway('lanesWithWork');
        return real.lanesWithWork(ids);
      },
    },
  };
  const sweeps = createSweeps({
    ...{
      ledger,
      activeLanes: bench.lanes,
      dispatcher: here.dispatcher,
      logger: silentLogger,
      leaseMs: 1_000,
    },
    requests: { poisonError: () => Buffer.from('poison'), ended: (id) => void ended.push(id) },
    upstreams: { free: here.free },
    ...{ writeKeptOutcomes: async () => {}, giveBackLostClaims: async () => void (lostLooks += 1) },
    earlierRuns,
    everyMs,
    forgetEarlierRuns: () => void (forgotten.count += 1),
  });
  await sweeps.start();
  onTestFinished(() => sweeps.stop());
  const sweep = async (): Promise<void> => {
    const swept = once(last, 'sweep');
    sweeps.within(0);
    await swept;
    await bench.rest();
  };
  return { here, sweeps, ended, forgotten, away, count: () => count, lostLooks: () => lostLooks, sweep };
}

describe('the sweeps', () => {
  it('find a row whose lane was never made active, although its list is new here', async () => {
    const bench = await openBench();
    const { here, sweep } = await startSweeps(bench);
    await bench.insert({ key: 'quiet' });
    await sweep();
    expect(here.starts).toEqual(['quiet']);
  });

  it('bring everything back after all active lanes were lost', async () => {
    const bench = await openBench();
    const { here, sweep } = await startSweeps(bench);
    for (const key of ['a', 'b', 'c']) await bench.arrive({ key }, 4);
    await bench.rest();
    bench.lanes.lose();
    await sweep();
    here.finishAll();
    await bench.rest();
    await sweep();
    await bench.rest();
    expect(bench.completed.size).toBe(12);
  });

  it('heal a lane that is marked but has no token: only after it stood still, and only with a free slot', async () => {
    const bench = await openBench();
    const { here, sweep } = await startSweeps(bench);
    const { activate } = bench.lanes;
    bench.lanes.activate = async () => {};
    onTestFinished(() => void (bench.lanes.activate = activate));
    await bench.insert({ key: 'stuck' });
    await bench.insert({ key: 'no slot', model: 'full' });
    await sweep();
    expect(bench.lanes.calls.repair).toBe(0);
    await sweep();
    expect(here.starts).toEqual(['stuck']);
    const repairs = bench.lanes.calls.repair;
    await here.finish([...here.running.keys()][0]!);
    await sweep();
    await sweep();
    expect(bench.lanes.calls.repair).toBe(repairs);
  });

  it('make the dispatcher claim again from lanes it held while the database was away', async () => {
    const bench = await openBench();
    const { here, sweep } = await startSweeps(bench);
    bench.claims.isAway = () => true;
    await bench.arrive({ key: 'held' });
    await bench.rest();
    expect(here.starts).toEqual([]);
    bench.claims.isAway = () => false;
    await sweep();
    await expect.poll(() => here.starts, { timeout: 3_000 }).toEqual(['held']);
  });

  it('start a row when it is due, sooner than the next tick, and not before', async () => {
    const bench = await openBench();
    const { here, sweep, count } = await startSweeps(bench, { everyMs: 3_600_000 });
    const runAt = Date.now() + 150;
    const [early] = await bench.insert({ key: 'now' });
    const later = await insertRow(bench, { runAt });
    await sweep();
    await here.finish(early!);
    await bench.rest();
    if (Date.now() < runAt) expect(here.running.has(later)).toBe(false);
    const before = count();
    while (here.starts.length < 2) await bench.rest();
    expect(Date.now()).toBeGreaterThanOrEqual(runAt);
    expect(count() - before).toBeLessThan(6);
  });

  it('end what is past its deadline and tell who waits for it', async () => {
    const bench = await openBench();
    const { ended, sweep, here } = await startSweeps(bench);
    const late = await insertRow(bench, { deadlineAt: Date.now() - 1 });
    await sweep();
    expect(ended).toEqual([late]);
    expect((await bench.ledger.find(late))?.state).toBe('expired');
    expect(here.starts).toEqual([]);
  });

  it('take back what an earlier run of this folder held, at once, and nothing of anybody else', async () => {
    const bench = await openBench();
    const [earlier, other] = [newId('run'), newId('run')];
    const ids = await bench.insert({ key: 'a' }, 2);
    for (const owner of [earlier, other]) await claimOne(bench, owner, 60_000);
    const { here, forgotten, away, sweep } = await startSweeps(bench, { earlierRuns: [earlier] });
    away.add('rescue');
    await sweep();
    expect(forgotten.count).toBe(0);
    away.clear();
    await sweep();
    expect([...here.running.keys()]).toEqual([ids[0]]);
    await sweep();
    expect(forgotten.count).toBe(1);
  });

  it('take back a lease only after it was over for as long again', async () => {
    const bench = await openBench();
    const ids = await bench.insert({ key: 'a' }, 2);
    await claimOne(bench, newId('run'), -500);
    await claimOne(bench, newId('run'), -1_500);
    const { here, sweep } = await startSweeps(bench, { slots: { m: 5 } });
    await sweep();
    expect([...here.running.keys()]).toEqual([ids[1]]);
  });

  it('do the rest when one part fails', async () => {
    const bench = await openBench();
    const { here, away, sweep } = await startSweeps(bench);
    away.add('wake').add('rescue');
    await bench.insert({ key: 'a' });
    await sweep();
    expect(here.starts).toEqual(['a']);
  });
});

describe('the time of the sweeps', () => {
  it('is one sweep for many wishes of the same moment, and never two at once', async () => {
    const bench = await openBench();
    const { sweeps, sweep, count } = await startSweeps(bench);
    for (let i = 0; i < 20; i++) sweeps.within(0);
    await sweep();
    expect(count()).toBe(1);
  });

  it('keeps a wish that comes while a sweep is under way', async () => {
    const bench = await openBench();
    const { sweeps, sweep, count, here } = await startSweeps(bench);
    const { activate } = bench.lanes;
    bench.lanes.activate = async (lanes) => {
      bench.lanes.activate = activate;
      sweeps.within(5);
      return activate.call(bench.lanes, lanes);
    };
    await bench.insert({ key: 'a' });
    const startedAt = performance.now();
    await sweep();
    while (count() < 2) await bench.rest();
    expect(performance.now() - startedAt).toBeLessThan(700);
    expect(here.starts).toEqual(['a']);
  });

  it('ends with stop, which waits for the sweep that is under way and may be called twice', async () => {
    const bench = await openBench();
    const { sweeps, sweep, count } = await startSweeps(bench);
    const gate = Promise.withResolvers<void>();
    bench.lanes.before.activate = () => gate.promise;
    await bench.insert({ key: 'a' });
    await sweep();
    let isStopped = false;
    const stopped = sweeps.stop().then(() => (isStopped = true));
    await bench.rest();
    expect(isStopped).toBe(false);
    gate.resolve();
    await stopped;
    await sweeps.stop();
    sweeps.within(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(count()).toBe(1);
  });
});

async function insertRow(bench: Bench, at: { runAt?: number; deadlineAt?: number }): Promise<string> {
  const lane = bench.lane({});
  const row = { id: newId('req'), keyId: lane.keyId, laneId: await bench.ledger.lanes.idOf(lane) };
  const empty = {
    priority: 5,
    createdAt: Date.now(),
    runAt: null,
    deadlineAt: null,
    metadata: null,
    ...PLAIN,
  };
  await bench.ledger.insert({ ...empty, ...row, ...at, body: Buffer.from('body') });
  return row.id;
}

async function claimOne(bench: Bench, owner: string, leaseMs: number): Promise<void> {
  const laneId = await bench.ledger.lanes.idOf(bench.lane({ key: 'a' }));
  expect(await bench.ledger.claim({ laneId, limit: 1, owner, leaseMs })).toHaveLength(1);
}

describe('whatever breaks once', () => {
  it.each([
    'dispatch.before_claim',
    'lanes.activate',
    'lanes.next',
    'lanes.before_retire',
    'lanes.after_retire',
    'sweep.activate',
    'sweep.wake',
  ])('at %s is made up for by the next sweeps: every row runs, and once', async (place) => {
    const bench = await openBench();
    onTestFinished(() => armFailpoints(''));
    const { here, sweep } = await startSweeps(bench, { slots: { m: 2 } });
    here.finishAll();
    armFailpoints(`${place}:error@1;${place}:error@3`);
    const ids = [...(await bench.insert({ key: 'a' }, 3)), ...(await bench.insert({ key: 'b' }, 3))];
    for (let sweeps = 0; sweeps < 6; sweeps++) {
      await sweep();
      // Tokens that were lost are back in line.
      bench.clock.nowMs += 4_000;
    }
    expect([...bench.completed].sort()).toEqual(ids.map((id) => [id, 1]).sort());
  });

  it.each(['dispatch.before_claim', 'lanes.activate', 'lanes.before_retire', 'sweep.activate'])(
    'or is done twice at %s: every row runs once',
    async (place) => {
      const bench = await openBench();
      onTestFinished(() => armFailpoints(''));
      const { here, sweep } = await startSweeps(bench, { slots: { m: 100 } });
      here.finishAll();
      armFailpoints(`${place}:duplicate`);
      const ids = [...(await bench.insert({ key: 'a' }, 3)), ...(await bench.insert({ key: 'b' }, 3))];
      for (let sweeps = 0; sweeps < 3; sweeps++) await sweep();
      expect([...bench.completed].sort()).toEqual(ids.map((id) => [id, 1]).sort());
    },
  );

  it('keeps no lane waiting that was made active by others, however often the sweep fails to', async () => {
    const bench = await openBench();
    onTestFinished(() => armFailpoints(''));
    const { here, sweep } = await startSweeps(bench, { slots: { m: 1 } });
    here.finishAll();
    const [id] = await bench.insert({});
    const name = bench.lane({});
    await bench.lanes.activate([{ id: await bench.ledger.lanes.idOf(name), list: listOf(name) }]);
    armFailpoints('sweep.activate:error');
    await sweep();
    expect(bench.completed.get(id!)).toBe(1);
  });

  it('while rows are given back that earlier runs held is done again, also twice', async () => {
    const bench = await openBench();
    onTestFinished(() => armFailpoints(''));
    const dead = newId('run');
    const [id] = await bench.insert({});
    const laneId = await bench.ledger.lanes.idOf(bench.lane({}));
    await bench.ledger.claim({ laneId, limit: 1, owner: dead, leaseMs: 60_000 });
    armFailpoints('sweep.earlier_runs:error@1;sweep.earlier_runs:duplicate@2');
    const { sweep, forgotten } = await startSweeps(bench, { slots: {}, earlierRuns: [dead] });
    await sweep();
    expect([forgotten.count, (await bench.ledger.find(id!))?.state]).toEqual([0, 'processing']);
    await sweep();
    expect(forgotten.count).toBe(1);
    expect(await bench.ledger.find(id!)).toMatchObject({ state: 'pending', deliveries: 1 });
  });
});

describe('claims that may be lost', () => {
  it('are looked for once somebody doubts, and rows of the dead are rescued all the same', async () => {
    const bench = await openBench();
    const { sweeps, sweep, lostLooks } = await startSweeps(bench);
    await sweep();
    expect(lostLooks()).toBe(0);
    sweeps.doubtClaims();
    const [id] = await bench.insert({ model: 'other' });
    const laneId = await bench.ledger.lanes.idOf(bench.lane({ model: 'other' }));
    await bench.ledger.claim({ laneId, limit: 1, owner: newId('run'), leaseMs: -5_000 });
    await sweep();
    expect(lostLooks()).toBe(1);
    expect((await bench.ledger.find(id!))?.state).toBe('pending');
  });
});
