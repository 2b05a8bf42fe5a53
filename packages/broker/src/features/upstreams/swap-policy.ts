/** Decides when a model may be loaded at an upstream where others are loaded that it does not fit beside; pure. */

/** So long a loaded model that is in demand stays, once another one waits: whichever comes first. */
export interface SwapBounds {
  /** Calls of the upstream; 0: the first call is the last. */
  readonly requests: number;
  readonly ms: number;
}

/** A model that is loaded and in the way. */
export interface Occupant {
  readonly key: string;
  readonly running: number;
  /** Whether requests for it wait. */
  readonly isWanted: boolean;
  /** Whether another upstream runs it as well. */
  readonly isElsewhere: boolean;
  /** When it was loaded. All times are milliseconds since 1970. */
  readonly sinceMs: number;
  /** When its last call ended. */
  readonly usedMs: number;
  /** How long loading it took. */
  readonly loadMs: number;
  /** Calls of the upstream since it was loaded. */
  readonly calls: number;
}

/** A model that is not loaded and waits. */
export interface Claimant {
  /** Since when its oldest request waits. */
  readonly sinceMs: number;
  /** Calls of the upstream since then. */
  readonly calls: number;
  /** Whether another upstream runs it or will: here it would only be one more. */
  readonly isElsewhere: boolean;
}

export type Verdict =
  /** Nothing is in the way. */
  | { readonly kind: 'free' }
  /** Next, when the calls of this one have ended; new ones do not start. */
  | { readonly kind: 'after'; readonly victim: string; readonly isWanted: boolean }
  /** Not before that time, or not at all as things are. */
  | { readonly kind: 'wait'; readonly dueMs: number };

/** Which of the loaded models have to go before this one fits, as far as is known. `misfits`: sets that did not fit. */
export function inTheWay(
  key: string,
  loaded: ReadonlySet<string>,
  known: { readonly maxModels: number | undefined; readonly misfits: readonly ReadonlySet<string>[] },
): Set<string> {
  if (loaded.size >= (known.maxModels ?? Number.POSITIVE_INFINITY)) return new Set(loaded);
  const together = new Set(loaded).add(key);
  const all = new Set<string>();
  for (const misfit of known.misfits) {
    if (!misfit.has(key) || !isPartOf(misfit, together)) continue;
    for (const one of misfit) if (one !== key) all.add(one);
  }
  return all;
}

/**
 * Who is not wanted goes at once, and so does who runs elsewhere as well when the other one runs nowhere. Else the one
 * that was loaded first goes, when it has had its turn since the other one came: so many calls, but no less time than
 * its own load took, or so much time. One more of what runs elsewhere waits until nobody has used the place for a while.
 */
export function judgeClaim(
  claimant: Claimant,
  occupants: readonly Occupant[],
  bounds: SwapBounds,
  nowMs: number,
): Verdict {
  if (occupants.length === 0) return { kind: 'free' };
  if (claimant.isElsewhere) return judgeCopy(occupants, bounds, nowMs);
  const spare = occupants.filter(({ isWanted, isElsewhere }) => !isWanted || isElsewhere);
  if (spare.length > 0) return after(first(spare, ({ running, usedMs }) => [running, usedMs]));
  const oldest = first(occupants, ({ sinceMs }) => [sinceMs]);
  const lastMs = Math.max(claimant.sinceMs, oldest.sinceMs) + bounds.ms;
  const hadItsCalls = Math.min(claimant.calls, oldest.calls) >= bounds.requests;
  const dueMs = hadItsCalls ? Math.min(lastMs, oldest.sinceMs + oldest.loadMs) : lastMs;
  return nowMs >= dueMs ? after(oldest) : { kind: 'wait', dueMs };
}

function judgeCopy(occupants: readonly Occupant[], bounds: SwapBounds, nowMs: number): Verdict {
  const unused = occupants.filter(({ isWanted, running }) => !isWanted && running === 0);
  if (unused.length === 0) return { kind: 'wait', dueMs: Number.POSITIVE_INFINITY };
  const longest = first(unused, ({ usedMs }) => [usedMs]);
  const dueMs = longest.usedMs + bounds.ms;
  return nowMs >= dueMs ? after(longest) : { kind: 'wait', dueMs };
}

function after({ key, isWanted }: Occupant): Verdict {
  return { kind: 'after', victim: key, isWanted };
}

/** The one with the least, compared number by number. */
function first(list: readonly Occupant[], by: (one: Occupant) => readonly number[]): Occupant {
  return list.reduce((best, one) => {
    const [mine, others] = [by(one), by(best)];
    const at = mine.findIndex((value, index) => value !== others[index]);
    return at !== -1 && mine[at]! < others[at]! ? one : best;
  });
}

export function isPartOf(part: ReadonlySet<string>, whole: ReadonlySet<string>): boolean {
  return [...part].every((one) => whole.has(one));
}
