/** What has to happen around a broker so that it comes by a certain failpoint at all. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, ClusterPlan } from './cluster.ts';
import type { Faults } from './fault-proxy.ts';
import { notRetriedOnce, failSome, retryAll } from './failpoint-dead-letters.ts';
import { linkOf } from './nemesis-actions.ts';

export interface Circumstance {
  readonly pace?: ClusterPlan['pace'];
  readonly slots?: number;
  readonly environment?: ClusterPlan['environment'];
  /** The load begins before the broker is killed and started with the point armed, so that it leaves work behind. */
  readonly isKilledAtWork?: true;
  /** Before anything is armed. */
  readonly prepare?: (cluster: Cluster) => Promise<void>;
  /** Begins with the load. The broker with the point is `broker1`. */
  readonly happen?: (cluster: Cluster) => Promise<void>;
  /** When all is quiet: what it finds wrong, one sentence each. */
  readonly findWrong?: (cluster: Cluster) => Promise<string[]>;
}

export const LEASE_MS = 1_000;
/** Some 0.8 s a call. */
const SLOW = { tokensPerSecond: 60 };
/** Longer than any grace. */
const VERY_SLOW = { tokensPerSecond: 20 };
/** Whole brokers are not what is to be found slow here. */
const PATIENT = { FILA_GAP_TIMEOUT_MS: '5000', FILA_FIRST_TOKEN_TIMEOUT_MS: '5000' };

async function withLink(cluster: Cluster, faults: Faults, work: () => Promise<void>): Promise<void> {
  const { proxy } = linkOf(cluster, 'broker1-mariadb');
  await proxy.set(faults);
  await work();
  await proxy.set(null);
}

/** Alone, the calls that go to the models are its own. */
async function stopOthers({ brokers }: Cluster): Promise<void> {
  await Promise.all(brokers.slice(1).map((broker) => broker.stop()));
}

async function startOthers({ brokers }: Cluster): Promise<void> {
  await Promise.all(brokers.slice(1).map((broker) => broker.start()));
}

/** Until a model works, but not for ever: a broker that fails may never come so far. */
export async function untilCalled({ ollamas }: Cluster): Promise<void> {
  const isCalled = (): boolean =>
    ollamas.some((ollama) => Object.values(ollama.state().models).some(({ running }) => running > 0));
  for (let looks = 0; !isCalled() && looks < 500; looks++) await delay(10);
}

export const CIRCUMSTANCES = {
  'work goes on': {},
  // With more slots most requests start at once, and no lane is needed.
  'requests wait in line': { slots: 1 },
  'calls are longer than the time to renew a lease': { pace: SLOW, environment: PATIENT },
  'slots are rare': { slots: 1, pace: SLOW },
  'the database is away while calls end': {
    ...{ pace: SLOW, environment: PATIENT, prepare: stopOthers },
    happen: async (cluster) => {
      await untilCalled(cluster);
      await delay(200);
      linkOf(cluster, 'broker1-mariadb').proxy.resetAll();
      await withLink(cluster, { connections: 'refuse' }, () => delay(2_500));
      await startOthers(cluster);
    },
  },
  'the connection to the database breaks in the middle of packets': {
    ...{ pace: SLOW, environment: PATIENT, prepare: stopOthers },
    happen: async (cluster) => {
      const { proxy } = linkOf(cluster, 'broker1-mariadb');
      const isResent = (): boolean => cluster.brokers[0]!.log().includes('"failpoint":"ledger.resend"');
      await untilCalled(cluster);
      // As long as there is work, a packet is under way.
      await withLink(cluster, { down: { latencyMs: 100 } }, async () => {
        for (let times = 0; times < 4 || (times < 10 && !isResent()); times++) {
          await delay(700);
          proxy.resetAll();
        }
      });
      await startOthers(cluster);
    },
  },
  'it is killed with work in its hands': {
    ...{ pace: SLOW, environment: PATIENT, prepare: stopOthers },
    isKilledAtWork: true,
    happen: startOthers,
  },
  'another broker is killed with work in its hands': {
    ...{ pace: SLOW, environment: PATIENT },
    happen: async (cluster) => {
      const { brokers } = cluster;
      await untilCalled(cluster);
      await delay(600);
      await brokers[1]!.kill();
      await delay(2 * LEASE_MS + 2_500);
      await brokers[1]!.start();
    },
  },
  'dead letters are tried again': { prepare: failSome, happen: retryAll, findWrong: notRetriedOnce },
  'it is told to stop in the middle of calls': {
    pace: VERY_SLOW,
    environment: PATIENT,
    prepare: stopOthers,
    happen: async (cluster) => {
      const { brokers } = cluster;
      await untilCalled(cluster);
      await Promise.all([brokers[0]!.stop(), startOthers(cluster)]);
      await brokers[0]!.start();
    },
  },
} as const satisfies Record<string, Circumstance>;

export type CircumstanceName = keyof typeof CIRCUMSTANCES;
