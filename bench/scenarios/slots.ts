/** How well slots are kept busy: 8 of 50 ms for 2,000 requests, in one lane, in 200, by two brokers on two servers, and by nobody but the load. */
import { slotUse, percentile, type Occupation } from '../statistics.ts';
import { startSimulator, type Simulator } from '../systems/simulator.ts';
import {
  alternate,
  checkExactlyOnce,
  checkStatus,
  filaEngines,
  nextPromptStart,
  posts,
  shown,
  type Bench,
  type Scenario,
  type Trial,
  withFila,
} from './scenario.ts';

const SLOTS = 8;
const SERVICE_MS = 50;
const LANES = 200;
/** Moments of arrival fixed beforehand, several times as many as the slots can answer: a line stands from the first moment on. */
const ARRIVALS = { perSecond: 500, connections: 32 } as const;
/** A process that has just started is slower: the first thousands do not count. */
const WARM_UP = 3_000;

type Requests = Parameters<typeof posts>[1];

export const slots: Scenario = async (bench) => {
  const { simulator } = bench.servers;
  const count = bench.isQuick ? 400 : 2_000;
  await withoutBroker(bench, count);
  await alternate(bench, SLOTS, async (trial) => {
    await warmUp(trial);
    await simulator.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
    await postAll(trial, count);
    await simulator.untilCompleted(count);
    await note(trial.add, 'slots.one', [simulator], count);
    await checkExactlyOnce(trial, 'slots', count);
  });
  for (const engines of filaEngines(bench))
    await withFila(bench, { engines, slots: SLOTS }, async (trial) => {
      const others = await Promise.all(Array.from({ length: LANES - 1 }, () => trial.system.createKey()));
      const keys = [trial.key, ...others].map(({ key }) => key);
      await warmUp(trial, { keys });
      await simulator.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
      await postAll(trial, count, { keys });
      await simulator.untilCompleted(count);
      await note(trial.add, 'slots.lanes', [simulator], count);
      await checkExactlyOnce(trial, 'slots, 200 lanes', count);
    });
  if (filaEngines(bench).includes('shared')) await twoBrokers(bench, count);
};

/**
 * The load itself on 8 connections, each asking again as soon as it was answered: nothing can keep the slots busier. What
 * is missing to 1 is the simulator, the load and the machine.
 */
async function withoutBroker(bench: Bench, count: number): Promise<void> {
  const { simulator, load } = bench.servers;
  const asked = (connections: number, total: number) =>
    load.closed({
      requests: {
        ...{ port: simulator.port, method: 'POST', path: '/api/generate', promptStart: nextPromptStart() },
        body: { model: 'llama3:8b', stream: true },
      },
      ...{ connections, count: total },
    });
  await simulator.prepare({ slots: SLOTS });
  await asked(32, WARM_UP);
  await simulator.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
  await asked(SLOTS, count);
  const add = (metric: string, value: number): void => {
    bench.figures.add({ metric, system: 'no broker', round: 1, value });
    bench.say(`  round 1  ${'no broker'.padEnd(14)} ${metric.padEnd(34)} ${shown(value)}`);
  };
  await note(add, 'slots.none', [simulator], count);
}

async function warmUp(
  trial: Trial,
  requests: Requests = {},
  simulators = [trial.bench.servers.simulator],
): Promise<void> {
  const count = trial.bench.isQuick ? 300 : WARM_UP;
  for (const one of simulators) await one.prepare({ slots: SLOTS });
  await trial.bench.servers.load.closed({ requests: posts(trial, requests), connections: 32, count });
  await untilAll(simulators, count);
}

/** Two servers of 8 slots, each dispatched by one of two brokers; half of the requests come to each broker. */
async function twoBrokers(bench: Bench, count: number): Promise<void> {
  const second = await startSimulator();
  const both = [bench.servers.simulator, second];
  const ollamas = both.map(({ url }) => url);
  const plan = { engines: 'shared', slots: SLOTS, brokers: 2, ollamas } as const;
  await withFila(bench, plan, async (trial) => {
    await warmUp(trial, {}, both);
    for (const one of both) await one.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
    await Promise.all(
      trial.system.ports.map((port) =>
        bench.servers.load.open({
          ...{ requests: { ...posts(trial), port }, count },
          ...{ ...ARRIVALS, perSecond: ARRIVALS.perSecond / both.length },
        }),
      ),
    );
    await untilAll(both, 2 * count);
    await note(trial.add, 'slots.brokers', both, 2 * count);
  }).finally(second.stop);
}

async function untilAll(simulators: readonly Simulator[], count: number): Promise<void> {
  for (let done = 0, moved = Date.now(); done < count;) {
    const states = await Promise.all(simulators.map((one) => one.state()));
    const now = states.reduce((sum, { counters }) => sum + counters.completed, 0);
    if (now > done) moved = Date.now();
    if (Date.now() - moved > 20_000) throw new Error(`Only ${now} of ${count} calls were answered.`);
    done = now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function postAll(trial: Trial, count: number, requests: Requests = {}): Promise<void> {
  const sent = await trial.bench.servers.load.open({
    ...{ requests: posts(trial, requests), count },
    ...ARRIVALS,
  });
  checkStatus(trial, 'slots', sent);
}

/** From what the servers themselves wrote down of their calls. */
async function note(
  add: Trial['add'],
  metric: string,
  simulators: readonly Simulator[],
  count: number,
): Promise<void> {
  const uses = await Promise.all(
    simulators.map(async (one) => {
      const { calls, models } = await one.state({ calls: count });
      const asked = calls.flatMap(({ slotTakenAtMs, slotGivenAtMs }): Occupation[] =>
        slotTakenAtMs === undefined || slotGivenAtMs === undefined
          ? []
          : [{ startedAtMs: slotTakenAtMs, endedAtMs: slotGivenAtMs }],
      );
      const most = Object.values(models).reduce(
        (sum, { maxRunning, maxWaiting }) => sum + maxRunning + maxWaiting,
        0,
      );
      return { ...slotUse(asked, SLOTS), most, asked };
    }),
  );
  const all = uses.flatMap(({ asked }) => asked);
  const { makespanMs } = slotUse(all, SLOTS * simulators.length);
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  add(`${metric}.efficiency`, (count * SERVICE_MS) / (SLOTS * simulators.length) / makespanMs);
  add(`${metric}.busyShare`, mean(uses.map(({ busyShareWhileWaiting }) => busyShareWhileWaiting)));
  add(
    `${metric}.gapP99Ms`,
    percentile(
      uses.flatMap(({ gapsMs }) => gapsMs),
      0.99,
    ),
  );
  add(`${metric}.mostAtOnce`, Math.max(...uses.map(({ most }) => most)));
}
