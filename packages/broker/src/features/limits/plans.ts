/** Plans: named sets of limits that keys have by name. */
import type { CreatePlan, Plan, UpdatePlan } from '../../kernel/contract.generated.ts';
import type { Clock } from '../../kernel/clock.ts';
import { fail } from '../../kernel/errors.ts';
import { limitsFromWire, limitsOnWire, NO_LIMITS, type KeyLimits } from '../../kernel/key-limits.ts';
import type { Logger } from '../../kernel/logger.ts';
import { onceCommitted } from '../../kernel/written-together.ts';
import type { PlanStore, StoredPlan } from './plan-store.ts';

export interface PlanRoom {
  create(input: CreatePlan): Promise<Plan>;
  list(): Promise<Plan[]>;
  get(name: string): Promise<Plan>;
  update(name: string, input: UpdatePlan): Promise<Plan>;
  /** Conflict while a key has it. */
  remove(name: string): Promise<Plan>;
  /** What the plan allows, no older than a second; null when there is none of this name. */
  limitsOf(name: string): Promise<KeyLimits | null>;
}

interface PlansDeps {
  readonly store: PlanStore;
  readonly countKeys: (plan: string) => Promise<number>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long another broker's change may go unseen. */
const REMEMBERED_MS = 1_000;

export function createPlans({ store, countKeys, clock, logger }: PlansDeps): PlanRoom {
  let remembered: { plans: Map<string, StoredPlan>; until: number } | null = null;
  let reading: Promise<Map<string, StoredPlan>> | null = null;

  async function known(): Promise<Map<string, StoredPlan>> {
    if (remembered && remembered.until > clock.now()) return remembered.plans;
    reading ??= read();
    return reading;
  }

  /** What is being read when something changes may be older than the change: it is not remembered. */
  function read(): Promise<Map<string, StoredPlan>> {
    const mine: Promise<Map<string, StoredPlan>> = store
      .all()
      .then((all) => {
        const plans = new Map(all.map((plan) => [plan.name, plan]));
        if (reading === mine) remembered = { plans, until: clock.now() + REMEMBERED_MS };
        return plans;
      })
      .finally(() => {
        if (reading === mine) reading = null;
      });
    return mine;
  }

  function forget(): void {
    remembered = null;
    reading = null;
  }

  async function stored(name: string): Promise<StoredPlan> {
    const plan = (await store.all()).find((one) => one.name === name);
    if (!plan) throw fail('not_found', { detail: 'There is no such plan.' });
    return plan;
  }

  return {
    create: async ({ name, ...limits }) => {
      const plan: StoredPlan = { name, ...NO_LIMITS, ...limitsFromWire(limits), createdAt: clock.now() };
      if (!(await store.insert(plan))) throw fail('conflict', { detail: `There is a plan ${name} already.` });
      onceCommitted(forget);
      logger.info({ plan: name }, 'plan created');
      return toWire(plan);
    },
    list: async () => (await store.all()).map(toWire),
    get: async (name) => toWire(await stored(name)),
    update: async (name, input) => {
      await stored(name);
      await store.change(name, limitsFromWire(input));
      onceCommitted(forget);
      logger.info({ plan: name, change: Object.keys(input) }, 'plan changed');
      return toWire(await stored(name));
    },
    remove: async (name) => {
      const plan = await stored(name);
      const keys = await countKeys(name);
      if (keys > 0)
        throw fail('conflict', { detail: `${keys} ${keys === 1 ? 'key has' : 'keys have'} this plan.` });
      await store.remove(name);
      onceCommitted(forget);
      logger.info({ plan: name }, 'plan removed');
      return toWire(plan);
    },
    limitsOf: async (name) => (await known()).get(name) ?? null,
  };
}

function toWire(plan: StoredPlan): Plan {
  return { name: plan.name, ...limitsOnWire(plan), created_at: new Date(plan.createdAt).toISOString() };
}
