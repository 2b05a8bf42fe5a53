/** Which models of one upstream are loaded for certain, from what calls have shown; probes alone are seconds old. */

export interface Warmth {
  /** `isResident` is what the last probe saw. */
  isWarm(key: string, numCtx: number | undefined, isResident: boolean): boolean;
  /** A call of a model that may have to be loaded begins; what it returns is called when it has its first token, or ends. */
  loading(key: string): () => void;
  answered(key: string, seen: { readonly numCtx: number | undefined; readonly loadMs: number }): void;
}

interface Seen {
  readonly numCtx: number | undefined;
  readonly at: number;
}

/** Far less than the five minutes that Ollama keeps a model. */
const WARM_MS = 60_000;
const LOAD_MS = 1_000;

/** `now` in milliseconds, of any clock. */
export function createWarmth(now: () => number): Warmth {
  const seen = new Map<string, Seen>();
  /** Calls that may be loading their model now. */
  const loading = new Map<string, number>();
  let lastLoad: { readonly key: string; readonly at: number } | undefined;

  /** Another model that came later may have pushed this one out. */
  function mayBePushedOut(key: string, since: number): boolean {
    if (lastLoad && lastLoad.key !== key && lastLoad.at >= since) return true;
    return [...loading.keys()].some((other) => other !== key);
  }

  return {
    isWarm: (key, numCtx, isResident) => {
      const last = seen.get(key);
      if (!isResident || !last || now() - last.at > WARM_MS) return false;
      // Ollama loads a model again for another context size.
      return last.numCtx === numCtx && !mayBePushedOut(key, last.at);
    },
    loading: (key) => {
      let isOver = false;
      loading.set(key, (loading.get(key) ?? 0) + 1);
      return () => {
        if (isOver) return;
        isOver = true;
        const left = loading.get(key)! - 1;
        if (left > 0) loading.set(key, left);
        else loading.delete(key);
      };
    },
    answered: (key, { numCtx, loadMs }) => {
      const at = now();
      if (loadMs >= LOAD_MS) lastLoad = { key, at };
      seen.set(key, { numCtx, at });
    },
  };
}
