/** Whose turn it is: holds tokens of active lanes and claims from many lanes in one flush, as far as slots are free. */
import type { ActiveLanes, Lane, Token } from '../../engines/active-lanes/active-lanes.ts';
import {
  LedgerUnavailable,
  type ClaimedRow,
  type LaneName,
  type Ledger,
} from '../../engines/ledger/ledger.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { listOf } from '../../kernel/lanes.ts';
import type { Logger } from '../../kernel/logger.ts';

export interface DispatcherDeps {
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly logger: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  /** How many calls of a model could start now. */
  readonly free: (model: string) => number;
  /** Starts a claimed row at once; what it takes of `free` is taken when it returns. */
  readonly start: (row: ClaimedRow, lane: LaneName) => void;
  /** A dispatch failed: rows may be claimed for us that nobody will start. */
  readonly onFailed?: () => void;
}

/** One (queue, band, model). */
interface ActiveList {
  readonly name: string;
  readonly band: number;
  readonly model: string;
  /** Lanes whose tokens are held, in the order of their turns. */
  held: HeldLane[];
  /** False once the line gave less than was asked of it; true again when somebody says so. */
  mayHaveMore: boolean;
}

interface HeldLane {
  readonly token: Token;
  readonly name: LaneName;
  readonly since: number;
}

interface Turn {
  readonly list: ActiveList;
  readonly lane: HeldLane;
  readonly limit: number;
}

/** After the database was found away. The sweep wakes us sooner or later anyway; this keeps others from doing it often. */
const REST_MS = 1_000;
/** A lane goes back to the end of the line after this time, if others wait there: by time, so that a row costs no rotation. */
const HOLD_MS = 20;

/**
 * Everything happens in `round`, one at a time: fill the hands with tokens, claim from all held lanes in one flush,
 * start the rows, retire lanes that came up short, rotate. `wake` asks for rounds until one finds nothing to do.
 */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #lists = new Map<string, ActiveList>();
  #running: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  #rest: NodeJS.Timeout | null = null;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  /** A lane of this list may have work. False when the list is not known here yet. */
  heard(listName: string): boolean {
    const list = this.#lists.get(listName);
    if (!list) return false;
    list.mayHaveMore = true;
    this.wake();
    return true;
  }

  /** Makes a lane's list known. */
  know(lane: LaneName): void {
    const name = listOf(lane);
    if (this.#lists.has(name)) return;
    this.#lists.set(name, { name, band: lane.band, model: lane.model, held: [], mayHaveMore: true });
  }

  isHeld(laneId: number): boolean {
    for (const list of this.#lists.values())
      if (list.held.some((one) => one.token.lane.id === laneId)) return true;
    return false;
  }

  /** Something changed: a slot is free, a lane became active. */
  wake(): void {
    this.#again = true;
    if (!this.#rest) this.#running ??= this.#run();
  }

  /** Keeps tokens that will be used; those whose model has no free slot go back, for another broker may have one. */
  async keepTokens(): Promise<void> {
    for (const list of this.#lists.values()) {
      if (list.held.length === 0) continue;
      if (this.#deps.free(list.model) > 0) await this.#renew(list, list.held);
      else await this.#giveBack(list, list.held);
    }
  }

  /** Claims nothing any more and gives back what it holds. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#rest ?? undefined);
    await this.#running;
    for (const list of this.#lists.values()) await this.#giveBack(list, list.held);
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
    const turns = await this.#turns();
    if (turns.length === 0) return false;
    const { ledger, owner, leaseMs } = this.#deps;
    const held = failpoint('dispatch.before_claim');
    if (held && (await held) === 'duplicate') turns.push(...turns);
    const answers = await Promise.allSettled(
      turns.map(({ lane, limit }) => ledger.claim({ laneId: lane.token.lane.id, limit, owner, leaseMs })),
    );
    const claimed = failpoint('dispatch.after_claim');
    if (claimed) await claimed;
    const empty: Turn[] = [];
    for (const [index, turn] of turns.entries()) {
      const answer = answers[index]!;
      const rows = answer.status === 'fulfilled' ? answer.value : [];
      for (const row of rows) this.#deps.start(row, turn.lane.name);
      if (answer.status === 'fulfilled' && rows.length < turn.limit) empty.push(turn);
    }
    await this.#retire(empty);
    await this.#rotate();
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed) throw failed.reason;
    return true;
  }

  /** Higher bands first; within a list the free slots are shared among the lanes that are held. */
  async #turns(): Promise<Turn[]> {
    const turns: Turn[] = [];
    const free = new Map<string, number>();
    const inOrder = [...this.#lists.values()].sort((a, b) => b.band - a.band);
    for (const list of inOrder) {
      let left = free.get(list.model) ?? this.#deps.free(list.model);
      if (left > 0) await this.#fillHands(list, left);
      const share = Math.max(1, Math.floor(left / Math.max(1, list.held.length)));
      for (const lane of list.held) {
        if (left <= 0) break;
        const limit = Math.min(share, left);
        turns.push({ list, lane, limit });
        left -= limit;
      }
      // Who had a turn now is last the next time.
      const had = turns.filter((turn) => turn.list === list).length;
      list.held.push(...list.held.splice(0, had));
      free.set(list.model, left);
    }
    return turns;
  }

  /** One token more than slots: the next lane is at hand when a slot falls free. */
  async #fillHands(list: ActiveList, free: number): Promise<void> {
    const wanted = free + 1 - list.held.length;
    if (!list.mayHaveMore || wanted <= 0) return;
    list.mayHaveMore = false;
    const tokens = await this.#deps.activeLanes.next(list.name, wanted);
    if (tokens.length === wanted) list.mayHaveMore = true;
    const since = performance.now();
    for (const token of tokens) {
      const name = await this.#deps.ledger.lanes.nameOf(token.lane.id);
      // A second token of one lane may exist after a repair; one is enough.
      if (this.isHeld(token.lane.id)) continue;
      list.held.push({ token, name, since });
    }
  }

  /** In this order no wake-up is lost: off the line, then a look at the rows, and back on it if there are any. */
  async #retire(turns: readonly Turn[]): Promise<void> {
    if (turns.length === 0) return;
    for (const { list, lane } of turns) list.held = list.held.filter((one) => one !== lane);
    const tokens = turns.map((turn) => turn.lane.token);
    const held = failpoint('lanes.before_retire');
    if (held && (await held) === 'duplicate') await this.#deps.activeLanes.retire(tokens);
    await this.#deps.activeLanes.retire(tokens);
    const retired = failpoint('lanes.after_retire');
    if (retired) await retired;
    const lanes = new Map<number, Lane>(turns.map(({ lane }) => [lane.token.lane.id, lane.token.lane]));
    const refilled = await this.#deps.ledger.sweeps.lanesWithWork([...lanes.keys()]);
    if (refilled.length > 0)
      await this.#deps.activeLanes.activate(refilled.map(({ laneId }) => lanes.get(laneId)!));
  }

  async #rotate(): Promise<void> {
    const before = performance.now() - HOLD_MS;
    for (const list of this.#lists.values()) {
      if (list.mayHaveMore)
        await this.#giveBack(
          list,
          list.held.filter((lane) => lane.since < before),
        );
    }
  }

  /** A token that is no longer ours stands in line again, or will at the next sweep. */
  async #renew(list: ActiveList, lanes: readonly HeldLane[]): Promise<void> {
    const kept = await this.#deps.activeLanes.renew(lanes.map((lane) => lane.token));
    const receipts = new Set(kept.map((token) => token.receipt));
    list.held = list.held.filter((lane) => !lanes.includes(lane) || receipts.has(lane.token.receipt));
  }

  async #giveBack(list: ActiveList, lanes: readonly HeldLane[]): Promise<void> {
    if (lanes.length === 0) return;
    list.held = list.held.filter((one) => !lanes.includes(one));
    await this.#deps.activeLanes.giveBack(lanes.map((lane) => lane.token));
  }
}
