/** Rows that were claimed for this run in a write whose end was not heard: leased to us, and run by nobody. */
import type { Held, Ledger } from '../../engines/ledger/ledger.ts';
import type { Logger } from '../../kernel/logger.ts';

export interface LostClaimsDeps {
  readonly ledger: Ledger;
  readonly owner: string;
  /** What really runs here. */
  readonly running: () => readonly Held[];
  readonly logger: Logger;
}

/** Longer than a claim's answer can be under way. */
const UNDER_WAY_MS = 6_000;

/** Gives them back at no cost to the requests. To be called again and again after an outage or a dispatch that failed. */
export function createLostClaims({ ledger, owner, running, logger }: LostClaimsDeps): () => Promise<void> {
  let seenSince = new Map<string, number>();

  return async () => {
    const leased = await ledger.sweeps.heldBy(owner);
    const ours = new Set(running().map(nameOf));
    const now = performance.now();
    const lost = leased.filter((held) => !ours.has(nameOf(held)));
    seenSince = new Map(lost.map((held) => [nameOf(held), seenSince.get(nameOf(held)) ?? now]));
    const settled = lost.filter((held) => now - seenSince.get(nameOf(held))! >= UNDER_WAY_MS);
    const back = await Promise.all(
      settled.map(({ id, fence }) =>
        ledger.settle({ id, fence, owner, to: 'pending', countsAttempt: false, notify: false }),
      ),
    );
    const count = back.filter(Boolean).length;
    if (count > 0) logger.warn({ count }, 'requests whose claim was lost are pending again');
  };
}

function nameOf({ id, fence }: Held): string {
  return `${id} ${fence}`;
}
