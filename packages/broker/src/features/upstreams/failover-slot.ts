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
  /** A slot for the same model at one that was not tried, or null. */
  readonly takeOther: (tried: ReadonlySet<UpstreamServer>) => Hold | null;
  /** An outcome that is known before anything is sent, or null. */
  readonly refuse: (server: UpstreamServer, call: ModelCall) => CallOutcome | null;
}

export function createSlot(first: Hold, deps: FailoverDeps): Slot {
  const { budget, takeOther, refuse } = deps;
  let hold = first;
  let upstream = first.server.id;
  let calls = 0;
  let isReleased = false;
  let isFreed = false;

  function freeWhenDone(): void {
    if (!isReleased || calls > 0 || isFreed) return;
    isFreed = true;
    hold.release();
  }

  /** The budget is asked last: nothing is spent where there is nowhere to go. */
  function moveOn(tried: Set<UpstreamServer>): boolean {
    const next = takeOther(tried);
    if (!next) return false;
    if (!budget.spend()) {
      next.release();
      return false;
    }
    hold.release();
    hold = next;
    tried.add(next.server);
    return true;
  }

  /** The socket of a call is closed when its outcome is there: only then its slot is given up for another one. */
  async function run(call: ModelCall, options: CallOptions): Promise<CallOutcome> {
    const endsAt = performance.now() + options.timers.totalMs;
    const tried = new Set([hold.server]);
    upstream = hold.server.id;
    let told = refuse(hold.server, call) ?? (await hold.run(call, options));
    for (let last = told; mayFailOver(last);) {
      const totalMs = Math.floor(endsAt - performance.now());
      if (totalMs <= 0 || options.signal?.aborted || !moveOn(tried)) break;
      last = await hold.run(call, { ...options, timers: { ...options.timers, totalMs } });
      if (!isMoreTelling(last, told)) continue;
      told = last;
      upstream = hold.server.id;
    }
    account(told);
    return told;
  }

  /** What fails and will be tried again is a retry, too, though a later one. */
  function account(outcome: CallOutcome): void {
    if (outcome.kind === 'answered') budget.succeeded();
    else if (outcome.kind === 'busy' || (outcome.kind === 'failed' && outcome.retryable)) budget.spend();
  }

  return {
    get upstream() {
      return upstream;
    },
    run: async (call, options) => {
      if (isReleased) throw new Error('This slot was released: take another one.');
      calls += 1;
      try {
        return await run(call, options);
      } finally {
        calls -= 1;
        freeWhenDone();
      }
    },
    release: () => {
      isReleased = true;
      freeWhenDone();
    },
  };
}
