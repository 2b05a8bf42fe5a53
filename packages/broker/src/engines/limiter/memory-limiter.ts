/** The limiter of a single broker: counters in this process. */
import type { Clock } from '../../kernel/clock.ts';
import { count, decide, forgive, newCounters, penaltyAt, type Ask, type Counters } from './decide.ts';
import {
  REMEMBERED_MS,
  type Account,
  type Brokers,
  type Limiter,
  type Penalty,
  type Rule,
} from './limiter.ts';

interface Kept {
  readonly counters: Counters;
  /** From then on nothing in it can matter. */
  until: number;
}

/** What several limiters in one process share in tests, as brokers share Redis. */
export type MemoryAccounts = Map<string, Kept>;

interface MemoryLimiterOptions {
  readonly clock: Clock;
  readonly accounts?: MemoryAccounts;
}

const CLEAN_EVERY_MS = 60_000;
const ALONE: Brokers = { count: 1, isFirst: true };

export function memoryLimiter({ clock, accounts = new Map() }: MemoryLimiterOptions): Limiter {
  const punished = new Map<string, number>();
  let cleanAt = clock.now() + CLEAN_EVERY_MS;

  function ask({ name, rules }: Account, now: number): Ask {
    let kept = accounts.get(name);
    if (!kept) accounts.set(name, (kept = { counters: newCounters(), until: 0 }));
    kept.until = Math.max(kept.until, now + keepMs(rules));
    return { counters: kept.counters, rules };
  }

  function clean(now: number): void {
    if (now < cleanAt) return;
    cleanAt = now + CLEAN_EVERY_MS;
    for (const [name, { until }] of accounts) if (until <= now) accounts.delete(name);
  }

  function notePenalty({ name, rules }: Account, now: number): void {
    const rule = rules.find(({ kind }) => kind === 'penalty');
    if (!rule || !penaltyOf(name, rule.place, now)) return;
    punished.set(name, rule.place);
    accounts.get(name)!.until = now + REMEMBERED_MS;
  }

  function penaltyOf(account: string, place: number, now: number): Penalty | null {
    const kept = accounts.get(account);
    const penalty = kept ? penaltyAt(kept.counters, place, now) : null;
    return penalty && { account, ...penalty };
  }

  return {
    isOwn: true,
    decide: (list) => {
      const now = clock.now();
      clean(now);
      const verdict = decide(
        list.map((account) => ask(account, now)),
        now,
      );
      if (!verdict.isAllowed) for (const account of list) notePenalty(account, now);
      return verdict;
    },
    count: async (account, atMs) => {
      const now = atMs ?? clock.now();
      count(ask(account, now), now);
    },
    penalties: async () => {
      const now = clock.now();
      const found: Penalty[] = [];
      for (const [name, place] of punished) {
        const penalty = penaltyOf(name, place, now);
        if (penalty) found.push(penalty);
        else punished.delete(name);
      }
      return found;
    },
    lift: async (account, place) => {
      const wasPunished = penaltyOf(account, place, clock.now()) !== null;
      const kept = accounts.get(account);
      if (kept) forgive(kept.counters, place);
      punished.delete(account);
      return wasPunished;
    },
    brokers: () => ALONE,
  };
}

function keepMs(rules: readonly Rule[]): number {
  let ms = 2 * CLEAN_EVERY_MS;
  for (const rule of rules) {
    if (rule.kind === 'window') ms = Math.max(ms, rule.windowMs + rule.windowMs / 30);
    else if (rule.kind === 'burst') ms = Math.max(ms, (rule.limit * rule.refillUs) / 1000);
    else if (rule.kind === 'gauge') ms = Number.POSITIVE_INFINITY;
  }
  return ms;
}
