/** How many requests of each key may run at once: what was read last, at once, and read again when it is old. */
import type { Clock } from '../../kernel/clock.ts';

export interface KeyCapsDeps {
  /** 0: no limit. */
  readonly limitsOf: (keyId: string) => Promise<{ readonly maxConcurrent: number }>;
  readonly clock: Clock;
  /** A cap is another one than before. */
  readonly onChange: () => void;
}

const REMEMBERED_MS = 1_000;
const REMEMBERED_KEYS = 10_000;
/** Of a key that nothing is known of yet: one request never breaks a cap. */
const UNKNOWN = 1;

/** The answer is never waited for: whoever dispatches asks for every lane in every round. */
export function createKeyCaps({ limitsOf, clock, onChange }: KeyCapsDeps): (keyId: string) => number {
  const known = new Map<string, { cap: number; until: number }>();

  async function read(keyId: string, before: number): Promise<void> {
    try {
      const { maxConcurrent } = await limitsOf(keyId);
      const cap = maxConcurrent === 0 ? Number.POSITIVE_INFINITY : maxConcurrent;
      known.set(keyId, { cap, until: clock.now() + REMEMBERED_MS });
      if (cap !== before) onChange();
    } catch {
      // The database is away, and nothing can be claimed either: what was known holds until it is back.
    }
  }

  return (keyId) => {
    const last = known.get(keyId);
    const cap = last?.cap ?? UNKNOWN;
    if (last && last.until > clock.now()) return cap;
    if (known.size >= REMEMBERED_KEYS) known.clear();
    known.set(keyId, { cap, until: clock.now() + REMEMBERED_MS });
    void read(keyId, cap);
    return cap;
  };
}
