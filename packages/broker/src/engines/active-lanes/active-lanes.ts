/** Port: whose turn it is among the lanes that have work; one token per active lane, passed around in line. */

/** (queue, key, priority band, model). */
export interface Lane {
  /** Its row id in SQL. */
  readonly id: number;
  /** Its active list, one per (queue, band, model): [a-zA-Z0-9_-]{1,80}. */
  readonly list: string;
}

/** The exclusive right to claim from a lane, for the visibility timeout. */
export interface Token {
  readonly lane: Lane;
  /** Names this one holding: worth nothing once the token was given back, or taken by another after it expired. */
  readonly receipt: string;
}

export const VISIBILITY_SECONDS = 3;

/**
 * Guarantees. A lane that was activated can be taken by exactly one holder at a time, in the order of arrival in the
 * line (to the millisecond). A holder that dies loses its tokens after the visibility timeout, and they stand in line
 * where that moment puts them. Calls with a receipt that is no longer worth anything change nothing. Nothing here is
 * durable: marks and tokens may vanish at any time, and a lane may come to have two tokens; the rows decide who gets
 * what, and `activate` and `repair` by the sweep make up for all that is lost. A rejected promise means that the
 * store is away or that an unknown part of the call was done; every call may simply be made again.
 */
export interface ActiveLanes {
  /** Makes lanes active that are not yet: marks them and sends a token for each that was new. Idempotent. */
  activate(lanes: readonly Lane[]): Promise<void>;
  /**
   * For lanes that have work but did not move: sends a token to those that have none, marked or not. Resolves with
   * how many that were. Costs a look at every token of the lists concerned, so it is for the sweep.
   */
  repair(lanes: readonly Lane[]): Promise<number>;
  /** Takes up to `max` tokens of a list, head of the line first. */
  next(list: string, max: number): Promise<Token[]>;
  /** Keeps tokens for another visibility timeout; resolves with those that are still ours. */
  renew(tokens: readonly Token[]): Promise<Token[]>;
  /** To the end of the line. */
  giveBack(tokens: readonly Token[]): Promise<void>;
  /**
   * Takes empty lanes off: mark and token go together. The caller looks at the rows again afterwards and activates
   * if there are any, so no wake-up is lost.
   */
  retire(tokens: readonly Token[]): Promise<void>;
  /**
   * Calls `onActive(list)` when a lane of that list may have become available: activated or given back, here or by
   * another broker. Calls can be lost or doubled, and a token that expires makes none. Returns how to stop it.
   */
  watch(onActive: (list: string) => void): () => void;
  /** Ends the watching; a connection that was handed in stays open. */
  close(): Promise<void>;
}
