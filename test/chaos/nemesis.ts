/** Plans from a seed what goes wrong when, and does it to a running cluster. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Chance, seededChance } from './chance.ts';
import type { Cluster } from './cluster.ts';
import type { Action, Shape } from './action.ts';
import { type ActionName, ACTIONS, healAll } from './nemesis-actions.ts';

export interface Step {
  readonly atMs: number;
  readonly holdMs: number;
  readonly action: ActionName;
  readonly target: string;
}

export interface NemesisPlan {
  readonly seed: number;
  readonly durationMs: number;
  readonly shape: Shape;
  /** All of them unless given. */
  readonly actions?: readonly ActionName[];
  /** Between two faults of one hand. */
  readonly pauseMs?: readonly [least: number, most: number];
}

/** Two hands at work: what one does overlaps with what the other does, but never hits the same thing. */
const HANDS = 2;
const PAUSE_MS: readonly [number, number] = [300, 2_000];
/** Between two faults of one thing, so that a restart is over. */
const APART_MS = 500;

/** The same seed plans the same steps; every one is healed within the duration. In the order of their beginning. */
export function planNemesis(plan: NemesisPlan): Step[] {
  const steps: Step[] = [];
  for (let hand = 1; hand <= HANDS; hand++) {
    const chance = seededChance(plan.seed).fork(`nemesis ${hand}`);
    const pause = (): number => chance.whole(...(plan.pauseMs ?? PAUSE_MS));
    for (let atMs = pause(); ;) {
      const step = chooseStep(atMs, { chance, plan, steps });
      if (!step) break;
      steps.push(step);
      atMs = endOf(step) + pause();
    }
  }
  return steps.sort((one, other) => one.atMs - other.atMs);
}

function chooseStep(
  atMs: number,
  { chance, plan, steps }: { chance: Chance; plan: NemesisPlan; steps: readonly Step[] },
): Step | undefined {
  const names = plan.actions ?? DRAWN;
  const open = names.filter((name) => actionOf(name).targets(plan.shape).length > 0);
  // A family first: there are many links, and they must not drown the rest.
  const families = [...new Set(open.map(familyOf))];
  for (let tries = 0; tries < 50 && families.length > 0; tries++) {
    const family = chance.pick(families);
    const action = chance.pick(open.filter((name) => familyOf(name) === family));
    const { targets, holdMs } = actionOf(action);
    const step = {
      ...{ atMs, action },
      target: chance.pick(targets(plan.shape)),
      holdMs: chance.whole(...holdMs),
    };
    const isFree = steps.every((other) => !overlaps(step, other) || !touches(step.target, other.target));
    if (isFree && endOf(step) <= plan.durationMs) return step;
  }
  return undefined;
}

function overlaps(one: Step, other: Step): boolean {
  return one.atMs < endOf(other) + APART_MS && other.atMs < endOf(one) + APART_MS;
}

/** `brokers` touches every broker; a link touches only itself, for a fault of its end is another fault. */
function touches(one: string, other: string): boolean {
  const isBroker = (name: string): boolean => /^broker(s|\d+)$/.test(name);
  return one === other || ((one === 'brokers' || other === 'brokers') && isBroker(one) && isBroker(other));
}

const DRAWN = (Object.keys(ACTIONS) as ActionName[]).filter((name) => !actionOf(name).isNamedOnly);

function actionOf(name: ActionName): Action {
  return ACTIONS[name];
}

const familyOf = (name: ActionName): string => name.slice(0, name.indexOf('.')).replace('brokers', 'broker');
const endOf = ({ atMs, holdMs }: Step): number => atMs + holdMs;

export function shapeOf(cluster: Cluster): Shape {
  return {
    brokers: cluster.brokers.map(({ name }) => name),
    ollamas: cluster.ollamas.map((_, index) => `ollama${index + 1}`),
    links: cluster.links.map(({ name }) => name),
    isShared: cluster.redis !== null,
  };
}

/** One line for each fault and each heal, with the seconds since the begin. */
export type Say = (line: string) => void;

/** When a step took effect, when its healing began, and when it was healed; milliseconds since 1970. */
export interface Mark {
  readonly action: ActionName;
  readonly injectedAt: number;
  readonly healingAt: number;
  readonly healedAt: number;
}

/** Inject, hold, heal, step by step. Resolves when all is healed; rejects when something cannot be. */
export async function runNemesis(
  cluster: Cluster,
  { steps, seed, say }: { steps: readonly Step[]; seed: number; say: Say },
): Promise<Mark[]> {
  const started = performance.now();
  const tell = (verb: string, { action, target }: Step): void =>
    say(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${verb} ${action} ${target}`);

  async function perform(step: Step): Promise<Mark> {
    await delay(Math.max(0, step.atMs - (performance.now() - started)));
    tell('inject', step);
    const chance = seededChance(seed).fork(`${step.action} ${step.atMs}`);
    const heal = await actionOf(step.action).inject(cluster, step.target, chance);
    const injectedAt = Date.now();
    await delay(step.holdMs);
    const healingAt = Date.now();
    await heal();
    tell('healed', step);
    return { action: step.action, injectedAt, healingAt, healedAt: Date.now() };
  }

  const ends = await Promise.allSettled(steps.map(perform));
  await healAll(cluster);
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}
