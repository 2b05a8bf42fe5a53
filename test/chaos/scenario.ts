/** One run from beginning to end: a cluster, clients, a nemesis, quiet, and the verdict. */
import { setTimeout as delay } from 'node:timers/promises';
import { simulatedAnswer } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { seededChance } from './chance.ts';
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
import { check, type FinalState, type Rules, type Violation } from './checker.ts';
import { type Cluster, type ClusterPlan, MAX_ATTEMPTS, startCluster } from './cluster.ts';
import { type History, recordHistory } from './history.ts';
import { runLoad } from './load.ts';
import { type Mark, planNemesis, runNemesis, type Say, shapeOf, type Step } from './nemesis.ts';
import type { ActionName } from './nemesis-actions.ts';
import { type Probe, type Prober, startProber } from './prober.ts';
import { overAt, recoveryOf, type Recovery } from './recovery.ts';
import { factsOf, type Facts } from './report.ts';
import { type Mishap, startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

export interface Scenario extends ClusterPlan {
  readonly name: string;
  readonly requests: number;
  /** Requests arrive and faults happen in this time. */
  readonly durationMs: number;
  readonly maxInFlight?: number;
  /** What may go wrong; everything unless given. */
  readonly actions?: readonly ActionName[];
  /** Between two faults of one hand; a third of a second to two seconds unless given. */
  readonly pauseMs?: readonly [least: number, most: number];
  /** What goes wrong, instead of a plan from the seed. */
  readonly steps?: readonly Step[];
  /** Clients repeat calls under their idempotency key. */
  readonly isIdempotent?: boolean;
  /** Requests name a receiver, and its webhooks are checked. */
  readonly hasWebhooks?: boolean;
  /** How badly the receiver behaves until the faults are over; errors, silence and resets unless given. */
  readonly mishaps?: readonly Mishap[];
  /** Whether brokers are probed all the time, so that recovery is measured. */
  readonly isProbed?: boolean;
  /** More to do beside the load; resolves with what was not as it should be. */
  readonly beside?: (stage: Stage) => Promise<readonly string[]>;
  readonly rules?: Partial<Pick<Rules, 'isInOrder' | 'maxInFlight' | 'maxAttempts'>>;
  /** Requests come in bunches at these moments rather than all the time. */
  readonly bursts?: readonly number[];
  /** How long after the last fault everything must have ended. */
  readonly quietMs?: number;
  readonly say?: Say;
}

/** What those get who do something beside the load. */
export interface Stage {
  readonly cluster: Cluster;
  readonly durationMs: number;
  /** Resolves when the last fault is healed. */
  readonly healed: Promise<unknown>;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly violations: readonly Violation[];
  readonly facts: Facts;
  /** Null where nobody probed. */
  readonly recovery: Recovery | null;
  /** Of a broker, before anything went wrong. */
  readonly startMs: number;
  /** The faults, one line each. */
  readonly faults: readonly string[];
  readonly history: History;
  readonly final: FinalState;
  /** What each broker logged. */
  readonly logs: Readonly<Record<string, string>>;
}

const QUIET_MS = 60_000;

export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const history = recordHistory();
  const cluster = await startCluster({ ...scenario, environment: environmentOf(scenario) });
  let receiver: WebhookReceiver | null = null;
  try {
    const secrets = cluster.keys.map(({ webhookSecret }) => webhookSecret);
    const chance = seededChance(scenario.seed).fork('receiver');
    if (scenario.hasWebhooks) {
      const { mishaps } = scenario;
      receiver = await startWebhookReceiver({ history, secrets, chance, mishaps });
    }
    return await run({ scenario, cluster, history, receiver });
  } finally {
    await receiver?.stop();
    await cluster.stop();
  }
}

interface Parts {
  readonly scenario: Scenario;
  readonly cluster: Cluster;
  readonly history: History;
  readonly receiver: WebhookReceiver | null;
}

async function run({ scenario, cluster, history, receiver }: Parts): Promise<Outcome> {
  const { seed, durationMs } = scenario;
  const faults: string[] = [];
  const say: Say = (line) => {
    faults.push(line);
    scenario.say?.(line);
  };
  const { actions, pauseMs } = scenario;
  const plan = { seed, durationMs, shape: shapeOf(cluster), actions, pauseMs };
  const steps = scenario.steps ?? planNemesis(plan);
  const { quietMs = QUIET_MS, hasWebhooks = false } = scenario;
  const quiet = { quietMs, hasWebhooks, history };
  const started = performance.now();
  const prober = scenario.isProbed ? startProber(cluster) : null;
  const nemesis = runNemesis(cluster, { steps, seed, say });
  const beside = scenario.beside?.({ cluster, durationMs, healed: nemesis.catch(() => undefined) }) ?? [];
  const recovered = nemesis.then(async (marks) => {
    receiver?.heal();
    await delay(Math.max(0, durationMs - (performance.now() - started)));
    const tookMs = await untilQuiet(cluster, quiet);
    return { marks, tookMs, probes: await finish(prober, marks) };
  });
  const [{ marks, tookMs: recoveryMs, probes }, complaints] = await Promise.all([
    recovered,
    beside,
    runLoad(loadOf(scenario, receiver), { ...cluster, history }),
  ]);
  const silent = await findSilent(cluster, quietMs);
  // Whoever had to repeat a call may have sent something since, and a broker may have been started anew.
  await untilQuiet(cluster, quiet);
  const final: FinalState = {
    requests: await readAll(cluster, history, seededChance(seed).fork('last look')),
    settlements: cluster.brokers.flatMap((broker) => broker.settlements()),
    fences: await fencesOf(cluster),
    fallen: cluster.brokers.filter((broker) => broker.hasFallen()).map(({ name }) => name),
    silent,
    givenUp: await givenUpWebhooks(cluster),
    inFlight: peaksOf(cluster),
    inconsistent: await inconsistencies(cluster),
    complaints,
  };
  const facts = factsOf({ history, final, recoveryMs, durationMs, models: modelCounts(cluster) });
  const violations = check(history.events, final, rulesOf(scenario));
  const evidence = { marks, probes, events: history.events, requests: final.requests };
  const brokers = cluster.brokers.map(({ name }) => name);
  const recovery = prober && recoveryOf({ ...evidence, brokers, epochMs: performance.timeOrigin });
  const logs = Object.fromEntries(cluster.brokers.map(({ name, log }) => [name, log()]));
  return { scenario, violations, facts, recovery, startMs: cluster.startMs, faults, history, final, logs };
}

/** Probes go on until it is known when work flows again. */
async function finish(prober: Prober | null, marks: readonly Mark[]): Promise<readonly Probe[]> {
  if (!prober) return [];
  await prober.untilAllAnswer(Math.max(0, ...marks.map(overAt)), QUIET_MS);
  return prober.stop();
}

/** Receivers are tried again in seconds rather than hours, and never given up within a run. */
const WEBHOOKS = {
  FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
  FILA_WEBHOOK_TIMEOUT_MS: '1000',
  FILA_WEBHOOK_RETRY_DELAYS: ['100ms', '500ms', ...Array<string>(200).fill('2s')].join(),
};

function environmentOf({ hasWebhooks, environment }: Scenario): Record<string, string> {
  return { ...(hasWebhooks ? WEBHOOKS : {}), ...environment };
}

function loadOf(scenario: Scenario, receiver: WebhookReceiver | null) {
  const { seed, requests, durationMs, bursts, maxInFlight = 64, isIdempotent = false } = scenario;
  return {
    ...{ seed, requests, durationMs, bursts, maxInFlight, isIdempotent },
    callbackUrl: receiver?.url ?? null,
  };
}

function rulesOf({ hasWebhooks = false, rules }: Scenario): Rules {
  return { answerTo: simulatedAnswer, maxAttempts: MAX_ATTEMPTS, hasWebhooks, ...rules };
}
