/** One trial with failpoints: a broker that fails at one place under load, its supervisor, quiet, and the verdict. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { simulatedAnswer } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import {
  fencesOf,
  findSilent,
  givenUpWebhooks,
  inconsistencies,
  modelCounts,
  peaksOf,
  readAll,
  untilQuiet,
} from './aftermath.ts';
import type { BrokerNode } from './broker-node.ts';
import { seededChance } from './chance.ts';
import { check, type FinalState, type Left } from './checker.ts';
import { type Cluster, MAX_ATTEMPTS, type SharedServers, startCluster } from './cluster.ts';
import type { Trial } from './failpoint-cells.ts';
import { CIRCUMSTANCES, type Circumstance, LEASE_MS, untilCalled } from './failpoint-circumstances.ts';
import { type History, recordHistory, TERMINAL } from './history.ts';
import { runLoad } from './load.ts';
import { evidenceOf, factsOf, type Facts } from './report.ts';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

export interface TrialPlan {
  /** For shared engines. */
  readonly servers?: SharedServers;
  readonly seed?: number;
  /** bin/fila.js of the build to run; the one of this tree unless given. */
  readonly cli?: string;
  /** How long after the last fault everything must have ended. */
  readonly quietMs?: number;
}

export interface TrialResult {
  readonly trial: Trial;
  /** One sentence for each promise that was broken; empty when all held and the point was reached. */
  readonly problems: readonly string[];
  readonly facts: Facts;
  readonly tookMs: number;
  /** What is known of each problem. */
  readonly evidence: string;
  readonly logs: Readonly<Record<string, string>>;
}

const REQUESTS = 24;
/** Where brokers fall or the database goes away, little is accepted in the time there is. */
const LEAST_ACCEPTED = 4;
const LEAST_COMPLETED = 2;
const LOAD_MS = 900;
const HABITS = { waits: 0.3, cancels: 0.5, cancelsLate: 0.1, pauseMs: 300 };
const MODEL_FAULTS = { error_500: 0.1, reset: 0.1, error_503: 0.05 };
/** A webhook that was under way when its broker fell is sent again after a minute. */
const QUIET_MS = 80_000;
/** What comes by itself comes within this time. */
const REACHED_WITHIN_MS = 8_000;
const FALLS_WITHIN_MS = 2_000;
const STOPS_WITHIN_MS = 9_000;
const LOOK_EVERY_MS = 20;
const SETTINGS = {
  FILA_LEASE_MS: String(LEASE_MS),
  FILA_STOP_GRACE_MS: '700',
  FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
  // Brokers are started a thousand times.
  NODE_COMPILE_CACHE: join(tmpdir(), 'fila-compile-cache'),
};

export async function runTrial(
  trial: Trial,
  { servers, seed = 1, cli, quietMs = QUIET_MS }: TrialPlan,
): Promise<TrialResult> {
  const beganMs = performance.now();
  const circumstance: Circumstance = CIRCUMSTANCES[trial.circumstance];
  const { pace, slots, environment } = circumstance;
  const history = recordHistory();
  const cluster = await startCluster({
    ...{
      seed,
      engines: trial.engines,
      brokers: trial.engines === 'shared' ? 2 : 1,
      servers,
      cli,
      pace,
      slots,
    },
    environment: { ...SETTINGS, ...environment },
  });
  let receiver: WebhookReceiver | null = null;
  try {
    const secrets = cluster.keys.map(({ webhookSecret }) => webhookSecret);
    receiver = await startWebhookReceiver({ history, secrets, chance: seededChance(seed) });
    // What a bad receiver does is the matter of other runs; here it would only take time.
    receiver.heal();
    const found = await judge({ trial, circumstance, cluster, history, receiver, seed, quietMs });
    return { trial, ...found, tookMs: performance.now() - beganMs };
  } finally {
    await receiver?.stop();
    await cluster.stop();
  }
}

interface Run {
  readonly trial: Trial;
  readonly circumstance: Circumstance;
  readonly cluster: Cluster;
  readonly history: History;
  readonly receiver: WebhookReceiver;
  readonly seed: number;
  readonly quietMs: number;
}

async function judge(run: Run): Promise<Omit<TrialResult, 'trial' | 'tookMs'>> {
  const { trial, circumstance, cluster, history, seed, quietMs } = run;
  const own = await failUnderLoad(run);
  const quiet = { quietMs, hasWebhooks: true, history };
  const recoveryMs = await untilQuiet(cluster, quiet);
  const silent = await findSilent(cluster, quietMs);
  await untilQuiet(cluster, quiet);
  const requests = await readAll(cluster, history, seededChance(seed).fork('last look'));
  await untilAllTold(requests, { history, quietMs });
  const final: FinalState = {
    ...{ requests, silent, fences: await fencesOf(cluster) },
    settlements: cluster.brokers.flatMap((broker) => broker.settlements()),
    fallen: cluster.brokers.filter((broker) => broker.hasFallen()).map(({ name }) => name),
    givenUp: await givenUpWebhooks(cluster),
    inFlight: peaksOf(cluster),
    inconsistent: await inconsistencies(cluster),
    complaints: [
      ...own,
      ...failures(requests),
      ...tooFew(requests, trial),
      ...((await circumstance.findWrong?.(cluster)) ?? []),
    ],
  };
  const facts = factsOf({
    ...{ history, final, recoveryMs, durationMs: LOAD_MS, models: modelCounts(cluster) },
  });
  const rules = { answerTo: simulatedAnswer, maxAttempts: MAX_ATTEMPTS, hasWebhooks: true };
  const violations = check(history.events, final, rules);
  const logs = Object.fromEntries(cluster.brokers.map(({ name, log }) => [name, log()]));
  const scenario = { name: trial.name, seed, engines: trial.engines, brokers: cluster.brokers.length };
  const outcome = {
    ...{ violations, facts, faults: [], history, final, logs },
    ...{ recovery: null, startMs: cluster.startMs },
    scenario: { ...scenario, requests: REQUESTS, durationMs: LOAD_MS },
  };
  return {
    ...{ facts, logs },
    evidence: violations.map((violation) => evidenceOf(violation, outcome)).join('\n\n'),
    problems: violations.map(({ invariant, what, id }) => `${invariant}: ${what}${id ? ` (${id})` : ''}`),
  };
}

/** Load, the circumstance and the point, until all that is armed is over. Resolves with what the broker itself did wrong. */
async function failUnderLoad({
  trial,
  circumstance,
  cluster,
  history,
  receiver,
  seed,
}: Run): Promise<string[]> {
  const broker = cluster.brokers[0]!;
  const supervisor = supervise(broker);
  const load = (): Promise<void> => {
    const plan = { seed, requests: REQUESTS, durationMs: LOAD_MS, maxInFlight: 64, isIdempotent: true };
    return runLoad({ ...plan, callbackUrl: receiver.url, habits: HABITS }, { ...cluster, history });
  };
  const { isKilledAtWork, happen, prepare } = circumstance;
  await prepare?.(cluster);
  for (const ollama of cluster.ollamas) ollama.control({ faults: { probability: MODEL_FAULTS } });
  const early = isKilledAtWork ? load() : null;
  if (early) await untilCalled(cluster);
  await broker.kill();
  await supervisor.startArmed(trial.armed);
  await Promise.all([early ?? load(), happen?.(cluster)]);
  for (const ollama of cluster.ollamas) ollama.control({ faults: { probability: {} } });
  const missed = await untilReached(broker, trial);
  const stopMs = trial.isLasting ? await supervisor.endArmedLife() : 0;
  const falls = await supervisor.stop(Number(trial.isFall));
  return [
    ...missed.map((point) => `${point} was not reached: this proves nothing`),
    ...(stopMs > STOPS_WITHIN_MS ? [`told to stop, it did not within ${STOPS_WITHIN_MS} ms`] : []),
    ...(falls > Number(trial.isFall) ? [`S3: it fell ${falls} times`] : []),
  ];
}

/** Who starts a broker again that fell, as systemd would, with nothing armed. */
function supervise(broker: BrokerNode) {
  let falls = 0;
  let isOver = false;
  const watching = (async () => {
    for (; !isOver; await delay(LOOK_EVERY_MS))
      if (broker.hasFallen()) {
        falls += 1;
        await broker.revive().catch(() => undefined);
      }
  })();

  return {
    startArmed: async (armed: string): Promise<void> => {
      try {
        await broker.start(armed);
      } catch {
        falls += 1;
        await broker.start();
      }
    },
    /** Resolves with how long it took to stop. */
    endArmedLife: async (): Promise<number> => {
      const beganMs = performance.now();
      await broker.stop();
      const tookMs = performance.now() - beganMs;
      await broker.start();
      return tookMs;
    },
    /** Resolves with how often it fell. A fall that is due may be under way. */
    stop: async (due: number): Promise<number> => {
      for (const giveUpAt = performance.now() + FALLS_WITHIN_MS; falls < due && performance.now() < giveUpAt;)
        await delay(LOOK_EVERY_MS);
      isOver = true;
      await watching;
      return falls;
    },
  };
}

/** Resolves with the points that did not fire. */
async function untilReached(broker: BrokerNode, { points }: Trial): Promise<string[]> {
  const missing = (): string[] => {
    const log = broker.log();
    return points.filter((point) => !log.includes(`"failpoint":"${point}"`));
  };
  for (const giveUpAt = performance.now() + REACHED_WITHIN_MS; ; await delay(LOOK_EVERY_MS)) {
    const missed = missing();
    if (missed.length === 0 || performance.now() > giveUpAt) return missed;
  }
}

/** Also those requests whose clients never heard that they were accepted. */
async function untilAllTold(
  requests: readonly Left[],
  { history: { events }, quietMs }: Pick<Run, 'history' | 'quietMs'>,
): Promise<void> {
  const isTold = (): boolean => {
    const told = new Set(events.flatMap((event) => (event.type === 'webhook' ? [event.requestId] : [])));
    return requests.every(({ id, status }) => !TERMINAL.has(status) || told.has(id));
  };
  const giveUpAt = performance.now() + quietMs;
  while (!isTold() && performance.now() < giveUpAt) await delay(LOOK_EVERY_MS);
}

/** A point that fires once leaves the rest of the load to go through; a run without load proves nothing. */
function tooFew(requests: readonly Left[], { isLasting }: Trial): string[] {
  const completed = requests.filter(({ status }) => status === 'completed').length;
  if (isLasting || (requests.length >= LEAST_ACCEPTED && completed >= LEAST_COMPLETED)) return [];
  return [`only ${requests.length} requests were accepted and ${completed} completed: this proves little`];
}

/** Attempts are plenty: whatever the broker's own trouble was, a request must not fail of it. */
function failures(requests: readonly Left[]): string[] {
  return requests
    .filter(({ status }) => status === 'failed' || status === 'expired')
    .map(({ id, status, errorCode }) => `${id} ended ${status}: ${errorCode}`);
}
