/** How long a request of a session waits for the upstream of that session. */
import type { ClaimedRow } from '../../engines/ledger/ledger.ts';

export interface SessionWait {
  /** Whether it still waits rather than go to another upstream. */
  isPatient(row: ClaimedRow): boolean;
  /** It was refused a slot; `wake` is called when its patience has ended. */
  refused(row: ClaimedRow): void;
}

/** A timer may be a little early. */
const LATER_MS = 2;

export function createSessionWait(waitMs: () => number, wake: () => void): SessionWait {
  const sinceMs = new WeakMap<ClaimedRow, number>();
  return {
    isPatient: (row) => performance.now() - (sinceMs.get(row) ?? performance.now()) < waitMs(),
    refused: (row) => {
      if (sinceMs.has(row)) return;
      sinceMs.set(row, performance.now());
      setTimeout(wake, waitMs() + LATER_MS).unref();
    },
  };
}
