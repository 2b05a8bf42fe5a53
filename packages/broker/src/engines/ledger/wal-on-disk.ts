/** Brings SQLite's write-ahead log to the disk, beside the event loop where that takes long: a slow disk delays who waits for it, and nobody else. */
import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { LedgerUnavailable } from './ledger.ts';

/**
 * SQLite itself syncs at each commit (`synchronous=FULL`) in the thread that commits. With NORMAL it leaves that out, keeps
 * the file consistent all the same (sqlite.org/pragma.html#pragma_synchronous), and here it is made up for before anybody
 * is told of the commit.
 */
export interface WalOnDisk {
  /** Why nothing may be written any more, once a sync has failed: nobody can tell what of the log the disk has kept. */
  readonly failure: LedgerUnavailable | undefined;
  /** The sync under way: until it ends, what was committed last may be lost. */
  readonly running: Promise<void> | undefined;
  /**
   * To be called right after a commit, and not again before it is done. Nothing to wait for when it was done in this
   * thread, as it is where the disk is so quick that waking another one would take as long; never if `isBeside`. Rejects
   * with `failure`.
   */
  sync(isBeside: boolean): Promise<void> | undefined;
  close(): void;
}

/** How the log is brought to the disk; tests bring their own. */
export interface Sync {
  here(handle: number): void;
  beside(handle: number): Promise<void>;
  nowMs(): number;
}

const QUICK_MS = 2;
const SYSTEM: Sync = {
  here: fdatasyncSync,
  beside: promisify(fdatasync),
  nowMs: () => performance.now(),
};

export function walOnDisk(databaseFile: string, sync: Sync = SYSTEM): WalOnDisk {
  /** Opened with the first commit: SQLite keeps this file as long as a handle of its own is open that has used it. */
  let handle: number | undefined;
  let running: Promise<void> | undefined;
  let failure: LedgerUnavailable | undefined;
  let lastMs = 0;

  function failed(error: unknown): LedgerUnavailable {
    failure = new LedgerUnavailable(
      `The disk did not keep what was written (${(error as Error).message}). See to the disk, then restart the broker.`,
      { cause: error },
    );
    return failure;
  }

  function opened(): number {
    return (handle ??= openSync(`${databaseFile}-wal`, 'r+'));
  }

  async function beside(startedMs: number): Promise<void> {
    try {
      await sync.beside(opened());
      lastMs = sync.nowMs() - startedMs;
    } catch (error) {
      throw failed(error);
    } finally {
      running = undefined;
    }
  }

  return {
    get failure() {
      return failure;
    },
    get running() {
      return running;
    },
    sync: (isBeside) => {
      const startedMs = sync.nowMs();
      if (isBeside || lastMs > QUICK_MS) return (running = beside(startedMs));
      try {
        sync.here(opened());
      } catch (error) {
        return Promise.reject(failed(error));
      }
      lastMs = sync.nowMs() - startedMs;
      return undefined;
    },
    close: () => {
      if (handle !== undefined) closeSync(handle);
      handle = undefined;
    },
  };
}
