/** The lanes a dispatcher holds: taken from the line or in at the door, kept while they are of use, and passed on. */
import type { ActiveLanes, Lane, Token } from '../../engines/active-lanes/active-lanes.ts';
import { LedgerUnavailable, type LaneName, type Ledger } from '../../engines/ledger/ledger.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { ActiveList, HeldLane, Pool } from './pool.ts';

export interface HandsDeps {
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly logger: Logger;
  readonly isAlone: () => boolean;
  /** As the dispatcher's own. */
  readonly offer: (lane: Lane, name: LaneName) => boolean;
}

/** A lane goes back to the end of the line after this time, if others want it: by time, so that a row costs no rotation. */
const HOLD_MS = 20;
/** Lanes of one list that are held when nobody else wants them. */
const HANDFUL = 256;

export class Hands {
  readonly #deps: HandsDeps;
  /** By lane id. */
  readonly #held = new Map<number, HeldLane>();
  readonly #background = new Set<Promise<void>>();
  #oldest: ReadonlyMap<number, number> = new Map();

  constructor(deps: HandsDeps) {
    this.#deps = deps;
  }

  has(laneId: number): boolean {
    return this.#held.has(laneId);
  }

  get oldest(): ReadonlyMap<number, number> {
    return this.#oldest;
  }

  /** When the oldest row of each lane with work was accepted. */
  saw(oldest: ReadonlyMap<number, number>): void {
    this.#oldest = oldest;
    for (const lane of this.#held.values()) lane.oldestMs = oldest.get(lane.id) ?? lane.oldestMs;
  }

  /** Holds a lane without a token; false when there are too many. */
  takeIn(pool: Pool, lane: Lane, name: LaneName): boolean {
    const list = pool.lists.get(lane.list)!;
    if (list.held.length >= HANDFUL) return false;
    this.#hold(pool, list, { id: lane.id, token: null, name });
    return true;
  }

  /** `open`: how many rows could be used. Where others want tokens, one more: the next lane is at hand when a slot falls free. */
  async fill(pool: Pool, open: number, hasRoom: (lane: HeldLane) => boolean): Promise<void> {
    const unknown = [...pool.lists.values()].filter(({ mayHaveMore }) => mayHaveMore);
    if (unknown.length === 0) return;
    await Promise.all(unknown.map((list) => this.#fillFrom(list, pool, { open, hasRoom })));
  }

  async #fillFrom(
    list: ActiveList,
    pool: Pool,
    { open, hasRoom }: { open: number; hasRoom: (lane: HeldLane) => boolean },
  ): Promise<void> {
    const overtakes = pool.ready.some(({ rank }) => rank < list.band);
    const useful = open > 0 ? open + 1 : Number(overtakes);
    // A lane whose key may have no more here is in nobody's way.
    const idle = list.held.filter((lane) => !hasRoom(lane)).length;
    const most = this.#deps.isAlone() ? HANDFUL : Math.min(HANDFUL, useful + idle);
    const wanted = most - list.held.length;
    if (wanted <= 0) return;
    list.mayHaveMore = false;
    const tokens = await this.#deps.activeLanes.next(list.name, wanted);
    if (tokens.length === wanted) list.mayHaveMore = true;
    for (const token of tokens) {
      const name = await this.#deps.ledger.lanes.nameOf(token.lane.id);
      // A second token of one lane may exist after a repair; one is enough.
      if (!this.has(token.lane.id)) this.#hold(pool, list, { id: token.lane.id, token, name });
    }
  }

  /** Lanes that were found empty leave the line; nobody has to wait for it. */
  retire(empty: readonly { readonly pool: Pool; readonly lane: HeldLane }[]): void {
    if (empty.length === 0) return;
    for (const { pool, lane } of empty) this.#letGo(pool, [lane]);
    this.#inBackground(this.#takeOff(empty.map(({ lane }) => lane)));
  }

  /**
   * Lanes that were held for long go back, when other lanes wait in line or other brokers for the same. Those of a pool
   * that has all it can use go back at once: another broker may have free slots.
   */
  rotate(pools: readonly Pool[], isSated: (pool: Pool) => boolean): void {
    const isAlone = this.#deps.isAlone();
    for (const pool of pools) {
      const before = performance.now() - (!isAlone && isSated(pool) ? 0 : HOLD_MS);
      const long = [...pool.lists.values()]
        .filter((list) => !isAlone || (list.mayHaveMore && list.held.length >= HANDFUL))
        .flatMap((list) => list.held.filter((lane) => lane.since < before));
      if (long.length > 0) this.#inBackground(this.giveBack(pool, long));
    }
  }

  /** A token that is no longer ours stands in line again, or will at the next sweep. */
  async renew(pool: Pool): Promise<void> {
    const lanes = pool.held;
    const tokens = tokensOf(lanes);
    if (tokens.length === 0) return;
    const kept = await this.#deps.activeLanes.renew(tokens);
    const receipts = new Set(kept.map((token) => token.receipt));
    const isLost = ({ token }: HeldLane): boolean => token !== null && !receipts.has(token.receipt);
    this.#letGo(pool, lanes.filter(isLost));
  }

  async giveBack(pool: Pool, lanes: readonly HeldLane[]): Promise<void> {
    if (lanes.length === 0) return;
    this.#letGo(pool, lanes);
    const { activeLanes } = this.#deps;
    const without = lanes.filter(({ token }) => token === null);
    if (without.length < lanes.length) await activeLanes.giveBack(tokensOf(lanes));
    if (without.length > 0) await activeLanes.activate(without.map(laneOf));
  }

  /** Resolves when nothing is being passed on any more. */
  async rest(): Promise<void> {
    await Promise.all(this.#background);
  }

  #hold(pool: Pool, list: ActiveList, lane: Pick<HeldLane, 'id' | 'token' | 'name'>): void {
    const held = pool.hold(list, { ...lane, since: performance.now() }, this.#oldest.get(lane.id));
    this.#held.set(lane.id, held);
  }

  #letGo(pool: Pool, lanes: readonly HeldLane[]): void {
    const held = lanes.filter((lane) => this.#held.get(lane.id) === lane);
    pool.letGo(held);
    for (const { id } of held) this.#held.delete(id);
  }

  /** In this order no wake-up is lost: off the line, then a look at the rows, and back on it if there are any. */
  async #takeOff(held: readonly HeldLane[]): Promise<void> {
    const { activeLanes, ledger, offer } = this.#deps;
    const tokens = tokensOf(held);
    const before = failpoint('lanes.before_retire');
    if (before && (await before) === 'duplicate') await activeLanes.retire(tokens);
    if (tokens.length > 0) await activeLanes.retire(tokens);
    const retired = failpoint('lanes.after_retire');
    if (retired) await retired;
    const lanes = new Map(held.map((lane) => [lane.id, lane]));
    const refilled = await ledger.sweeps.lanesWithWork([...lanes.keys()]);
    const others = refilled
      .map(({ laneId }) => lanes.get(laneId)!)
      .filter((lane) => !offer(laneOf(lane), lane.name));
    if (others.length > 0) await activeLanes.activate(others.map(laneOf));
  }

  #inBackground(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        // The sweep puts lanes in line that have work, whatever became of their tokens.
        if (!(error instanceof LedgerUnavailable))
          this.#deps.logger.warn({ err: error }, 'lanes could not be passed on');
      })
      .finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }
}

function laneOf({ id, list }: HeldLane): Lane {
  return { id, list: list.name };
}

function tokensOf(lanes: readonly HeldLane[]): Token[] {
  return lanes.flatMap(({ token }) => (token ? [token] : []));
}
