/** Two brokers, many lanes, and chance: whatever happens in whatever order, every row runs once and then there is rest. */
import { once, EventEmitter } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../kernel/logger.ts';
import { openBench, type Bench, type BenchBroker, type Where } from './testing/bench.ts';
import { createSweeps } from './sweeps.ts';

/** The numbers of a seed, each in [0, 1), so that a failure can be repeated. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SLOTS = [
  { x: 1, y: 3, z: 0 },
  { x: 2, y: 0, z: 2 },
];
const STEPS = 400;
const MAX_ROWS_AT_ONCE = 6;

interface Member {
  readonly broker: BenchBroker;
  readonly sweep: () => Promise<void>;
}

/** A broker with sweeps of its own, as the worker puts them together. */
async function startMember(bench: Bench, slots: Record<string, number>): Promise<Member> {
  const swept = new EventEmitter();
  const { ledger } = bench;
  const broker = bench.broker(slots, () => sweeps.within(0));
  const lanesWithWork = async (ids?: readonly number[]) => {
    swept.emit('sweep');
    return ledger.sweeps.lanesWithWork(ids);
  };
  const sweeps = createSweeps({
    ledger: { ...ledger, sweeps: { ...ledger.sweeps, lanesWithWork } },
    activeLanes: bench.lanes,
    requests: { poisonError: () => Buffer.from('poison'), ended: () => {} },
    upstreams: { free: broker.free },
    dispatcher: broker.dispatcher,
    ...{ writeKeptOutcomes: async () => {}, giveBackLostClaims: async () => {} },
    ...{ logger: silentLogger, leaseMs: 30_000, earlierRuns: [], forgetEarlierRuns: () => {} },
  });
  await sweeps.start();
  onTestFinished(() => sweeps.stop());
  return {
    broker,
    sweep: async () => {
      const next = once(swept, 'sweep');
      sweeps.within(0);
      await next;
    },
  };
}

describe('two brokers and chance', () => {
  it.each([1, 2, 3, 4, 5, 6])('run every row once and come to rest, with seed %i', async (seed) => {
    const chance = chanceOf(seed);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(chance() * all.length)]!;
    const bench = await openBench();
    const members = [await startMember(bench, SLOTS[0]!), await startMember(bench, SLOTS[1]!)];
    const ids: string[] = [];
    let handedBack = 0;

    const where = (): Where => ({
      key: `key ${Math.floor(chance() * 25)}`,
      model: pick(['x', 'y', 'z']),
      band: Math.floor(chance() * 5),
    });
    const steps: [share: number, step: () => Promise<unknown>][] = [
      [
        0.3,
        async () => ids.push(...(await bench.arrive(where(), 1 + Math.floor(chance() * MAX_ROWS_AT_ONCE)))),
      ],
      [0.05, async () => ids.push(...(await bench.insert(where())))],
      [0.4, () => endOne('completed')],
      [0.1, () => endOne('pending')],
      [0.05, () => pick(members).sweep()],
      [0.05, () => pick(members).broker.dispatcher.keepTokens()],
      [0.02, async () => bench.lanes.lose()],
      [0.03, async () => void (bench.clock.nowMs += 1_500)],
    ];

    async function endOne(to: 'completed' | 'pending'): Promise<void> {
      const { broker } = pick(members);
      if (broker.running.size === 0) return;
      if (to === 'pending') handedBack += 1;
      const end = broker.finish(pick([...broker.running.keys()]), to);
      // Sometimes the next step does not wait for the write.
      if (chance() < 0.5) await end;
    }

    for (let step = 0; step < STEPS; step++) {
      let dice = chance();
      await steps.find(([share]) => (dice -= share) < 0)?.[1]();
      const running = members.flatMap(({ broker }) => [...broker.running.keys()]);
      expect(new Set(running).size).toBe(running.length);
    }

    for (const { broker } of members) broker.finishAll();
    while (bench.completed.size < ids.length) {
      const before = bench.completed.size;
      bench.clock.nowMs += 3_000;
      for (const { sweep } of members) await sweep();
      await bench.rest();
      expect(bench.completed.size).toBeGreaterThan(before);
    }
    await bench.rest();

    expect(ids.length).toBeGreaterThan(200);
    expect(handedBack).toBeGreaterThan(5);
    expect(new Set(bench.completed.values())).toEqual(new Set([1]));
    expect(members.map(({ broker }) => broker.running.size)).toEqual([0, 0]);
    expect(await bench.ledger.sweeps.lanesWithWork()).toEqual([]);
    // A loop that spins would make thousands of calls for each row.
    expect(bench.claims.count / ids.length).toBeLessThan(6);
    expect(bench.lanes.allCalls / ids.length).toBeLessThan(15);
  });
});
