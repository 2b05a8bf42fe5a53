/** What keys have had of a model's slots, so that the next slot goes to the one that had least; no I/O. */

interface Entry {
  /** Slot-milliseconds it had, by its weight, on the scale that all keys of the pool share. */
  hadMs: number;
  /** Lanes in line and rows under way. */
  presence: number;
  /** What one of its rows takes, as a moving average; undefined until one has ended. */
  meanMs: number | undefined;
}

/** How far ahead of the others somebody starts who had nothing to run: so much of the slots is his before he queues. */
const CREDIT_MS = 2_000;
/** Until something is known. */
const UNKNOWN_MS = 50;
const NEWEST = 0.2;
const MANY_KEYS = 5_000;

/**
 * Start-time fair queueing. Among keys that always have something waiting the shares of the slots are as their weights,
 * whatever their rows take: a row is charged its usual time when it is claimed, and the difference when it has ended.
 * Being away earns the credit and no more.
 */
export class Account {
  readonly #weightOf: (keyId: string) => number;
  readonly #entries = new Map<string, Entry>();
  #meanMs: number | undefined;
  /** Never falls: nobody who enters is put before this, less the credit. */
  #floorMs = 0;

  constructor(weightOf: (keyId: string) => number) {
    this.#weightOf = weightOf;
  }

  /** One more lane or row of the key is here. */
  enter(keyId: string): void {
    const entry = this.#entryOf(keyId);
    if (entry.presence === 0) {
      this.#raiseFloor();
      entry.hadMs = Math.max(entry.hadMs, this.#floorMs - CREDIT_MS);
    }
    entry.presence += 1;
  }

  leave(keyId: string): void {
    const entry = this.#entries.get(keyId);
    if (!entry) return;
    entry.presence -= 1;
    if (entry.presence > 0) return;
    // The last one to leave takes the scale with him.
    if (![...this.#present()].length) this.#floorMs = Math.max(this.#floorMs, entry.hadMs);
    if (this.#entries.size > MANY_KEYS) this.#forgetIdle();
  }

  /** Who had less is first. */
  hadMs(keyId: string): number {
    return this.#entryOf(keyId).hadMs;
  }

  /** What a row of the key is charged. */
  costMs(keyId: string): number {
    const usualMs = this.#entries.get(keyId)?.meanMs ?? this.#meanMs ?? UNKNOWN_MS;
    return usualMs / this.#weightOf(keyId);
  }

  /** For a row that is claimed; the answer is what to name when it ends. */
  charge(keyId: string): number {
    const costMs = this.costMs(keyId);
    this.#entryOf(keyId).hadMs += costMs;
    return costMs;
  }

  /** The row never ran. */
  refund(keyId: string, chargedMs: number): void {
    this.#entryOf(keyId).hadMs -= chargedMs;
  }

  /** The row has left its slot after so long. */
  settle(keyId: string, chargedMs: number, slotMs: number): void {
    const entry = this.#entryOf(keyId);
    entry.hadMs += slotMs / this.#weightOf(keyId) - chargedMs;
    entry.meanMs = mixed(entry.meanMs, slotMs);
    this.#meanMs = mixed(this.#meanMs, slotMs);
  }

  /** What a row of this pool takes, undefined until one has ended. */
  get meanMs(): number | undefined {
    return this.#meanMs;
  }

  #entryOf(keyId: string): Entry {
    const known = this.#entries.get(keyId);
    if (known) return known;
    const entry = { hadMs: this.#floorMs - CREDIT_MS, presence: 0, meanMs: undefined };
    this.#entries.set(keyId, entry);
    return entry;
  }

  *#present(): Generator<Entry> {
    for (const entry of this.#entries.values()) if (entry.presence > 0) yield entry;
  }

  #raiseFloor(): void {
    let leastMs = Number.POSITIVE_INFINITY;
    for (const { hadMs } of this.#present()) leastMs = Math.min(leastMs, hadMs);
    if (leastMs !== Number.POSITIVE_INFINITY) this.#floorMs = Math.max(this.#floorMs, leastMs);
  }

  /** Who is away and would begin at the floor anyway needs no entry. */
  #forgetIdle(): void {
    for (const [keyId, { presence, hadMs }] of this.#entries)
      if (presence === 0 && hadMs <= this.#floorMs - CREDIT_MS) this.#entries.delete(keyId);
  }
}

function mixed(meanMs: number | undefined, newMs: number): number {
  return meanMs === undefined ? newMs : meanMs + NEWEST * (newMs - meanMs);
}
