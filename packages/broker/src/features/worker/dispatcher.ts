/** Whose turn it is: holds tokens of active lanes, claims from many of them in one flush, and starts rows as slots fall free. */
import type { Lane } from '../../engines/active-lanes/active-lanes.ts';
import { LedgerUnavailable, type ClaimedRow, type Held, type LaneName } from '../../engines/ledger/ledger.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { idTime } from '../../kernel/ids.ts';
import { listOf } from '../../kernel/lanes.ts';
import { HIGH_BAND, pickTurns, rankOf } from './pick-turns.ts';
import type { DispatcherDeps, Room } from './dispatcher-deps.ts';
import { Hands } from './hands.ts';
import { Paces } from './paces.ts';
import { type ClaimedAhead, type HeldLane, Pool } from './pool.ts';
import { prepareNext } from './prepare-next.ts';
import { UnderWay } from './under-way.ts';
import type { KnownLine, Pace } from './waits.ts';

interface Turn {
  readonly pool: Pool;
  readonly lane: HeldLane;
  readonly rank: number;
  readonly limit: number;
}

/** The slots of a model as they are at the moment. */
interface Seats {
  /** Without those that rows will need which are being stored as claimed. */
  readonly free: number;
  /** How many could run at once, those that run included. */
  readonly capacity: number;
}

/** After the database was found away. The sweep wakes us sooner or later anyway; this keeps others from doing it often. */
const REST_MS = 1_000;
/** Rows that may wait here, as a multiple of those that were meant to: each key that is entitled to be first adds some. */
const MOST_WAITING = 4;
const NEWEST = 0.2;

/**
 * Claiming happens in `round`, one at a time: fill the hands with tokens, decide who is next, claim from all their lanes
 * in one flush. Rows start whenever a slot is free, without waiting for a round. `wake` asks for rounds until one finds
 * nothing to do.
 */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #pools = new Map<string, Pool>();
  readonly #lists = new Map<string, Pool>();
  readonly #underWay: UnderWay;
  readonly #hands: Hands;
  readonly #paces: Paces;
  readonly #prepareNext: () => void;
  #claimMs = 5;
  #running: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  #rest: NodeJS.Timeout | null = null;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#underWay = new UnderWay(deps.caps);
    this.#paces = new Paces(deps.slots, this.#pools);
    this.#prepareNext = prepareNext(deps, this.#pools);
    this.#hands = new Hands({
      ...deps,
      isAlone: () => this.#isAlone(),
      offer: (lane, name) => this.offer(lane, name),
    });
  }

  /**
   * A lane has work. True when it is seen to here: it is held already, or nobody else could want it, and then no token
   * has to go around. Its rows are found by others all the same when this broker dies, as those of every lane.
   */
  offer(lane: Lane, name: LaneName): boolean {
    if (this.#hands.has(lane.id)) {
      // Behind a row of its key that waits here: the end of a call brings the turn of both.
      if (this.#lists.get(lane.list)?.hasWaiting(name)) return true;
    } else {
      if (this.#stopped || !this.#isAlone() || this.#deps.slots.capacity(name.model) <= 0) return false;
      this.know(name);
      if (!this.#hands.takeIn(this.#lists.get(lane.list)!, lane, name)) return false;
    }
    this.wake();
    return true;
  }

  /**
   * For a row that would start at once because nothing waits and a slot is free: stored as claimed it needs no claim.
   * Null when it has to stand in line.
   */
  makeRoom(lane: LaneName): Room | null {
    const { slots, owner, leaseMs } = this.#deps;
    if (this.#stopped || this.#running || this.#rest) return null;
    this.know(lane);
    const pool = this.#lists.get(listOf(lane))!;
    if (pool.ready.length > 0) return null;
    const free = slots.free(lane.model) - pool.coming;
    if (free <= 0) return null;
    if (lane.band < HIGH_BAND && this.#mustKeepFree(pool, free)) return null;
    const { ofKey, ofQueue } = this.#underWay.roomOf(lane);
    if (ofKey <= 0 || ofQueue <= 0) return null;
    pool.coming += 1;
    this.#underWay.count(lane, 1);
    const leave = (): void => {
      pool.coming -= 1;
      this.#underWay.count(lane, -1);
    };
    return {
      claimed: { owner, leaseMs },
      enter: (row) => {
        leave();
        this.#take(row, { pool, lane, rank: lane.band });
        this.#startReady(pool);
      },
      giveUp: ({ mayBeStored }) => {
        leave();
        if (mayBeStored) this.#deps.onFailed?.();
        this.wake();
      },
    };
  }

  /** A lane of this list may have work. False when the list is not known here yet. */
  heard(listName: string): boolean {
    const list = this.#lists.get(listName)?.lists.get(listName);
    if (!list) return false;
    list.mayHaveMore = true;
    this.wake();
    return true;
  }

  /** Makes a lane's list known. */
  know(lane: LaneName): void {
    const name = listOf(lane);
    if (this.#lists.has(name)) return;
    const { weightOf = () => 1 } = this.#deps;
    const pool = this.#pools.get(lane.model) ?? new Pool(lane.model, weightOf);
    this.#pools.set(lane.model, pool);
    this.#lists.set(name, pool);
    pool.addList(name, lane.band);
  }

  /** When the oldest row of each lane with work was accepted, as the sweep has just read it. */
  saw(oldest: Map<number, number>): void {
    this.#hands.saw(oldest);
  }

  oldest(): ReadonlyMap<number, number> {
    return this.#hands.oldest;
  }

  /** What is known here of a model's line. */
  lineOf(model: string): KnownLine {
    return this.#paces.lineOf(model);
  }

  /** How fast each model goes that can start here. */
  paces(): Record<string, Pace> {
    return this.#paces.all();
  }

  isHeld(laneId: number): boolean {
    return this.#hands.has(laneId);
  }

  /** Rows that are ours and have not started. */
  waiting(): Held[] {
    return [...this.#pools.values()].flatMap(({ ready }) => ready.map(({ row }) => row));
  }

  /** A row that waits is not ours any more. With a fence only the one under it. */
  drop(id: string, fence?: number): void {
    this.#drop(({ row }) => row.id === id && (fence ?? row.fence) === row.fence);
  }

  /** A row that started here has left its slot after so long. To be called before the slot is free for others. */
  ended(row: ClaimedRow, lane: LaneName, slotMs: number): void {
    this.#paces.ended(lane, slotMs);
    if (this.#pools.get(lane.model)?.ended(row, slotMs)) this.#underWay.count(lane, -1);
  }

  /** Something changed: a slot is free, a lane became active. */
  wake(): void {
    for (const pool of this.#pools.values()) this.#startReady(pool);
    this.#again = true;
    if (!this.#rest) this.#running ??= this.#run();
  }

  /** Keeps tokens that will be used. Where there is no slot, or no room for the key, they go back: others may have both. */
  async keepTokens(): Promise<void> {
    for (const pool of this.#pools.values()) {
      if (!this.#isAlone()) {
        const isUseful = this.#deps.slots.free(pool.model) > 0;
        const useless = pool.held.filter((lane) => !isUseful || !this.#hasRoom(lane));
        await this.#hands.giveBack(pool, useless);
      }
      await this.#hands.renew(pool);
      // What cannot start here for now may start elsewhere, and is to stand in line with the others.
      const isHeldBack = this.#isHeldBack(pool, this.#seatsOf(pool));
      const stays = pool.ready.filter(({ lane }) => isHeldBack || this.#underWay.isPaused(lane));
      if (stays.length > 0) await this.#handBack(stays);
    }
    if (this.#pools.size > 1) this.wake();
  }

  /** Claims nothing any more and gives back what it holds. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#rest ?? undefined);
    await this.#running;
    await this.#hands.rest();
    for (const pool of this.#pools.values()) {
      await this.#handBack(pool.ready);
      await this.#hands.giveBack(pool, pool.held);
    }
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped && !this.#rest) {
      this.#again = false;
      try {
        if (await this.#round()) this.#again = true;
      } catch (error) {
        this.#deps.onFailed?.();
        // That the database is away was said by those who watch it.
        if (error instanceof LedgerUnavailable) this.#takeRest();
        else this.#deps.logger.warn({ err: error }, 'a dispatch failed');
      }
    }
    this.#running = null;
    if (this.#again && !this.#stopped) this.wake();
  }

  #takeRest(): void {
    this.#again = true;
    this.#rest = setTimeout(() => {
      this.#rest = null;
      this.wake();
    }, REST_MS);
  }

  /** Whether any lane had its turn: then there may be more to do, also when none had rows and its share is still free. */
  async #round(): Promise<boolean> {
    const pools = [...this.#pools.values()];
    this.#tellDemand(pools);
    const turns = (await Promise.all(pools.map((pool) => this.#turnsOf(pool)))).flat();
    if (turns.length === 0) return false;
    const { ledger, owner, leaseMs } = this.#deps;
    const held = failpoint('dispatch.before_claim');
    if (held && (await held) === 'duplicate') turns.push(...turns);
    const began = performance.now();
    const answers = await Promise.allSettled(
      turns.map(({ lane, limit }) => ledger.claim({ laneId: lane.id, limit, owner, leaseMs })),
    );
    this.#claimMs += NEWEST * (performance.now() - began - this.#claimMs);
    const claimed = failpoint('dispatch.after_claim');
    if (claimed) await claimed;
    const empty: Turn[] = [];
    for (const [index, turn] of turns.entries()) {
      const answer = answers[index]!;
      if (answer.status === 'rejected') continue;
      const { pool, lane, rank } = turn;
      for (const row of answer.value) this.#take(row, { pool, lane: lane.name, rank });
      const last = answer.value.at(-1);
      if (last) lane.oldestMs = Math.max(lane.oldestMs ?? 0, idTime(last.id));
      if (answer.value.length < turn.limit) empty.push(turn);
    }
    for (const pool of pools) this.#startReady(pool);
    this.#prepareNext();
    this.#hands.retire(empty);
    this.#hands.rotate(pools, (pool) => this.#isSated(pool));
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed) throw failed.reason;
    return true;
  }

  /** One model alone never has to give way. */
  #tellDemand(pools: readonly Pool[]): void {
    const { slots } = this.#deps;
    if (!slots.demand || pools.length < 2) return;
    const nowMs = Date.now();
    const since = pools.map((pool) => [pool.model, pool.waitsSince(nowMs, this.#hasRoom)] as const);
    slots.demand(new Map(since.filter((one): one is readonly [string, number] => one[1] !== undefined)));
    for (const pool of pools) this.#startReady(pool);
  }

  readonly #hasRoom = ({ name }: HeldLane): boolean =>
    Math.min(...Object.values(this.#underWay.roomOf(name))) > 0;

  #seatsOf({ model, coming }: Pool): Seats {
    const { slots } = this.#deps;
    return { free: slots.free(model) - coming, capacity: slots.capacity(model) };
  }

  /** Nothing of the model may start, and nothing runs whose end would change that. */
  #isHeldBack({ running, coming }: Pool, { free, capacity }: Seats): boolean {
    return capacity === 0 || (running === 0 && free + coming <= 0);
  }

  /** Places for rows that are claimed and have not started: those that start at once, and those that are next. */
  #places(pool: Pool, { free, capacity }: Seats): number {
    return free + pool.ahead(capacity, this.#claimMs);
  }

  /**
   * How many of these places are to be filled now. While all slots are taken and three in four of those who are next are
   * at hand, none but for who overtakes: so a claim takes several rows, and not one for each slot that has become free,
   * and when all calls end in one moment, nearly all slots have somebody who goes on.
   */
  #wanted({ ready }: Pool, { free, capacity }: Seats, places: number): number {
    const isEnough = ready.length > Math.max(places / 2, (Math.min(places, capacity) * 3) / 4);
    return free <= 0 && isEnough ? Math.min(places, ready.length) : places;
  }

  #isSated(pool: Pool): boolean {
    const seats = this.#seatsOf(pool);
    return this.#wanted(pool, seats, this.#places(pool, seats)) <= pool.ready.length;
  }

  async #turnsOf(pool: Pool): Promise<Turn[]> {
    const ageingMs = this.#deps.ageingMs?.() ?? 0;
    const seats = this.#seatsOf(pool);
    if (this.#isHeldBack(pool, seats)) return [];
    const mostPlaces = this.#places(pool, seats);
    const places = this.#wanted(pool, seats, mostPlaces);
    const ready = pool.ready.filter(({ isRefused }) => !isRefused);
    if (places <= 0 || pool.ready.length >= MOST_WAITING * mostPlaces) return [];
    await this.#hands.fill(pool, places - ready.length, this.#hasRoom);
    const nowMs = Date.now();
    const turns = pickTurns(pool.held, ready, {
      ...{ places, nowMs, ageingMs },
      lowPlaces: this.#left(pool, seats) + places - seats.free - this.#keptFree(pool, seats.capacity),
      room: ({ name }) => this.#underWay.roomOf(name),
      hadMs: (keyId) => pool.account.hadMs(keyId),
      costMs: (keyId) => pool.account.costMs(keyId),
    });
    return [...turns].map(([lane, limit]) => {
      const rank = rankOf(lane.band, nowMs - (lane.oldestMs ?? nowMs), ageingMs);
      return { pool, lane, limit, rank };
    });
  }

  /** Whether a row of a lower band has to leave the slots alone that are free. */
  #mustKeepFree(pool: Pool, free: number): boolean {
    if (this.#reserved === 0) return false;
    const capacity = this.#deps.slots.capacity(pool.model);
    return this.#left(pool, { free, capacity }) <= this.#keptFree(pool, capacity);
  }

  /** Slots that rows of lower bands must leave free now. At least one is for everybody. */
  #keptFree(pool: Pool, capacity: number): number {
    return Math.max(0, Math.min(this.#reserved, capacity - 1) - pool.runningHigh);
  }

  get #reserved(): number {
    return this.#deps.reservedSlots?.() ?? 0;
  }

  /** Slots that could be used; some of them not yet while a model is loaded. */
  #left({ running, coming }: Pool, { free, capacity }: Seats): number {
    return Math.max(free, capacity - running - coming);
  }

  #take(row: ClaimedRow, { pool, lane, rank }: { pool: Pool; lane: LaneName; rank: number }): void {
    // Claimed again here: what waits under an older fence has lost its lease.
    this.drop(row.id);
    pool.add(row, { lane, rank });
    this.#underWay.count(lane, 1);
  }

  #startReady(pool: Pool): void {
    const { slots, start } = this.#deps;
    for (let at = 0; at < pool.ready.length;) {
      const free = slots.free(pool.model) - pool.coming;
      if (free <= 0) return;
      const one = pool.ready[at]!;
      if (one.isHigh || !this.#mustKeepFree(pool, free)) {
        // It is out of the line before it starts: one that is too late leaves its slot at once, and that wakes us again.
        pool.starts(at);
        if (!this.#underWay.isPaused(one.lane) && start(one.row, one.lane)) continue;
        pool.refused(one, at);
      }
      at += 1;
    }
  }

  async #handBack(waiting: readonly ClaimedAhead[]): Promise<void> {
    const rows = new Set(waiting.map(({ row }) => row));
    this.#drop(({ row }) => rows.has(row));
    if (rows.size > 0) await this.#deps.handBack([...rows]);
  }

  #drop(isMeant: (one: ClaimedAhead) => boolean): void {
    for (const pool of this.#pools.values()) {
      const gone = pool.ready.filter(isMeant);
      if (gone.length > 0) pool.drop(gone);
      for (const { lane } of gone) this.#underWay.count(lane, -1);
    }
  }

  #isAlone(): boolean {
    return this.#deps.isAlone?.() ?? false;
  }
}
