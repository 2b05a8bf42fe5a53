/** Counts again what was counted before a restart, from the rows, where counters go with the process. */
import type { Ledger } from '../../engines/ledger/ledger.ts';
import type { Limiter } from '../../engines/limiter/limiter.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Keys } from '../keys/keys.ts';
import { correction, type RuleBook } from './call-rules.ts';

interface RecallDeps {
  readonly limiter: Limiter;
  readonly ledger: {
    readonly lanes: Pick<Ledger['lanes'], 'nameOf'>;
    readonly sweeps: Pick<Ledger['sweeps'], 'unfinished' | 'lately'>;
  };
  readonly keys: Pick<Keys, 'limitsOf'>;
  readonly book: RuleBook;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;

/** Resolves when all is counted, null when it was before; asked again after it failed, it tries again. */
export function createRecall({ limiter, ledger, keys, book, clock }: RecallDeps): () => Promise<void> | null {
  let isDone = !limiter.isOwn;
  let running: Promise<void> | null = null;

  async function recall(): Promise<void> {
    const { sent, used } = await ledger.sweeps.lately(clock.now() - DAY_MS);
    const unfinished = await ledger.sweeps.unfinished();
    const lanes = await Promise.all(unfinished.map(({ laneId }) => ledger.lanes.nameOf(laneId)));
    const limits = new Map<string, Awaited<ReturnType<Keys['limitsOf']>>>();
    for (const { keyId } of [...sent, ...used, ...lanes])
      if (!limits.has(keyId)) limits.set(keyId, await keys.limitsOf(keyId));
    // From here on nothing waits for anything but memory: no call is counted in between.
    for (const { keyId, atMs, count } of sent)
      for (const account of book.sent(keyId, limits.get(keyId)!, count)) void limiter.count(account, atMs);
    for (const { keyId, atMs, tokens } of used)
      for (const account of book.used(keyId, limits.get(keyId)!, tokens)) void limiter.count(account, atMs);
    for (const [index, { count }] of unfinished.entries()) {
      const { keyId } = lanes[index]!;
      for (const { name } of book.places(keyId, limits.get(keyId)!))
        void limiter.count({ name, rules: correction(count) });
    }
    isDone = true;
  }

  return () => {
    if (isDone) return null;
    running ??= recall().finally(() => (running = null));
    return running;
  };
}
