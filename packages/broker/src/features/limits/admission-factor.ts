/** Which part of the requests is accepted while the oldest waits too long: down by a factor, up again by steps. */

const LEAST = 0.1;
/** A second apart: from all to a tenth in ten seconds, and back within a minute. */
const DOWN = 0.8;
const UP = 0.02;

export function nextFactor(factor: number, oldestWaitMs: number, targetMs: number): number {
  if (oldestWaitMs > targetMs) return Math.max(LEAST, factor * DOWN);
  return Math.min(1, factor + UP);
}

/** Lets the share of `factor` pass, evenly: no more than one in a row is refused at 0.5. */
export function createThinning(): { passes(factor: number): boolean } {
  let credit = 0;
  return {
    passes: (factor) => {
      credit += factor;
      // What adds up to one in fractions may be a hair less.
      if (credit < 1 - 1e-9) return false;
      credit -= 1;
      return true;
    },
  };
}
