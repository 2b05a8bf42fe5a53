/** What a dispatcher is given, and the room that it gives to a row which is stored as claimed. */
import type { ActiveLanes } from '../../engines/active-lanes/active-lanes.ts';
import type { ClaimedRow, LaneName, Ledger } from '../../engines/ledger/ledger.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Caps } from './under-way.ts';

export interface DispatcherDeps {
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly logger: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  readonly slots: {
    /** How many calls of a model could start now. */
    free(model: string): number;
    /** How many could run here at once, those that run included; 0 while none may start. */
    capacity(model: string): number;
    /** Told whenever it may have changed what waits for which model, and since when (ms since 1970). */
    demand?(waiting: ReadonlyMap<string, number>): void;
  };
  /** Starts a claimed row; false when there is no slot for it. What it takes of `free` is taken when it returns. */
  readonly start: (row: ClaimedRow, lane: LaneName) => boolean;
  /** These start as soon as slots are free: what they need then can be made ready while none is. */
  readonly prepare?: (row: ClaimedRow) => void;
  /** Writes at no cost that rows wait again which never started. */
  readonly handBack: (rows: readonly ClaimedRow[]) => Promise<void>;
  /** What the key and the queue of a lane may have under way at once. A queue of 0 is paused: what waits here does not start either. */
  readonly caps?: (lane: LaneName) => Caps;
  readonly weightOf?: (keyId: string) => number;
  /** Whether no other broker claims from these lanes: then tokens need not go around. */
  readonly isAlone?: () => boolean;
  /** After each such time of waiting a row counts as one band higher; 0: never. */
  readonly ageingMs?: () => number;
  /** A dispatch failed: rows may be claimed for us that nobody will start. */
  readonly onFailed?: () => void;
  /** Slots of each model that only the two highest bands may use. */
  readonly reservedSlots?: () => number;
}

/** A slot is kept for a row while it is stored as claimed; one of the two is to be called, once. */
export interface Room {
  readonly claimed: { readonly owner: string; readonly leaseMs: number };
  /** It is stored. */
  enter(row: ClaimedRow): void;
  /** It is not, or nobody can tell. */
  giveUp(why: { mayBeStored: boolean }): void;
}
