/** A value that is dear to find out: asked for when needed, remembered for a time that grows with what it cost. */

export interface Paced<T> {
  /** The value as it was last found out, which may be just now; one question at a time. */
  get(): Promise<T>;
}

export interface PacedOptions {
  /** It is not asked for again before. */
  readonly leastMs: number;
  /** Finding it out takes at most one part in so many of the time. */
  readonly share?: number;
}

const SHARE = 50;

export function paced<T>(ask: () => Promise<T>, { leastMs, share = SHARE }: PacedOptions): Paced<T> {
  let current: Promise<T> | null = null;
  let known: { readonly value: T } | null = null;
  let nextAt = 0;

  async function find(): Promise<T> {
    const startMs = performance.now();
    try {
      const value = await ask();
      known = { value };
      return value;
    } finally {
      const tookMs = performance.now() - startMs;
      nextAt = performance.now() + Math.max(leastMs, tookMs * share);
      current = null;
    }
  }

  return {
    get: async () => {
      if (known && performance.now() < nextAt) return known.value;
      current ??= find();
      return current;
    },
  };
}
