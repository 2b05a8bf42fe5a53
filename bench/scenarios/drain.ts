/** How fast a backlog is worked off when models take no time, with every answer stored and told by a signed webhook. */
import {
  alternate,
  checkExactlyOnce,
  checkStatus,
  checkWebhooks,
  cpuOf,
  posts,
  type Scenario,
  type Trial,
} from './scenario.ts';

const SLOTS = 32;
/** Code that has just started is still being compiled while it runs: what is asked is how it runs on. */
const WARM_UP = 6_000;
const LANES = 200;
const ROWS_PER_LANE = 20;

export const drain: Scenario = (bench) => {
  const backlog = bench.isQuick ? 1_000 : 4_000;
  const posted = bench.isQuick ? 1_000 : 3_000;
  return alternate(bench, SLOTS, async (trial) => {
    await warmUp(trial, bench.isQuick ? 300 : WARM_UP);
    await drainBacklog(trial, backlog);
    await postWhileDraining(trial, posted);
    await drainSilently(trial, LANES * (bench.isQuick ? 5 : ROWS_PER_LANE));
  });
};

async function warmUp(trial: Trial, count: number): Promise<void> {
  const { load, simulator, sink } = trial.bench.servers;
  await simulator.prepare({ slots: SLOTS });
  await load.closed({ requests: posts(trial, { callbackUrl: sink.url }), connections: 16, count });
  await sink.until(count);
  await checkWebhooks(trial, 'warm-up', count);
}

async function drainBacklog(trial: Trial, count: number): Promise<void> {
  const { load, simulator, sink } = trial.bench.servers;
  await simulator.prepare({ slots: SLOTS, held: true });
  checkStatus(
    trial,
    'drain',
    await load.closed({ requests: posts(trial, { callbackUrl: sink.url }), connections: 32, count }),
  );
  const startedMs = performance.now();
  const soFar = (): number => count / ((performance.now() - startedMs) / 1000);
  const { cpuUs } = await cpuOf(
    trial,
    async () => {
      await simulator.control({ held: false });
      await simulator.untilCompleted(count);
      trial.add('drain.backlog.perSecond', soFar());
      await sink.until(count);
    },
    () => count,
  );
  trial.add('drain.told.perSecond', soFar());
  trial.add('drain.told.cpuUs', cpuUs);
  await checkExactlyOnce(trial, 'drain', count);
  await checkWebhooks(trial, 'drain', count);
}

async function postWhileDraining(trial: Trial, count: number): Promise<void> {
  const { load, simulator, sink } = trial.bench.servers;
  await simulator.prepare({ slots: SLOTS });
  const startedMs = performance.now();
  const sent = await load.closed({
    requests: posts(trial, { callbackUrl: sink.url }),
    connections: 32,
    count,
  });
  checkStatus(trial, 'posted while draining', sent);
  await simulator.untilCompleted(count);
  // From the first POST to the last answer: what goes through, whichever of the two ends is slower.
  trial.add('drain.posted.perSecond', count / ((performance.now() - startedMs) / 1000));
  trial.add('drain.posted.p99Ms', sent.latency.p99Ms);
  await sink.until(count);
  await checkExactlyOnce(trial, 'posted while draining', count);
  await checkWebhooks(trial, 'posted while draining', count);
}

/** Without webhooks: of one key, and as many of 200 keys; the second says what it costs to go round. */
async function drainSilently(trial: Trial, count: number): Promise<void> {
  const { result: one, cpuUs } = await cpuOf(
    trial,
    () => drainedPerSecond(trial, count, [trial.key.key]),
    () => count,
  );
  trial.add('drain.silent.perSecond', one);
  trial.add('drain.silent.acceptedToo.cpuUs', cpuUs);
  if (trial.system.name === 'peer') return;
  const keys = await Promise.all(Array.from({ length: LANES }, () => trial.system.createKey()));
  const commands = await redisCommands(trial);
  const many = await drainedPerSecond(
    trial,
    count,
    keys.map(({ key }) => key),
  );
  trial.add('drain.lanes.ofOneLane', many / one);
  if (trial.system.name === 'fila shared')
    trial.add('drain.lanes.redisCommands', ((await redisCommands(trial)) - commands) / count);
  await checkExactlyOnce(trial, '200 lanes', count);
}

async function drainedPerSecond(trial: Trial, count: number, keys: readonly string[]): Promise<number> {
  const { load, simulator } = trial.bench.servers;
  await simulator.prepare({ slots: SLOTS, held: true });
  checkStatus(
    trial,
    'lanes',
    await load.closed({ requests: posts(trial, { keys }), connections: 32, count }),
  );
  const startedMs = performance.now();
  await simulator.control({ held: false });
  await simulator.untilCompleted(count);
  return count / ((performance.now() - startedMs) / 1000);
}

/** Scripts count once and each of their commands again, as Redis itself counts. */
async function redisCommands({ bench }: Trial): Promise<number> {
  const info = await bench.servers.redisClient.info('stats');
  return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]);
}
