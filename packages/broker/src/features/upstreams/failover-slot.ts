/** The right to have one call under way, which moves to another upstream when the first lets it down before the first token. */
import { isMoreTelling, mayFailOver } from './judge-outcome.ts';
import type { CallOptions, CallOutcome, ModelCall } from './ollama-client.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { Hold, UpstreamServer } from './upstream-server.ts';

/** The right to have one call at a time under way. */
export interface Slot {
  /** Who carries the call, or whose outcome the last one was. */
  readonly upstream: string;
  run(call: ModelCall, options: CallOptions): Promise<CallOutcome>;
  /** May be called twice. While a call is under way, the slot is freed when that has ended. */
  release(): void;
}

export interface FailoverDeps {
  readonly budget: RetryBudget;
  /** A slot for the model of this key at a server that was not tried, or null. */
  readonly takeOther: (key: string, tried: ReadonlySet<UpstreamServer>) => Hold | null;
  /** An outcome that is known before anything is sent, or null. */
  readonly refuse: (server: UpstreamServer, call: ModelCall) => CallOutcome | null;
}

/** A class because one is made for every call. */
export class FailoverSlot implements Slot {
  readonly #key: string;
  readonly #deps: FailoverDeps;
  #hold: Hold;
  #calls = 0;
  #isReleased = false;
  #isFreed = false;
  upstream: string;

  /** `key` is that of the model. */
  constructor(key: string, first: Hold, deps: FailoverDeps) {
    this.#key = key;
    this.#deps = deps;
    this.#hold = first;
    this.upstream = first.server.id;
  }

  async run(call: ModelCall, options: CallOptions): Promise<CallOutcome> {
    if (this.#isReleased) throw new Error('This slot was released: take another one.');
    const endsAt = performance.now() + options.timers.totalMs;
    const hold = this.#hold;
    this.#calls += 1;
    this.upstream = hold.server.id;
    try {
      let told = this.#deps.refuse(hold.server, call) ?? (await hold.run(call, options));
      if (mayFailOver(told)) told = await this.#goOn(told, endsAt, { call, options });
      this.#account(told);
      return told;
    } finally {
      this.#calls -= 1;
      this.#freeWhenDone();
    }
  }

  release(): void {
    this.#isReleased = true;
    this.#freeWhenDone();
  }

  /** The socket of a call is closed when its outcome is there: only then its slot is given up for another one. */
  async #goOn(
    first: CallOutcome,
    endsAt: number,
    { call, options }: { call: ModelCall; options: CallOptions },
  ): Promise<CallOutcome> {
    const tried = new Set([this.#hold.server]);
    let told = first;
    for (let last = first; mayFailOver(last);) {
      const totalMs = Math.floor(endsAt - performance.now());
      if (totalMs <= 0 || options.signal?.aborted || !this.#moveOn(tried)) break;
      last = await this.#hold.run(call, { ...options, timers: { ...options.timers, totalMs } });
      if (!isMoreTelling(last, told)) continue;
      told = last;
      this.upstream = this.#hold.server.id;
    }
    return told;
  }

  /** The budget is asked last: nothing is spent where there is nowhere to go. */
  #moveOn(tried: Set<UpstreamServer>): boolean {
    const next = this.#deps.takeOther(this.#key, tried);
    if (!next) return false;
    if (!this.#deps.budget.spend()) {
      next.release();
      return false;
    }
    this.#hold.release();
    this.#hold = next;
    tried.add(next.server);
    return true;
  }

  /** What fails and will be tried again is a retry, too, though a later one. */
  #account(outcome: CallOutcome): void {
    const { budget } = this.#deps;
    if (outcome.kind === 'answered') budget.succeeded();
    else if (outcome.kind === 'busy' || (outcome.kind === 'failed' && outcome.retryable)) budget.spend();
  }

  #freeWhenDone(): void {
    if (!this.#isReleased || this.#calls > 0 || this.#isFreed) return;
    this.#isFreed = true;
    this.#hold.release();
  }
}
