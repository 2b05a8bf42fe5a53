/** How well slots are kept busy: 8 of 50 ms for 2,000 requests, in one lane, in 200, and by two brokers on two servers. */
import { slotUse, percentile, type Occupation } from '../statistics.ts';
import { startSimulator, type Simulator } from '../systems/simulator.ts';
import {
  alternate,
  checkExactlyOnce,
  checkStatus,
  filaEngines,
  posts,
  type Bench,
  type Scenario,
  type Trial,
  withFila,
} from './scenario.ts';

const SLOTS = 8;
const SERVICE_MS = 50;
const LANES = 200;

export const slots: Scenario = async (bench) => {
  const { simulator } = bench.servers;
  const count = bench.isQuick ? 400 : 2_000;
  await alternate(bench, SLOTS, async (trial) => {
    await simulator.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
    await postAll(trial, count);
    await simulator.untilCompleted(count);
    await note(trial, 'slots.one', [simulator], count);
    await checkExactlyOnce(trial, 'slots', count);
  });
  for (const engines of filaEngines(bench))
    await withFila(bench, { engines, slots: SLOTS }, async (trial) => {
      await simulator.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
      await postAll(trial, count, LANES);
      await simulator.untilCompleted(count);
      await note(trial, 'slots.lanes', [simulator], count);
      await checkExactlyOnce(trial, 'slots, 200 lanes', count);
    });
  if (filaEngines(bench).includes('shared')) await twoBrokers(bench, count);
};

/** Two servers of 8 slots, each dispatched by one of two brokers; half of the requests come to each broker. */
async function twoBrokers(bench: Bench, count: number): Promise<void> {
  const second = await startSimulator();
  const both = [bench.servers.simulator, second];
  const ollamas = both.map(({ url }) => url);
  const plan = { engines: 'shared', slots: SLOTS, brokers: 2, ollamas } as const;
  await withFila(bench, plan, async (trial) => {
    for (const one of both) await one.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
    await Promise.all(
      trial.system.ports.map((port) =>
        bench.servers.load.closed({ requests: { ...posts(trial), port }, connections: 16, count }),
      ),
    );
    await untilBoth(both, 2 * count);
    await note(trial, 'slots.brokers', both, 2 * count);
  }).finally(second.stop);
}

async function untilBoth(simulators: readonly Simulator[], count: number): Promise<void> {
  for (let done = 0, moved = Date.now(); done < count;) {
    const states = await Promise.all(simulators.map((one) => one.state()));
    const now = states.reduce((sum, { counters }) => sum + counters.completed, 0);
    if (now > done) moved = Date.now();
    if (Date.now() - moved > 20_000) throw new Error(`Only ${now} of ${count} calls were answered.`);
    done = now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function postAll(trial: Trial, count: number, lanes = 1): Promise<void> {
  const more = await Promise.all(Array.from({ length: lanes - 1 }, () => trial.system.createKey()));
  const keys = [trial.key, ...more].map(({ key }) => key);
  const sent = await trial.bench.servers.load.closed({
    requests: posts(trial, { keys }),
    ...{ connections: 32, count },
  });
  checkStatus(trial, 'slots', sent);
}

/** From what the servers themselves wrote down of their calls. */
async function note(
  trial: Trial,
  metric: string,
  simulators: readonly Simulator[],
  count: number,
): Promise<void> {
  const uses = await Promise.all(
    simulators.map(async (one) => {
      const { calls, models } = await one.state({ calls: count });
      const asked = calls.filter(({ endedAtMs }) => endedAtMs !== undefined) as Occupation[];
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
  trial.add(`${metric}.efficiency`, (count * SERVICE_MS) / (SLOTS * simulators.length) / makespanMs);
  trial.add(`${metric}.busyShare`, mean(uses.map(({ busyShareWhileWaiting }) => busyShareWhileWaiting)));
  trial.add(
    `${metric}.gapP99Ms`,
    percentile(
      uses.flatMap(({ gapsMs }) => gapsMs),
      0.99,
    ),
  );
  trial.add(`${metric}.mostAtOnce`, Math.max(...uses.map(({ most }) => most)));
}
