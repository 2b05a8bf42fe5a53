/** Chance that repeats itself: everything a run draws comes from its seed. */
import { seededRandom } from '../../packages/cli/src/simulate-ollama/seeded-random.ts';

export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** From `least` to `most`, both included. */
  whole(least: number, most: number): number;
  /** Whether something of this probability happens. */
  happens(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** A stream of its own, so that one part's draws do not shift another's. */
  fork(name: string): Chance;
}

export function seededChance(seed: number): Chance {
  const next = seededRandom(seed);
  const whole = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return {
    next,
    whole,
    happens: (probability) => next() < probability,
    pick: (list) => list[whole(0, list.length - 1)]!,
    fork: (name) => seededChance(hashOf(`${seed} ${name}`)),
  };
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}
