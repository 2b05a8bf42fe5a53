/** Keeps the counts of requests that have not ended true: a broker that died between two steps leaves one off by one. */
import type { Ledger } from '../../engines/ledger/ledger.ts';
import type { Account, Limiter } from '../../engines/limiter/limiter.ts';
import type { Logger } from '../../kernel/logger.ts';
import { correction, type RuleBook } from './call-rules.ts';

export interface QueueCountDeps {
  readonly limiter: Limiter;
  readonly ledger: {
    readonly lanes: Pick<Ledger['lanes'], 'nameOf'>;
    readonly sweeps: Pick<Ledger['sweeps'], 'unfinished'>;
  };
  readonly book: RuleBook;
  /** Whether there is a limit for all together. */
  readonly countsAll: () => boolean;
  /** Keys that have a limit of their own. */
  readonly limitedKeys: () => Promise<readonly string[]>;
  readonly logger: Logger;
}

export interface QueueCount {
  /** Compares with the rows, and corrects what several looks in a row agree on. */
  look(): Promise<void>;
}

/** How far a count was off, at least and at most, while the rows were counted. */
interface Difference {
  readonly least: number;
  readonly most: number;
}

const LOOKS = 3;

/**
 * Requests come and go while the rows are counted, and a place is taken a moment before its row is there. So a count
 * is off by no more than what all of the last looks say: the least surplus of them, or the least deficit.
 */
export function agreedDifference(looks: readonly Difference[]): number {
  if (looks.length < LOOKS) return 0;
  const surplus = Math.min(...looks.map(({ least }) => least));
  const deficit = Math.max(...looks.map(({ most }) => most));
  return surplus > 0 ? surplus : deficit < 0 ? deficit : 0;
}

export function createQueueCount({
  limiter,
  ledger,
  book,
  countsAll,
  limitedKeys,
  logger,
}: QueueCountDeps): QueueCount {
  let seen = new Map<string, Difference[]>();

  async function heldBy(accounts: readonly Account[]): Promise<number[]> {
    const verdicts = await Promise.all(accounts.map((account) => limiter.decide([account])));
    return verdicts.map(({ states }) => states[0]!.used);
  }

  async function countRows(): Promise<{ byKey: Map<string, number>; all: number }> {
    const byKey = new Map<string, number>();
    let all = 0;
    for (const { laneId, count } of await ledger.sweeps.unfinished()) {
      const { keyId } = await ledger.lanes.nameOf(laneId);
      byKey.set(keyId, (byKey.get(keyId) ?? 0) + count);
      all += count;
    }
    return { byKey, all };
  }

  async function look(): Promise<void> {
    const keys = await limitedKeys();
    const accounts = [...keys.map((key) => book.heldBy(key)), ...(countsAll() ? [book.held] : [])];
    const before = seen;
    seen = new Map();
    if (accounts.length === 0) return;
    const first = await heldBy(accounts);
    const { byKey, all } = await countRows();
    const second = await heldBy(accounts);
    for (const [index, { name }] of accounts.entries()) {
      const rows = index < keys.length ? (byKey.get(keys[index]!) ?? 0) : all;
      const [a, b] = [first[index]! - rows, second[index]! - rows];
      const looks = [...(before.get(name) ?? []), { least: Math.min(a, b), most: Math.max(a, b) }].slice(
        -LOOKS,
      );
      const off = agreedDifference(looks);
      if (off === 0) {
        seen.set(name, looks);
        continue;
      }
      logger.info({ account: name, off }, 'a count of requests that have not ended was corrected');
      await limiter.count({ name, rules: correction(-off) });
    }
  }

  return { look };
}
