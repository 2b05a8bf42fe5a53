/** What can be done to a cluster: each action injects a fault into a target and returns how to heal it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { SimulationPatch } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import type { Daemon } from '../services/daemon.ts';
import type { BrokerNode } from './broker-node.ts';
import type { Chance } from './chance.ts';
import type { Cluster, Link } from './cluster.ts';
import type { Faults } from './fault-proxy.ts';

export type Heal = () => Promise<void>;

export interface Action {
  /** Names of what it can hit; empty when the cluster has none. */
  readonly targets: (shape: Shape) => readonly string[];
  readonly holdMs: readonly [least: number, most: number];
  readonly inject: (cluster: Cluster, target: string, chance: Chance) => Promise<Heal>;
}

/** What a plan has to know of a cluster. */
export interface Shape {
  readonly brokers: readonly string[];
  readonly ollamas: readonly string[];
  readonly links: readonly string[];
  readonly isShared: boolean;
}

const START_LIMIT_MS = 60_000;
const START_AGAIN_MS = 250;
const nothing: Heal = async () => {};

const onBrokers = (shape: Shape) => shape.brokers;
const onAllBrokers = () => ['brokers'];
const onOllamas = (shape: Shape) => shape.ollamas;
const onLinks = (shape: Shape) => shape.links;
const onRedis = (shape: Shape) => (shape.isShared ? ['redis'] : []);
const onMariadb = (shape: Shape) => (shape.isShared ? ['mariadb'] : []);

export const ACTIONS = {
  'broker.kill': {
    targets: onBrokers,
    holdMs: [100, 2_500],
    inject: async (cluster, target) => {
      const broker = brokerOf(cluster, target);
      await broker.kill();
      return () => bringUp(broker);
    },
  },
  'broker.freeze': {
    targets: onBrokers,
    // Longer than a lease and the time after it, so that others take over what it holds.
    holdMs: [4_500, 8_000],
    inject: async (cluster, target) => {
      const broker = brokerOf(cluster, target);
      broker.freeze();
      return async () => broker.thaw();
    },
  },
  'brokers.roll': {
    targets: onAllBrokers,
    // The time it has; it takes what it takes.
    holdMs: [6_000, 7_000],
    inject: async (cluster) => {
      const rolled = roll(cluster);
      // Whether it went well is asked when it is healed.
      rolled.catch(() => undefined);
      return () => rolled;
    },
  },
  'brokers.kill-all': {
    targets: onAllBrokers,
    holdMs: [100, 1_000],
    inject: async (cluster, _target, chance) => {
      await Promise.all(cluster.brokers.map((broker) => broker.kill()));
      const order = [...cluster.brokers].sort(() => chance.next() - 0.5);
      return async () => void (await Promise.all(order.map(bringUp)));
    },
  },
  'redis.flushall': { targets: onRedis, holdMs: [0, 0], inject: (cluster) => tellRedis(cluster, 'flushall') },
  'redis.forget-scripts': {
    targets: onRedis,
    holdMs: [0, 0],
    inject: (cluster) => tellRedis(cluster, 'script', 'FLUSH'),
  },
  'redis.kill': {
    targets: onRedis,
    holdMs: [100, 3_000],
    inject: async ({ redis }) => {
      await redis!.kill();
      return () => redis!.restart();
    },
  },
  'redis.freeze': {
    targets: onRedis,
    holdMs: [1_000, 6_000],
    inject: async ({ redis }) => freeze(redis!),
  },
  'mariadb.kill': {
    targets: onMariadb,
    holdMs: [100, 3_000],
    inject: async ({ mariadb }) => {
      await mariadb!.kill();
      return () => mariadb!.restart();
    },
  },
  'mariadb.freeze': {
    targets: onMariadb,
    holdMs: [1_000, 6_000],
    inject: async ({ mariadb }) => freeze(mariadb!),
  },
  'link.slow': onLink((chance) => {
    const stretch = { latencyMs: chance.whole(20, 250), jitterMs: chance.whole(0, 250) };
    return { up: stretch, down: stretch };
  }),
  'link.cut': onLink(() => ({ connections: 'refuse' }), 'reset'),
  'link.resets': onLink(() => ({ connections: 'reset', share: 0.5 }), 'reset'),
  'link.blackhole': onLink(() => ({ connections: 'blackhole' })),
  'link.slices': onLink((chance) => {
    const stretch = { sliceBytes: chance.whole(1, 7) };
    return { up: stretch, down: stretch };
  }),
  'link.narrow': onLink((chance) => ({
    down: { bytesPerSecond: chance.whole(2_000, 30_000), sliceBytes: 512 },
  })),
  'link.half-open': onLink((chance) => ({ down: { capBytes: chance.whole(100, 4_000) } })),
  'upstream.down': onUpstream({ down: true }),
  'upstream.hang': onUpstream({ faults: { probability: { hang_headers: 0.3, hang_mid_stream: 0.3 } } }),
  'upstream.busy': onUpstream({ faults: { probability: { error_503: 0.8 } } }),
  'upstream.slow': onUpstream({ slowTokenMs: 150, faults: { probability: { slow_tokens: 0.5 } } }),
  'upstream.zombies': onUpstream({
    cancelKeepsSlotMs: 3_000,
    faults: { probability: { hang_mid_stream: 0.3 } },
  }),
  'upstream.garbage': onUpstream({
    faults: {
      probability: {
        ...{ garbage_line: 0.1, html: 0.1, no_done: 0.1, done_false: 0.1, reset: 0.1 },
        ...{ mid_stream_error: 0.1, error_500: 0.1, split_utf8: 0.1 },
      },
    },
  }),
} satisfies Record<string, Action>;

export type ActionName = keyof typeof ACTIONS;

/** Everything runs, every wire is whole, every model is well. For the end of a run, however it went. */
export async function healAll(cluster: Cluster): Promise<void> {
  for (const { proxy } of cluster.links) await proxy.set(null);
  for (const ollama of cluster.ollamas) ollama.control(HEALTHY);
  for (const broker of cluster.brokers) broker.thaw();
  await Promise.all(cluster.brokers.map(bringUp));
}

const HEALTHY: SimulationPatch = {
  down: false,
  cancelKeepsSlotMs: 0,
  faults: { probability: {}, all: null, next: [] },
};

function onLink(faultsOf: (chance: Chance) => Faults, also?: 'reset'): Action {
  return {
    targets: onLinks,
    holdMs: [500, 4_000],
    inject: async (cluster, target, chance) => {
      const { proxy } = linkOf(cluster, target);
      await proxy.set(faultsOf(chance));
      if (also === 'reset') proxy.resetAll();
      return () => proxy.set(null);
    },
  };
}

function onUpstream(patch: SimulationPatch): Action {
  return {
    targets: onOllamas,
    holdMs: [500, 4_000],
    inject: async (cluster, target) => {
      const ollama = cluster.ollamas[Number(target.replace('ollama', '')) - 1]!;
      ollama.control(patch);
      return async () => ollama.control(HEALTHY);
    },
  };
}

function brokerOf(cluster: Cluster, name: string): BrokerNode {
  return cluster.brokers.find((broker) => broker.name === name)!;
}

export function linkOf(cluster: Cluster, name: string): Link {
  return cluster.links.find((link) => link.name === name)!;
}

/** A broker cannot start while its database is away: tried again until it can. */
async function bringUp(broker: BrokerNode): Promise<void> {
  for (const giveUpAt = performance.now() + START_LIMIT_MS; ;) {
    try {
      return await broker.start();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
    }
    await delay(START_AGAIN_MS);
  }
}

/** SIGTERM and a new start, one broker after the other. */
async function roll({ brokers }: Cluster): Promise<void> {
  for (const broker of brokers) {
    await broker.stop();
    await bringUp(broker);
  }
}

async function freeze(service: Daemon): Promise<Heal> {
  await service.freeze();
  return async () => service.thaw();
}

async function tellRedis({ redis }: Cluster, command: string, ...words: string[]): Promise<Heal> {
  const client = new Redis(redis!.url);
  try {
    await client.call(command, ...words);
  } finally {
    client.disconnect();
  }
  return nothing;
}
