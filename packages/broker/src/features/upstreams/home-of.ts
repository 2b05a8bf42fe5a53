/** Decides which upstream the requests of a session go to; pure. */

export interface Home {
  readonly id: string;
  /** Whether it is well and could take calls of the model. */
  readonly isFit: boolean;
  /** Whether the model is loaded there, or being loaded. */
  readonly isLoaded: boolean;
}

/**
 * The index of the one, or -1: of those that are fit and have the model loaded, or else of all that are fit. The same for as long as it is fit: others that come and go move only the sessions that
 * were or will be theirs (rendezvous hashing).
 */
export function homeOf(affinity: number, homes: readonly Home[]): number {
  const isSomeLoaded = homes.some(({ isFit, isLoaded }) => isFit && isLoaded);
  let best = -1;
  let most = -1;
  for (const [index, { id, isFit, isLoaded }] of homes.entries()) {
    const isEligible = isFit && (isLoaded || !isSomeLoaded);
    const weight = isEligible ? weightOf(affinity, id) : -1;
    if (weight > most) [best, most] = [index, weight];
  }
  return best;
}

/** FNV-1a over the id, begun with the affinity, and mixed so that neighbours differ in all bits. */
function weightOf(affinity: number, id: string): number {
  let hash = affinity ^ 0x811c9dc5;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
