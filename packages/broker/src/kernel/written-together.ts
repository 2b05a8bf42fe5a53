/** What is written together: the transaction that everything called within an act joins, and what waits for its commit. */
import { AsyncLocalStorage } from 'node:async_hooks';

interface Together {
  /** Null once it is over: what goes on in the background must not join it any more. */
  transaction: object | null;
  readonly whenCommitted: (() => void)[];
}

const current = new AsyncLocalStorage<Together>();

/** The transaction to join, if there is one. Only engines/database knows what it is. */
export function joinedTransaction(): object | undefined {
  return current.getStore()?.transaction ?? undefined;
}

/** For reads that many share: they are no part of what is being written here. */
export function apart(work: () => void): void {
  current.exit(work);
}

/** Does it when what is being written here is committed, never when it is not; at once where nothing is written together. */
export function onceCommitted(work: () => void): void {
  const together = current.getStore();
  if (together?.transaction) together.whenCommitted.push(work);
  else work();
}

/**
 * Runs `work` within the transaction. The caller commits or rolls back when it is over; `committed` then does what has
 * waited for it.
 */
export async function writtenTogether<T>(
  transaction: object,
  work: () => Promise<T>,
): Promise<{ value: T; committed: () => void }> {
  const together: Together = { transaction, whenCommitted: [] };
  try {
    const value = await current.run(together, work);
    return { value, committed: () => together.whenCommitted.forEach((one) => current.exit(one)) };
  } finally {
    together.transaction = null;
  }
}
