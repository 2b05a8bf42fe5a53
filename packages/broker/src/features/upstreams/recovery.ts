/** Lets calls back to an upstream that was away little by little: 1, 2, 4 … at once. */

export interface Recovery {
  /** How many of so many slots may be used now. */
  limit(slots: number): number;
  /** A call was answered: the next step. */
  succeeded(): void;
  stop(): void;
}

const STEP_MS = 1_000;
/** 1,024 slots: more than any upstream has. */
const LAST_STEP = 10;

/** The limit doubles with each success and each `stepMs`; `onGrown` hears of the steps that time alone made. */
export function startRecovery(onGrown: () => void, stepMs: number = STEP_MS): Recovery {
  let step = 0;
  const timer = setInterval(() => {
    grow();
    onGrown();
  }, stepMs);
  timer.unref();

  function grow(): void {
    step += 1;
    if (step >= LAST_STEP) clearInterval(timer);
  }

  return {
    limit: (slots) => Math.min(slots, 2 ** step),
    succeeded: grow,
    stop: () => clearInterval(timer),
  };
}
