/** Group commit that sets its own pace: one write in flight, or a few, and what arrives meanwhile forms the next. */

export interface FlushLimits {
  readonly maxOps: number;
  readonly maxBytes: number;
  /**
   * Turns of the event loop that a first write waits at most while each brings something new; 1 unless given. What is
   * there to be read is then read, and begun, before a write that may hold the thread, and joins it.
   */
  readonly maxTurns?: number;
  /** Writes under way at once; 1 unless given. They share what waits, so that whoever answers and whoever asks are both at work. */
  readonly maxInFlight?: number;
}

/** Fewer are not shared: a write costs something by itself. */
const LEAST_SHARED = 8;

/** `write` settles every operation it is given, by itself; it must not reject. `bytesOf` says how much an operation adds, and `write` is told how much all do. */
export class SelfClockedFlush<Op> {
  readonly #write: (ops: Op[], bytes: number) => Promise<void>;
  readonly #bytesOf: (op: Op) => number;
  readonly #limits: FlushLimits;
  #waiting: Op[] = [];
  #isGathering = false;
  readonly #runs = new Set<Promise<void>>();
  #inFlight = 0;

  constructor(
    write: (ops: Op[], bytes: number) => Promise<void>,
    bytesOf: (op: Op) => number,
    limits: FlushLimits,
  ) {
    this.#write = write;
    this.#bytesOf = bytesOf;
    this.#limits = limits;
  }

  add(op: Op): void {
    this.#waiting.push(op);
    this.#begin();
  }

  /** Resolves when all that was added before has been written. */
  async idle(): Promise<void> {
    while (this.#runs.size > 0) await Promise.all(this.#runs);
  }

  #begin(): void {
    if (this.#isGathering || this.#inFlight >= (this.#limits.maxInFlight ?? 1)) return;
    this.#inFlight += 1;
    const run = this.#run();
    this.#runs.add(run);
    void run.then(() => this.#runs.delete(run));
  }

  async #run(): Promise<void> {
    this.#isGathering = true;
    await this.#gather();
    this.#isGathering = false;
    while (this.#waiting.length > 0) {
      const { ops, bytes } = this.#next();
      const written = this.#write(ops, bytes);
      if (this.#waiting.length > 0) this.#begin();
      await written;
    }
    this.#inFlight -= 1;
  }

  async #gather(): Promise<void> {
    const { maxTurns = 1 } = this.#limits;
    for (let known = 0, turn = 1; turn <= maxTurns; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turn > 1 && this.#waiting.length === known) return;
      known = this.#waiting.length;
    }
  }

  #next(): { ops: Op[]; bytes: number } {
    const { maxOps, maxBytes, maxInFlight = 1 } = this.#limits;
    const share = Math.ceil(this.#waiting.length / (maxInFlight - this.#inFlight + 1));
    const most = Math.min(maxOps, Math.max(share, LEAST_SHARED));
    let bytes = 0;
    let count = 0;
    for (const op of this.#waiting) {
      const more = this.#bytesOf(op);
      if (count > 0 && (bytes + more > maxBytes || count === most)) break;
      bytes += more;
      count += 1;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return { ops: all, bytes };
    }
    return { ops: this.#waiting.splice(0, count), bytes };
  }
}
