/** How fast the line of each model goes here: for those who estimate when a request will start. */
import type { LaneName } from '../../engines/ledger/ledger.ts';
import { isBefore } from './pick-turns.ts';
import type { Pool } from './pool.ts';
import { SlotUse } from './slot-use.ts';
import type { KnownLine, Pace } from './waits.ts';

interface Slots {
  free(model: string): number;
  capacity(model: string): number;
}

/** Keys whose use of the slots is told; the others have too little to matter. */
const MOST_TOLD = 64;

export class Paces {
  readonly #slots: Slots;
  readonly #pools: ReadonlyMap<string, Pool>;
  readonly #slotUse = new SlotUse();

  /** `pools` by model, as they are at any time. */
  constructor(slots: Slots, pools: ReadonlyMap<string, Pool>) {
    this.#slots = slots;
    this.#pools = pools;
  }

  /** A row of the lane has left its slot after so long. */
  ended({ model, keyId }: LaneName, slotMs: number): void {
    this.#slotUse.add(model, keyId, slotMs);
  }

  lineOf(model: string): KnownLine {
    const pool = this.#pools.get(model);
    const account = pool?.account;
    return {
      pace: this.#of(model),
      claimedBefore: (rank, hadMs) =>
        pool?.ready.filter((one) => !isBefore({ rank, hadMs }, one)).length ?? 0,
      hadMs: (keyId) => account?.hadMs(keyId) ?? 0,
      costMs: (keyId) => account?.costMs(keyId) ?? 0,
    };
  }

  /** Of the models that can start here. */
  all(): Record<string, Pace> {
    const all = [...this.#pools.keys()].flatMap((model) => {
      const pace = this.#of(model);
      return pace ? [[model, pace] as const] : [];
    });
    return Object.fromEntries(all);
  }

  #of(model: string): Pace | undefined {
    const pool = this.#pools.get(model);
    const [capacity, meanMs] = [this.#slots.capacity(model), pool?.account.meanMs];
    if (!pool || capacity <= 0 || meanMs === undefined) return undefined;
    const uses = this.#slotUse.most(model, MOST_TOLD);
    return { slots: capacity, free: this.#slots.free(model), claimed: pool.ready.length, meanMs, uses };
  }
}
