/** Decides at which upstream a model that nobody runs is to be loaded; pure. */
import type { Verdict } from './swap-policy.ts';

/** An upstream, as one model sees it. */
export interface Place {
  /** Whether calls of the model could start there if it were loaded. */
  readonly isOpen: boolean;
  /** Whether it is loaded there, or being loaded. */
  readonly isLoaded: boolean;
  /** How many models are. */
  readonly loaded: number;
  readonly verdict: Verdict;
}

/** For each upstream, whether another one runs the model or is to. */
export function isElsewhere(places: readonly Place[]): boolean[] {
  const runs = places.map(({ isOpen, isLoaded }) => isOpen && isLoaded);
  const count = runs.filter(Boolean).length;
  if (count > 0) return runs.map((isHere) => count > Number(isHere));
  const best = places.reduce<number>((chosen, place, index) => {
    if (!place.isOpen) return chosen;
    return chosen === -1 || isBetter(place, places[chosen]!) ? index : chosen;
  }, -1);
  return places.map((_, index) => best !== -1 && best !== index);
}

/** Where nothing is in the way, and there where least is loaded; else where it is soonest its turn. */
function isBetter(one: Place, other: Place): boolean {
  const [mine, others] = [rank(one.verdict), rank(other.verdict)];
  if (mine !== others) return mine < others;
  if (one.verdict.kind === 'wait' && other.verdict.kind === 'wait')
    return one.verdict.dueMs < other.verdict.dueMs;
  return one.loaded < other.loaded;
}

function rank({ kind }: Verdict): number {
  return ['free', 'after', 'wait'].indexOf(kind);
}
