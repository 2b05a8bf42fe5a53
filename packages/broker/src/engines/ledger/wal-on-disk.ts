/** Brings SQLite's write-ahead log to the disk beside the event loop: a slow disk delays who waits for it, and nobody else. */
import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { LedgerUnavailable } from './ledger.ts';

/**
 * SQLite itself syncs at each commit (`synchronous=FULL`) in the thread that commits. With NORMAL it leaves that out, keeps
 * the file consistent all the same (sqlite.org/pragma.html#pragma_synchronous), and here it is made up for before anybody
 * is told of the commit. One sync is for all that was committed before it began.
 */
export interface WalOnDisk {
  /** Why nothing may be written any more. */
  readonly failure: LedgerUnavailable | undefined;
  /** Something was committed that is not on the disk. */
  committed(): void;
  /**
   * Resolves when all that was committed so far is on the disk; nothing to wait for when it is. Rejects with
   * `LedgerUnavailable` once a sync has failed, and from then on: nobody can tell what of the log the disk has kept.
   */
  synced(): Promise<void> | undefined;
  /** The same in this thread, where the disk is so quick that to wake another thread would take as long. */
  syncedHere(): Promise<void> | undefined;
  close(): void;
}

/** How the log is brought to the disk; tests bring their own. */
export interface Sync {
  here(handle: number): void;
  beside(handle: number): Promise<void>;
}

const QUICK_MS = 2;
const SYSTEM: Sync = { here: fdatasyncSync, beside: promisify(fdatasync) };

export function walOnDisk(databaseFile: string, sync: Sync = SYSTEM): WalOnDisk {
  /** Opened with the first commit: SQLite keeps this file as long as a handle of its own is open that has used it. */
  let handle: number | undefined;
  let isDirty = false;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let lastMs = 0;
  let failure: LedgerUnavailable | undefined;

  function opened(): number {
    isDirty = false;
    return (handle ??= openSync(`${databaseFile}-wal`, 'r+'));
  }

  function failed(error: unknown): LedgerUnavailable {
    failure = new LedgerUnavailable(
      `The disk did not keep what was written (${(error as Error).message}). See to the disk, then restart the broker.`,
      { cause: error },
    );
    return failure;
  }

  async function run(): Promise<void> {
    next = undefined;
    if (failure) throw failure;
    const startedMs = performance.now();
    try {
      await sync.beside(opened());
    } catch (error) {
      throw failed(error);
    }
    lastMs = performance.now() - startedMs;
  }

  function begin(): Promise<void> {
    const own = run().finally(() => {
      if (running === own) running = undefined;
    });
    running = own;
    return own;
  }

  function synced(): Promise<void> | undefined {
    if (failure) return Promise.reject(failure);
    if (!isDirty) return running;
    if (!running) return begin();
    return (next ??= running.then(begin, begin));
  }

  return {
    get failure() {
      return failure;
    },
    committed: () => {
      isDirty = true;
    },
    synced,
    syncedHere: () => {
      if (failure || !isDirty || running || lastMs > QUICK_MS) return synced();
      const startedMs = performance.now();
      try {
        sync.here(opened());
      } catch (error) {
        return Promise.reject(failed(error));
      }
      lastMs = performance.now() - startedMs;
      return undefined;
    },
    close: () => {
      if (handle !== undefined) closeSync(handle);
      handle = undefined;
    },
  };
}
