/** What a quiet key waits behind a flood, and whether ten equal keys get equal shares of the slots. */
import type { SimulationState } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { jainIndex, percentile } from '../statistics.ts';
import {
  alternate,
  checkStatus,
  filaEngines,
  nextPromptStart,
  posts,
  type Bench,
  type EnginesOf,
  type Scenario,
  type Trial,
  withFila,
} from './scenario.ts';

const SLOTS = 8;
const SERVICE_MS = 50;
const QUIET = 20;
const EQUAL_KEYS = 10;

export const fairness: Scenario = async (bench) => {
  await alternate(bench, SLOTS, async (trial) => {
    await bench.servers.simulator.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
    const aloneMs = await quietWaitMs(trial);
    trial.add('fairness.alone.p95Ms', aloneMs);
    const isPeer = trial.system.name === 'peer';
    // In the peer everybody waits behind all: once is enough to say how long.
    if (isPeer && trial.round > 1) return;
    await flood(trial, bench.isQuick ? 500 : 2_000);
    trial.add('fairness.flood2000.slowdown', (await quietWaitMs(trial)) / aloneMs);
    if (isPeer) return;
    await flood(trial, bench.isQuick ? 1_000 : 8_000);
    trial.add('fairness.flood10000.slowdown', (await quietWaitMs(trial)) / aloneMs);
  });
  for (let round = 1; round <= bench.rounds; round++)
    for (const engines of filaEngines(bench)) await equalKeys(bench, engines, round);
};

async function flood(trial: Trial, count: number): Promise<void> {
  const sent = await trial.bench.servers.load.closed({ requests: posts(trial), connections: 32, count });
  checkStatus(trial, 'flood', sent);
}

/** 20 requests of another key, all at once; from then until they are answered, by the server's own record. */
async function quietWaitMs(trial: Trial): Promise<number> {
  const { load, simulator, sink } = trial.bench.servers;
  const { key, webhookSecret } = await trial.system.createKey();
  const requests = posts(trial, { keys: [key], callbackUrl: sink.url });
  const postedAtMs = Date.now();
  await load.closed({ requests, connections: QUIET, count: QUIET });
  await sink.until(QUIET);
  await sink.check([webhookSecret]);
  const { calls } = await simulator.state({ calls: 10_000 });
  const waits = callsOf(calls, requests.promptStart).map(({ endedAtMs }) => endedAtMs! - postedAtMs);
  if (waits.length !== QUIET) throw new Error(`${waits.length} of ${QUIET} quiet requests were found.`);
  return percentile(waits, 0.95);
}

/** Each key has more to do than its share of the time that is looked at. */
async function equalKeys(bench: Bench, engines: EnginesOf, round: number): Promise<void> {
  const { load, simulator } = bench.servers;
  const watchedMs = bench.isQuick ? 1_500 : 5_000;
  const count = Math.ceil(((watchedMs / SERVICE_MS) * SLOTS * 2) / EQUAL_KEYS);
  const starts = Array.from({ length: EQUAL_KEYS }, nextPromptStart);
  await withFila(bench, { engines, slots: SLOTS, round }, async ({ system, add }) => {
    await simulator.prepare({ slots: SLOTS, firstTokenMs: SERVICE_MS });
    const keys = await Promise.all(starts.map(() => system.createKey()));
    const all = keys.map((key, n) => posts({ system, key }, { promptStart: starts[n]! }));
    await Promise.all(all.map((requests) => load.closed({ requests, connections: 2, count })));
    const fromMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, watchedMs));
    const untilMs = Date.now();
    const { calls } = await simulator.state({ calls: 10_000 });
    add('fairness.jain', jainIndex(starts.map((start) => slotMs(calls, start, { fromMs, untilMs }))));
  });
}

/** How long the calls of prompts that start so held a slot, between two moments. */
function slotMs(
  calls: SimulationState['calls'],
  start: string,
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
): number {
  return callsOf(calls, start)
    .map(
      ({ startedAtMs, endedAtMs = untilMs }) => Math.min(endedAtMs, untilMs) - Math.max(startedAtMs, fromMs),
    )
    .reduce((sum, ms) => sum + Math.max(0, ms), 0);
}

function callsOf(calls: SimulationState['calls'], start: string): SimulationState['calls'] {
  return calls.filter(({ body }) => (body as { prompt?: string }).prompt?.startsWith(start));
}
