/** Group commit that sets its own pace: one write in flight, and what arrives meanwhile forms the next. */

export interface FlushLimits {
  readonly maxOps: number;
  readonly maxBytes: number;
}

/** `write` settles every operation it is given, by itself; it must not reject. `bytesOf` says how much an operation adds. */
export class SelfClockedFlush<Op> {
  readonly #write: (ops: Op[]) => Promise<void>;
  readonly #bytesOf: (op: Op) => number;
  readonly #limits: FlushLimits;
  #waiting: Op[] = [];
  #running: Promise<void> | null = null;

  constructor(write: (ops: Op[]) => Promise<void>, bytesOf: (op: Op) => number, limits: FlushLimits) {
    this.#write = write;
    this.#bytesOf = bytesOf;
    this.#limits = limits;
  }

  add(op: Op): void {
    this.#waiting.push(op);
    this.#running ??= this.#run();
  }

  /** Resolves when all that was added before has been written. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    // What else arrives in this turn of the event loop joins the first write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#write(this.#next());
    this.#running = null;
  }

  #next(): Op[] {
    let bytes = 0;
    let count = 0;
    for (const op of this.#waiting) {
      bytes += this.#bytesOf(op);
      if (count > 0 && (bytes > this.#limits.maxBytes || count === this.#limits.maxOps)) break;
      count += 1;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }
}
