/** All that waits for one model: its lists, the lanes whose tokens are held here, and the rows that were claimed ahead. */
import type { Token } from '../../engines/active-lanes/active-lanes.ts';
import type { ClaimedRow, LaneName } from '../../engines/ledger/ledger.ts';
import { idTime } from '../../kernel/ids.ts';
import { Account } from './account.ts';
import { type Contender, HIGH_BAND, isBefore, type Place } from './pick-turns.ts';

/** One (queue, band, model). */
export interface ActiveList {
  readonly name: string;
  readonly band: number;
  held: HeldLane[];
  /** False once the line gave less than was asked of it; true again when somebody says so. */
  mayHaveMore: boolean;
}

export interface HeldLane extends Contender {
  readonly id: number;
  /** Null: it came from the door, and nobody else is there who could want it. */
  readonly token: Token | null;
  readonly name: LaneName;
  readonly list: ActiveList;
  /** By performance.now(). */
  readonly since: number;
  oldestMs: number | undefined;
}

/** A row that is ours, until it has left its slot. */
export interface ClaimedAhead extends Place {
  readonly row: ClaimedRow;
  readonly lane: LaneName;
  readonly chargedMs: number;
  /** There was a free slot, but none for this row. */
  isRefused: boolean;
}

/** Rows longer than this are not claimed ahead: a claim takes nothing compared with them. */
const LONG_MS = 1_000;
const SHORT_MS = 200;
const MOST_AHEAD = 128;

export class Pool {
  readonly model: string;
  readonly account: Account;
  readonly lists = new Map<string, ActiveList>();
  /** In the order of their starts. */
  ready: ClaimedAhead[] = [];
  /** Rows that are being stored as claimed: each will need a slot in a moment. */
  coming = 0;
  readonly #running = new Map<ClaimedRow, ClaimedAhead>();
  /** Since when there may be lanes that nothing is known of. */
  #maybeSinceMs: number | undefined;

  constructor(model: string, weightOf: (keyId: string) => number) {
    this.model = model;
    this.account = new Account(weightOf);
  }

  get held(): HeldLane[] {
    return [...this.lists.values()].flatMap((list) => list.held);
  }

  /** Rows that are in their slots. */
  get running(): number {
    return this.#running.size;
  }

  get runningHigh(): number {
    let count = 0;
    for (const { isHigh } of this.#running.values()) if (isHigh) count += 1;
    return count;
  }

  /** Whether a row of the same key that is no less urgent waits here already. */
  hasWaiting({ keyId, band }: LaneName): boolean {
    return this.ready.some(({ lane, isRefused }) => !isRefused && lane.keyId === keyId && lane.band >= band);
  }

  addList(name: string, band: number): void {
    this.lists.set(name, { name, band, held: [], mayHaveMore: true });
  }

  hold(
    list: ActiveList,
    lane: Omit<HeldLane, 'list' | keyof Contender>,
    oldestMs: number | undefined,
  ): HeldLane {
    const { keyId, queue, band } = lane.name;
    const held = { ...lane, list, keyId, queue, band, oldestMs };
    list.held.push(held);
    this.account.enter(keyId);
    return held;
  }

  /** They are no longer held. */
  letGo(lanes: readonly HeldLane[]): void {
    const gone = new Set(lanes);
    for (const list of new Set(lanes.map((lane) => lane.list)))
      list.held = list.held.filter((lane) => !gone.has(lane));
    for (const { keyId } of gone) this.account.leave(keyId);
  }

  /** A row that was just claimed, put where it belongs among those that wait. */
  add(row: ClaimedRow, { lane, rank }: { lane: LaneName; rank: number }): void {
    const hadMs = this.account.hadMs(lane.keyId);
    const chargedMs = this.account.charge(lane.keyId);
    this.account.enter(lane.keyId);
    const one = { row, lane, rank, hadMs, chargedMs, isHigh: lane.band >= HIGH_BAND, isRefused: false };
    // From the end: most that come are the last.
    let at = this.ready.length;
    while (at > 0 && isBefore(one, this.ready[at - 1]!)) at -= 1;
    this.ready.splice(at, 0, one);
  }

  /** The one at this place leaves the line for its slot. */
  starts(at: number): void {
    const [one] = this.ready.splice(at, 1);
    this.#running.set(one!.row, one!);
  }

  /** There was no slot for it: it is back in its place. */
  refused(one: ClaimedAhead, at: number): void {
    one.isRefused = true;
    this.#running.delete(one.row);
    this.ready.splice(at, 0, one);
  }

  /** It has left its slot; false when it was not running here. */
  ended(row: ClaimedRow, slotMs: number): boolean {
    const one = this.#running.get(row);
    if (!one) return false;
    this.#running.delete(row);
    this.account.settle(one.lane.keyId, one.chargedMs, slotMs);
    this.account.leave(one.lane.keyId);
    return true;
  }

  /** Takes rows out that will not run here. */
  drop(rows: readonly ClaimedAhead[]): void {
    const gone = new Set(rows);
    this.ready = this.ready.filter((one) => !gone.has(one));
    for (const { lane, chargedMs } of gone) {
      this.account.refund(lane.keyId, chargedMs);
      this.account.leave(lane.keyId);
    }
  }

  /**
   * How many rows to have at hand for slots that will be free: one a slot when rows are short, more when a claim takes
   * longer than a row, none when rows are long.
   */
  ahead(capacity: number, claimMs: number): number {
    const { meanMs = SHORT_MS } = this.account;
    if (capacity <= 0 || meanMs >= LONG_MS) return 0;
    if (meanMs > SHORT_MS) return 1;
    const duringClaim = Math.ceil((capacity * 2 * claimMs) / Math.max(meanMs, 0.1));
    return Math.max(capacity, Math.min(duringClaim, MOST_AHEAD));
  }

  /** Since when the oldest that could start waits, as far as is known; undefined when nothing does. */
  waitsSince(nowMs: number, hasRoom: (lane: HeldLane) => boolean): number | undefined {
    const times = this.ready.map(({ row }) => idTime(row.id));
    let isMaybe = false;
    for (const list of this.lists.values()) {
      for (const lane of list.held) if (hasRoom(lane)) times.push(lane.oldestMs ?? nowMs);
      isMaybe ||= list.mayHaveMore;
    }
    this.#maybeSinceMs = isMaybe || times.length > 0 ? (this.#maybeSinceMs ?? nowMs) : undefined;
    if (isMaybe) times.push(this.#maybeSinceMs!);
    return times.length > 0 ? Math.min(...times) : undefined;
  }
}
