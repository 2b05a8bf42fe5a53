/** What dispatching needs to know of each key, its cap and its weight: as read last, at once, and read again when it is old. */
import type { Clock } from '../../kernel/clock.ts';

export interface KeyTerms {
  /** How many of its requests may run at once. */
  readonly cap: number;
  /** Its share of slot time beside other keys. */
  readonly weight: number;
}

export interface KeyTermsDeps {
  /** 0: no limit, and the usual weight. */
  readonly limitsOf: (keyId: string) => Promise<{ readonly maxConcurrent: number; readonly weight: number }>;
  readonly clock: Clock;
  /** A cap is another one than before. */
  readonly onChange: () => void;
}

/** The limits behind are remembered for a second themselves. */
const REMEMBERED_MS = 100;
const REMEMBERED_KEYS = 10_000;
/** Of a key that nothing is known of yet: one request never breaks a cap. */
const UNKNOWN: KeyTerms = { cap: 1, weight: 1 };

/** The answer is never waited for: whoever dispatches asks for every lane in every round. */
export function createKeyTerms({ limitsOf, clock, onChange }: KeyTermsDeps): (keyId: string) => KeyTerms {
  const known = new Map<string, { terms: KeyTerms; until: number }>();

  async function read(keyId: string, before: KeyTerms): Promise<void> {
    try {
      const { maxConcurrent, weight } = await limitsOf(keyId);
      const terms = { cap: maxConcurrent || Number.POSITIVE_INFINITY, weight: weight || 1 };
      known.set(keyId, { terms, until: clock.now() + REMEMBERED_MS });
      if (terms.cap !== before.cap) onChange();
    } catch {
      // The database is away, and nothing can be claimed either: what was known holds until it is back.
    }
  }

  return (keyId) => {
    const last = known.get(keyId);
    const terms = last?.terms ?? UNKNOWN;
    if (last && last.until > clock.now()) return terms;
    if (known.size >= REMEMBERED_KEYS) known.clear();
    known.set(keyId, { terms, until: clock.now() + REMEMBERED_MS });
    void read(keyId, terms);
    return terms;
  };
}
