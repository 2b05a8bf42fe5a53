/** What is remembered for a while and read again together: hundreds that are in use are one read, and not hundreds. */
import type { Clock } from './clock.ts';

export interface RememberedFor {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Whether anybody has asked since it was read. */
  readonly isUsed: boolean;
}

/** What is due within this time is read with what is due now. */
const AHEAD_MS = 500;
const MOST_AHEAD = 500;

/** Those in use that are due soon; none when that was asked a moment ago, because all of them are looked at. */
export function dueTogether<One extends RememberedFor>(clock: Clock): (all: Iterable<One>) => One[] {
  let nextAt = 0;
  return (all) => {
    const now = clock.now();
    if (now < nextAt) return [];
    nextAt = now + AHEAD_MS;
    return [...all].filter(({ isUsed, until }) => isUsed && until < now + AHEAD_MS).slice(0, MOST_AHEAD);
  };
}
