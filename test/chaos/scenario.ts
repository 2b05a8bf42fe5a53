/** One run from beginning to end: a cluster, clients, a nemesis, quiet, and the verdict. */
import { setTimeout as delay } from 'node:timers/promises';
import { simulatedAnswer } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { seededChance } from './chance.ts';
import { findSilent, modelCounts, readAll, untilQuiet } from './aftermath.ts';
import { check, type FinalState, type Rules, type Violation } from './checker.ts';
import { type Cluster, type ClusterPlan, MAX_ATTEMPTS, startCluster } from './cluster.ts';
import { type History, recordHistory } from './history.ts';
import { runLoad } from './load.ts';
import { planNemesis, runNemesis, type Say, shapeOf, type Step } from './nemesis.ts';
import type { ActionName } from './nemesis-actions.ts';
import { factsOf, type Facts } from './report.ts';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

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
  /** How long after the last fault everything must have ended. */
  readonly quietMs?: number;
  readonly say?: Say;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly violations: readonly Violation[];
  readonly facts: Facts;
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
    if (scenario.hasWebhooks) receiver = await startWebhookReceiver({ history, secrets, chance });
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
  const nemesis = runNemesis(cluster, { steps, seed, say });
  const recovery = nemesis.then(async () => {
    receiver?.heal();
    await delay(Math.max(0, durationMs - (performance.now() - started)));
    return untilQuiet(cluster, quiet);
  });
  const [recoveryMs] = await Promise.all([
    recovery,
    runLoad(loadOf(scenario, receiver), { ...cluster, history }),
  ]);
  const silent = await findSilent(cluster, quietMs);
  // Whoever had to repeat a call may have sent something since, and a broker may have been started anew.
  await untilQuiet(cluster, quiet);
  const final: FinalState = {
    requests: await readAll(cluster, history, seededChance(seed).fork('last look')),
    settlements: cluster.brokers.flatMap((broker) => broker.settlements()),
    fences: await cluster.fences(),
    fallen: cluster.brokers.filter((broker) => broker.hasFallen()).map(({ name }) => name),
    silent,
  };
  const facts = factsOf({ history, final, recoveryMs, durationMs, models: modelCounts(cluster) });
  const violations = check(history.events, final, rulesOf(scenario));
  const logs = Object.fromEntries(cluster.brokers.map(({ name, log }) => [name, log()]));
  return { scenario, violations, facts, faults, history, final, logs };
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
  const { seed, requests, durationMs, maxInFlight = 64, isIdempotent = false } = scenario;
  return { ...{ seed, requests, durationMs, maxInFlight, isIdempotent }, callbackUrl: receiver?.url ?? null };
}

function rulesOf({ hasWebhooks = false }: Scenario): Rules {
  return { answerTo: simulatedAnswer, maxAttempts: MAX_ATTEMPTS, hasWebhooks };
}
