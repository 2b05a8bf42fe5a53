/** What can be done to a cluster: each action injects a fault into a target and returns how to heal it. */
import type { SimulationPatch } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { type Action, bringUp, type Shape } from './action.ts';
import type { BrokerNode } from './broker-node.ts';
import type { Chance } from './chance.ts';
import type { Cluster, Link } from './cluster.ts';
import type { Faults } from './fault-proxy.ts';
import { STORE_ACTIONS } from './store-actions.ts';

const onBrokers = (shape: Shape) => shape.brokers;
const onAllBrokers = () => ['brokers'];
const onOllamas = (shape: Shape) => shape.ollamas;
const onLinks = (shape: Shape) => shape.links;

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
  ...STORE_ACTIONS,
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
  'upstream.nonsense': {
    ...onUpstream({
      faults: {
        probability: {
          ...{ html: 0.05, binary: 0.05, invalid_utf8: 0.08, error_200: 0.05, wrong_type: 0.05 },
          ...{ long_line: 0.05, no_done: 0.05, duplicate_done: 0.05, negative_counters: 0.05 },
        },
      },
    }),
    isNamedOnly: true,
  },
  'upstream.flaky': {
    ...onUpstream({ faults: { probability: { error_500: 0.05, error_503: 0.3, error_429: 0.3 } } }),
    isNamedOnly: true,
  },
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

/** SIGTERM and a new start, one broker after the other. */
async function roll({ brokers }: Cluster): Promise<void> {
  for (const broker of brokers) {
    await broker.stop();
    await bringUp(broker);
  }
}
