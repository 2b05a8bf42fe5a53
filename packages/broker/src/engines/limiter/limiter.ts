/** Port: whether a call may be made, counted against all its limits at once; and what was counted so far. */

/**
 * One limit of an account. `place` says which of the account's counters is meant: always the same one for the same
 * limit. `cost` is what the call counts when all rules let it pass; 0 only asks whether one more would pass.
 */
export type Rule = {
  readonly place: number;
  readonly limit: number;
  readonly cost: number;
} & (
  | {
      /** At most `limit` in any stretch of this length, which is a multiple of 60 ms. */
      readonly kind: 'window';
      readonly windowMs: number;
    }
  | {
      /** At most `limit` at once; one comes back every `refillUs` microseconds (whole). */
      readonly kind: 'burst';
      readonly refillUs: number;
    }
  /** At most `limit` at the same time: a negative cost gives back. */
  | { readonly kind: 'gauge' }
  /**
   * Blocks the account for 1, 5, 15, then 60 minutes when more than `limit` of its calls within a minute were refused,
   * or had a cost here. Each hour without a block takes one step back.
   */
  | { readonly kind: 'penalty' }
);

/** The counters of one subject: a key, an address. A decision names each account once. */
export interface Account {
  readonly name: string;
  readonly rules: readonly Rule[];
}

export interface RuleState {
  /** Counted now, this call included when it passed. Of a penalty: how many blocks there were of late. */
  readonly used: number;
  /** Until something comes back (window), all of it has (burst), or the block ends (penalty); 0 when there is nothing. */
  readonly resetMs: number;
}

export interface Verdict {
  readonly isAllowed: boolean;
  /** Which rule refuses for the longest time, counted over all accounts; -1 when none does. */
  readonly refusedBy: number;
  /** After this the same call passes, unless others are counted before. Of a gauge nobody knows: a second. */
  readonly retryMs: number;
  /** Of every rule, in the order of the accounts. */
  readonly states: readonly RuleState[];
}

export interface Penalty {
  readonly account: string;
  /** Blocks of late, 1 to 4. */
  readonly level: number;
  /** Milliseconds since 1970; in the past when the block is over. */
  readonly blockedUntil: number;
}

export interface Brokers {
  /** How many share the counters, as far as known; at least 1. */
  readonly count: number;
  /** Whether this is the one of them that does what only one should do. */
  readonly isFirst: boolean;
}

/** Counters of an account have the places 0 to 7. */
export const PLACES = 8;
/** A window is counted in this many parts; a call comes free at most one part late, and never early. */
export const PARTS = 60;
/** Strikes are forgotten evenly over this time. */
export const STRIKE_MS = 60_000;
export const BLOCK_MS = [60_000, 300_000, 900_000, 3_600_000] as const;
/** Good conduct for this long takes back one step. */
export const CALM_MS = 3_600_000;
/** After this nothing is left of any penalty. */
export const REMEMBERED_MS = BLOCK_MS[3] + (BLOCK_MS.length + 1) * CALM_MS;
export const GAUGE_RETRY_MS = 1_000;
export const MOST = 4_294_967_295;

/**
 * Guarantees. A decision looks at all rules first and counts only when all let it pass; a refused call counts nothing
 * but a strike against penalties. Decisions on one store are made one after the other, by the store's clock, so a limit
 * holds exactly however many brokers and callers there are. Nothing is durable: counters live in memory, here or in
 * Redis, and go when they can no longer matter. `decide` and `count` of the fallback never reject.
 */
export interface Limiter {
  /** Whether the counters are this process's own, and go with it. */
  readonly isOwn: boolean;
  /** At once where the counters are this process's own. */
  decide(accounts: readonly Account[]): Verdict | Promise<Verdict>;
  /** Counts the costs of an account's rules without asking. `atMs`: in the past, in order; for counters of its own only. */
  count(account: Account, atMs?: number): Promise<void>;
  /** Accounts that are blocked, or were of late: a thousand at most. */
  penalties(): Promise<Penalty[]>;
  /** Forgets the penalty at this place; false when there was none. */
  lift(account: string, place: number): Promise<boolean>;
  brokers(): Brokers;
}
