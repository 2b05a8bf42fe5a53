/** What an action of the nemesis is: it injects a fault into a target and returns how to heal it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerNode } from './broker-node.ts';
import type { Chance } from './chance.ts';
import type { Cluster } from './cluster.ts';

export type Heal = () => Promise<void>;

export interface Action {
  /** Names of what it can hit; empty when the cluster has none. */
  readonly targets: (shape: Shape) => readonly string[];
  readonly holdMs: readonly [least: number, most: number];
  readonly inject: (cluster: Cluster, target: string, chance: Chance) => Promise<Heal>;
  /** Never drawn by chance: only a scenario that names it has it. */
  readonly isNamedOnly?: true;
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

export const nothingToHeal: Heal = async () => {};

/** A broker cannot start while its database is away: tried again until it can. */
export async function bringUp(broker: BrokerNode): Promise<void> {
  for (const giveUpAt = performance.now() + START_LIMIT_MS; ;) {
    try {
      return await broker.start();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
    }
    await delay(START_AGAIN_MS);
  }
}
