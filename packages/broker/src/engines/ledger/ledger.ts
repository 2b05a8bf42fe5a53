/** The port of the requests table: what is written on the path of a request, what is read, what the sweeps need. */

import type { LedgerChecks } from './ledger-checks.ts';
import type { AddedRow, SqlRunner } from './sql-runner.ts';

export { addingRows, marksFor } from './sql-runner.ts';
export type { AddedRow, RowForm, SqlRunner, SqlValue, Statement } from './sql-runner.ts';

export type { BrokenRule, SealedRow } from './ledger-checks.ts';

/**
 * Guarantees. A promise of a write resolves after the commit is on the disk (fsync), never before; a claim's may when it is
 * committed. What is read is on the disk. Writes are fenced:
 * a row is changed only in the state, with the fence and by the owner that the caller names. The fence of a row grows
 * with every claim. Leases and wake times are compared with the database's clock. A write that rejects with `LedgerUnavailable` may or may not have happened.
 */
export interface Ledger {
  /** Stores a row, unless an idempotency key stands in the way or the dead letter it retries was taken. */
  insert(row: NewRow): Promise<Inserted>;
  /** Takes up to `limit` pending rows of a lane, oldest first: state processing, fence + 1, leased to `owner`. */
  claim(claim: Claim): Promise<ClaimedRow[]>;
  /** Ends one processing; false when the row is no longer processing under this fence and owner. */
  settle(settlement: Settlement): Promise<boolean>;
  /** Makes a request of this key that has not ended cancelled; false when there is none. */
  cancel(id: string, keyId: string): Promise<boolean>;
  /** Marks a failed request that was neither retried nor discarded as discarded; false when there is none. */
  discard(id: string, reason: Buffer): Promise<boolean>;
  /** Extends leases; resolves with the ids that are still held. */
  renew(owner: string, leaseMs: number, held: readonly Held[]): Promise<Set<string>>;
  /** Resolves when something could be written for good and taken away again: the database takes changes. */
  check(): Promise<void>;

  /** Rows asked for in the same moment are read together. */
  find(id: string): Promise<RequestRow | null>;
  /** What is told of these requests, in one statement; of those that are gone nothing. */
  facts(ids: readonly string[]): Promise<FactsRow[]>;
  /** What a request asks, sealed. */
  body(id: string): Promise<Buffer | null>;
  /** Newest first. */
  list(filter: ListFilter): Promise<RequestRow[]>;
  /** What the requests of these ids came to, by state; an indexed range. */
  usage(range: UsageRange): Promise<StateUsage[]>;
  /** Failed attempts of a request, oldest first. */
  attempts(id: string): Promise<AttemptRow[]>;
  /** How many rows are pending in each of these lanes; no more than `most` are counted. */
  waiting(laneIds: readonly number[], most: number): Promise<number[]>;
  /** The first `most` that are pending in a lane, the oldest first. */
  line(laneId: number, most: number): Promise<string[]>;

  readonly lanes: LaneBook;
  readonly sweeps: LedgerSweeps;
  readonly leases: LeaseBook;
  readonly checks: LedgerChecks;
  /** For rooms whose rows change with every request: statements on the ledger's own connections. */
  readonly sql: SqlRunner;
  close(): Promise<void>;
}

/** Which (queue, key, band, model) has which number. Never forgets one. */
export interface LaneBook {
  idOf(lane: LaneName): Promise<number>;
  nameOf(id: number): Promise<LaneName>;
}

/**
 * What only one broker at a time may do. A lease is valid until it is over or given up, by the database's clock; only its
 * owner can change one that is. Who measures its time from before he asked for it is never the last to know.
 */
export interface LeaseBook {
  /** All at once: takes those that are free, renews and gives up those of this owner, and leaves those of others alone. */
  write(owner: string, leases: readonly WantedLease[]): Promise<void>;
  /** All leases that are valid now, with what was written before this was asked. */
  valid(): Promise<Lease[]>;
  /** Ends the leases of owners who are dead for certain, and deletes what has been over for long. */
  forget(owners: readonly string[]): Promise<void>;
}

export interface WantedLease {
  readonly name: string;
  /** 0: is given up. */
  readonly leaseMs: number;
  /** What the others may read; ASCII. */
  readonly note?: string;
}

export interface Lease {
  readonly name: string;
  readonly owner: string;
  readonly note: string;
  readonly leftMs: number;
}

/** Idempotent and safe to run on every broker at once. */
export interface LedgerSweeps {
  /** Lanes that have pending rows, with the oldest of them: all lanes, or those named. One index dive a lane. */
  lanesWithWork(laneIds?: readonly number[]): Promise<{ laneId: number; oldest: string }[]>;
  /** What of a queue has not ended, each state counted up to `most` and one more. One index dive a lane. */
  workOf(queue: string, most: number): Promise<QueueWork>;
  /** How many requests of each lane have not ended. Reads that part of an index, so it is not for every call. */
  unfinished(): Promise<{ laneId: number; count: number }[]>;
  /** What each key sent since then and when, and the tokens of what ended since then; to the second, oldest first. */
  lately(sinceMs: number): Promise<Lately>;
  /** Expires what is past its deadline, makes pending what is due; says which expired, and when something is due next. */
  wake(): Promise<{ expired: string[]; nextInMs: number | null }>;
  /** Gives back what a dead worker held: leases over for `graceMs`, or of the owner named. Three deaths: failed, poison. */
  rescue(dead: { graceMs: number } | { owner: string }, poisonError: (id: string) => Buffer): Promise<number>;
  /** What is processing under this owner's name. */
  heldBy(owner: string): Promise<Held[]>;
  /** Forgets a batch of the idempotency keys older than this, the oldest first; how many. */
  forgetIdempotencyKeys(olderThanMs: number): Promise<number>;
}

export interface QueueWork {
  readonly pending: number;
  readonly delayed: number;
  readonly processing: number;
  /** Since when the pending request may run that waits longest, among the first of each lane; null when none does. */
  readonly oldestAt: number | null;
}

export interface Lately {
  readonly sent: readonly { keyId: string; atMs: number; count: number }[];
  readonly used: readonly { keyId: string; atMs: number; tokens: number }[];
}

/** The database cannot be reached or does not answer. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable';
}

/** How a state is stored. Pending is the highest; see migration 0001 for why. */
export const STATE = {
  completed: 1,
  failed: 2,
  cancelled: 3,
  expired: 4,
  delayed: 7,
  processing: 8,
  pending: 9,
} as const;
export type State = keyof typeof STATE;
const STATE_NAMES = new Map<number, State>(
  (Object.keys(STATE) as State[]).map((name) => [STATE[name], name]),
);

export function stateOf(code: number): State {
  const name = STATE_NAMES.get(code);
  if (!name) throw new Error(`The requests table holds an unknown state: ${code}`);
  return name;
}

/** What the outbox calls the end of a request. */
export function eventOf(state: 'completed' | 'failed' | 'cancelled' | 'expired'): string {
  return `request.${state}`;
}

/** A worker that died this often with a request on its hands does not get it again. */
export const MAX_DELIVERIES = 3;

export interface LaneName {
  readonly queue: string;
  readonly keyId: string;
  readonly band: number;
  readonly model: string;
}

export interface NewRow {
  readonly id: string;
  readonly laneId: number;
  readonly keyId: string;
  readonly priority: number;
  readonly createdAt: number;
  /** In the future: the row waits as delayed until then. */
  readonly runAt: number | null;
  readonly deadlineAt: number | null;
  readonly body: Buffer;
  readonly metadata: Buffer | null;
  /** Somebody is to be told of the end: the transaction that ends the request leaves an event in the outbox. */
  readonly notify: boolean;
  /** Where to call back, sealed. */
  readonly callback: Buffer | null;
  /** The dead letter that is tried again by this request; it can be tried again only once. */
  readonly retryOf: string | null;
  /** Why the dead letter is tried again, sealed; kept with the dead letter. */
  readonly retryNote?: Buffer | null;
  /** A number below 2^32 that requests share which should run at the same upstream. */
  readonly affinity?: number | null;
  readonly idempotency: Idempotency | null;
  /** Stored as claimed, under fence 1: whoever stores it starts it at once, and there is nothing to claim. */
  readonly claimed?: {
    readonly owner: string;
    readonly leaseMs: number;
    /** Called when the row is committed, before it is on the disk, where these are two moments: it may start. */
    readonly onCommitted?: () => void;
  };
}

/** Both 32 bytes: of the client's Idempotency-Key, and of what it sent with it. */
export interface Idempotency {
  readonly digest: Buffer;
  readonly fingerprint: Buffer;
}

export type Inserted =
  | { readonly kind: 'inserted' }
  /** The idempotency key was used before, for this request. */
  | { readonly kind: 'repeated'; readonly id: string; readonly isSame: boolean }
  /** The dead letter was retried or discarded by somebody else. */
  | { readonly kind: 'taken' };

export interface Claim {
  readonly laneId: number;
  readonly limit: number;
  readonly owner: string;
  readonly leaseMs: number;
}

export interface ClaimedRow {
  readonly id: string;
  readonly laneId: number;
  readonly keyId: string;
  readonly fence: number;
  readonly attempts: number;
  readonly deadlineAt: number | null;
  readonly notify: boolean;
  /** The lane it was accepted into, when it has left that for the lane of another model. */
  readonly firstLaneId: number | null;
  readonly affinity: number | null;
  readonly createdAt: number;
  readonly body: Buffer;
  readonly metadata: Buffer | null;
  readonly callback: Buffer | null;
}

export interface Held {
  readonly id: string;
  readonly fence: number;
}

export interface Settlement extends Held {
  readonly owner: string;
  readonly to: 'completed' | 'failed' | 'expired' | 'delayed' | 'pending';
  /** Whether the model answered, well or badly: counts an attempt. Back-pressure and shutdown do not. */
  readonly countsAttempt: boolean;
  /** As the claimed row said. */
  readonly notify: boolean;
  /** For delayed: milliseconds from now. */
  readonly delayMs?: number;
  /** For delayed: it goes on in this lane; the one it leaves becomes its first. */
  readonly laneId?: number;
  readonly result?: Buffer;
  readonly error?: { readonly code: string; readonly sealed: Buffer };
  readonly processingMs?: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly upstream?: string;
  /** When it ended, by the clock of whoever says so; by the database's unless given. */
  readonly completedAt?: number;
  /** Rows that are added in the same commit if this is written. With them, be they none, no event is left in the outbox. */
  readonly added?: readonly AddedRow[];
  /** Given the row as this has left it, before `settle` resolves: for who waits for it, and need not read it again. */
  readonly onWritten?: (row: RequestRow) => void;
}

/** How one processing ended for good. */
export type FinalSettlement = Settlement & { readonly to: 'completed' | 'failed' | 'expired' };

export function isFinal(settlement: Settlement): settlement is FinalSettlement {
  return settlement.to !== 'delayed' && settlement.to !== 'pending';
}

export interface RequestRow {
  readonly id: string;
  readonly laneId: number;
  /** The lane it was accepted into, when it has left that for the lane of another model. */
  readonly firstLaneId: number | null;
  readonly keyId: string;
  readonly state: State;
  readonly priority: number;
  readonly attempts: number;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly runAt: number | null;
  readonly deadlineAt: number | null;
  readonly processingMs: number | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly upstream: string | null;
  readonly errorCode: string | null;
  readonly metadata: Buffer | null;
  readonly result: Buffer | null;
  readonly error: Buffer | null;
  readonly callback: Buffer | null;
  readonly retryOf: string | null;
  readonly retriedAs: string | null;
  readonly retryNote: Buffer | null;
  readonly discardedAt: number | null;
  readonly discardReason: Buffer | null;
  readonly deliveries: number;
  /** Of its last claim: what its result is of. */
  readonly fence: number;
  /** The batch it came with. */
  readonly batchId: string | null;
  /** The client's name for it in that batch, sealed. */
  readonly customId: Buffer | null;
}

/** Without its content, which may be long. */
export type FactsRow = Pick<
  RequestRow,
  | 'id'
  | 'laneId'
  | 'keyId'
  | 'state'
  | 'attempts'
  | 'createdAt'
  | 'completedAt'
  | 'errorCode'
  | 'metadata'
  | 'callback'
>;

export interface AttemptRow {
  readonly requestId: string;
  readonly fence: number;
  readonly upstream: string | null;
  readonly errorCode: string;
  readonly error: Buffer | null;
  readonly endedAt: number;
}

export interface UsageRange {
  /** Absent: of every key. */
  readonly keyId?: string;
  /** Ids from this one on, and below that one. */
  readonly from: string;
  readonly before: string;
}

export interface StateUsage {
  readonly state: State;
  readonly count: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface ListFilter {
  /** Without what is sealed: these parts are null in the rows. */
  readonly isBare?: boolean;
  /** Absent: of every key. */
  readonly keyId?: string;
  readonly errorCode?: string;
  /** Only failed requests that were neither retried nor discarded. */
  readonly isDeadLetter?: boolean;
  readonly limit: number;
  /** The row with which the results come to so many bytes is the last one. Not asked of bare and of failed rows. */
  readonly maxBytes?: number;
  /** Only ids below this one: where the page before ended. */
  readonly before?: string;
  /** Only ids from this one on. */
  readonly from?: string;
  readonly states?: readonly State[];
  readonly model?: string;
  readonly queue?: string;
  readonly createdAfter?: number;
  readonly createdBefore?: number;
}
