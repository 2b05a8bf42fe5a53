/** Whether half a million waiting requests change anything: acceptance, drain, memory, restart, Redis. */
import { residentMb } from '../systems/processes.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../statistics.ts';
import type { FilaSystem } from '../systems/fila.ts';
import {
  checkStatus,
  filaEngines,
  posts,
  shown,
  type Bench,
  type Scenario,
  type Trial,
  withFila,
} from './scenario.ts';

const SLOTS = 32;
const WARM_UP = 5_000;
const ACCEPT_MS = 3_000;
const DRAIN_MS = 1_800;
const STRETCHES = 6;
/** More than is drained in these stretches. */
const BACKLOG_AT_ZERO = 55_000;

export const depth: Scenario = async (bench) => {
  for (const engines of filaEngines(bench)) await withFila(bench, { engines, slots: SLOTS }, atDepth);
};

async function atDepth(trial: Trial<FilaSystem>): Promise<void> {
  const { bench, system, add } = trial;
  const queued = bench.isQuick ? 20_000 : 500_000;
  const { simulator } = bench.servers;
  const isShared = system.name === 'fila shared';

  // A process that has just started is slower: the first thousands do not count.
  await simulator.prepare({ slots: SLOTS });
  await fill(trial, WARM_UP);
  await simulator.untilCompleted(WARM_UP);

  // At 0: a backlog is there while the drain is timed, and none is left afterwards.
  await simulator.prepare({ slots: SLOTS, held: true });
  const shallow = await acceptFor(trial, ACCEPT_MS);
  await fill(trial, Math.max(0, BACKLOG_AT_ZERO - shallow.count));
  const shallowDrain = await drainFor(trial);
  await simulator.untilCompleted(Math.max(BACKLOG_AT_ZERO, shallow.count));

  await simulator.prepare({ slots: SLOTS, held: true });
  const before = { rssMb: residentMb(pidsOf(system)), redisBytes: await redisBytes(bench) };
  await fill(trial, queued);
  add('depth.rss.growthMb', residentMb(pidsOf(system)) - before.rssMb);
  if (isShared)
    add('depth.redis.bytesPerQueued', Math.max(0, (await redisBytes(bench)) - before.redisBytes) / queued);
  const deep = await acceptFor(trial, ACCEPT_MS);
  add('depth.accept.ratio', deep.perSecond / shallow.perSecond);

  // Drained by the same process: what a restart costs is another figure.
  const deepDrain = await drainFor(trial);
  add('depth.drain.ratio', deepDrain / shallowDrain);
  bench.say(
    `  accepted ${shown(shallow.perSecond)}/s at 0, ${shown(deep.perSecond)}/s at ${queued}; ` +
      `drained ${shown(shallowDrain)}/s and ${shown(deepDrain)}/s`,
  );

  await simulator.control({ held: true });
  const [broker] = system.brokers;
  await broker!.kill();
  const startedMs = performance.now();
  await broker!.restart();
  add('depth.restart.seconds', (performance.now() - startedMs) / 1000);
}

const pidsOf = (system: FilaSystem): number[] => system.brokers.map(({ pid }) => pid);

async function acceptFor(trial: Trial, durationMs: number): Promise<{ count: number; perSecond: number }> {
  const { load } = trial.bench.servers;
  const warm = await load.closed({ requests: posts(trial), connections: 64, durationMs: 1_000 });
  const timed = await load.closed({ requests: posts(trial), connections: 64, durationMs });
  checkStatus(trial, 'depth', timed);
  return { count: warm.count + timed.count, perSecond: timed.perSecond };
}

async function fill(trial: Trial, count: number): Promise<void> {
  const filled = await trial.bench.servers.load.closed({ requests: posts(trial), connections: 64, count });
  checkStatus(trial, 'filling', filled);
}

/** Answered a second: the median of several stretches, because the rates of two of them may differ by a third. */
async function drainFor({ bench }: Trial): Promise<number> {
  const { simulator } = bench.servers;
  await simulator.control({ held: false });
  await delay(500);
  const rates: number[] = [];
  for (let stretch = 0; stretch < STRETCHES; stretch++) {
    const startedMs = performance.now();
    const { counters: first } = await simulator.state();
    await delay(DRAIN_MS);
    const { counters: last } = await simulator.state();
    rates.push((last.completed - first.completed) / ((performance.now() - startedMs) / 1000));
  }
  return median(rates);
}

async function redisBytes({ servers }: Bench): Promise<number> {
  const info = await servers.redisClient.info('memory');
  return Number(/used_memory:(\d+)/.exec(info)?.[1]);
}
