/** What the tests of the worker stand on: a real ledger, real lanes, and brokers whose slots are freed by hand. */
import { onTestFinished } from 'vitest';
import { PLAIN } from '../../../engines/ledger/testing/ledger-hands.ts';
import { temporaryLedger } from '../../../engines/ledger/testing/temporary-database.ts';
import {
  LedgerUnavailable,
  type Claim,
  type ClaimedRow,
  type LaneName,
  type Ledger,
  type NewRow,
} from '../../../engines/ledger/ledger.ts';
import { newId } from '../../../kernel/ids.ts';
import { listOf } from '../../../kernel/lanes.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import type { DispatcherDeps } from '../dispatcher-deps.ts';
import { Dispatcher } from '../dispatcher.ts';
import { WatchedLanes } from './watched-lanes.ts';

/** Names instead of ids, so that a test reads well. */
export interface Where {
  readonly key?: string;
  readonly model?: string;
  readonly band?: number;
}

export interface BenchBroker {
  readonly dispatcher: Dispatcher;
  readonly owner: string;
  readonly running: ReadonlyMap<string, ClaimedRow>;
  /** Names of keys, in the order of the starts. */
  readonly starts: string[];
  readonly most: number;
  /** Dispatches that failed. */
  readonly failed: number;
  free(model: string): number;
  runningOf(model: string): number;
  /** Ends a call: the slot is free at once, the row is written after. */
  finish(id: string, to?: 'completed' | 'pending'): Promise<void>;
  /** Each call that starts ends by itself soon after. */
  finishAll(): void;
}

export interface Bench {
  readonly ledger: Ledger;
  readonly lanes: WatchedLanes;
  readonly clock: { nowMs: number; now(): number };
  /** Id of each row → how often it was completed. */
  readonly completed: Map<string, number>;
  readonly claims: { count: number; isAway: (laneId: number) => boolean };
  lane(where: Where): LaneName;
  /** Stores rows without a word to the lanes. */
  insert(where: Where, count?: number, more?: Partial<NewRow>): Promise<string[]>;
  /** Stores rows and makes their lane active, as accepting a request does. */
  arrive(where: Where, count?: number): Promise<string[]>;
  broker(
    slots: Readonly<Record<string, number>>,
    onUnknown?: (list: string) => void,
    more?: Partial<DispatcherDeps>,
  ): BenchBroker;
  /** Stores one row as accepting a request does when there may be room at once; whether there was. */
  arriveInRoom(broker: BenchBroker, where: Where): Promise<boolean>;
  /** Stores rows and offers their lane at the door of this broker; whether it took it. */
  offer(broker: BenchBroker, where: Where, count?: number): Promise<boolean>;
  /** Resolves when nothing has happened for many turns of the event loop; throws when it never comes to rest. */
  rest(): Promise<void>;
}

const TURNS_OF_REST = 25;
const TOO_MANY_TURNS = 50_000;

export async function openBench(): Promise<Bench> {
  const clock = { nowMs: Date.now(), now: () => clock.nowMs };
  const lanes = new WatchedLanes(clock);
  const ledger = await temporaryLedger();
  const keys = new Map<string, string>();
  const keyNames = new Map<string, string>();
  const brokers: Dispatcher[] = [];
  const completed = new Map<string, number>();
  const claims = { count: 0, isAway: (_laneId: number) => false };
  let events = 0;

  function lane({ key = 'a', model = 'm', band = 2 }: Where): LaneName {
    const keyId = keys.get(key) ?? newId('key');
    keys.set(key, keyId);
    keyNames.set(keyId, key);
    return { queue: 'default', keyId, band, model };
  }

  async function insert(where: Where, count = 1, more: Partial<NewRow> = {}): Promise<string[]> {
    const { keyId, ...rest } = lane(where);
    const laneId = await ledger.lanes.idOf({ keyId, ...rest });
    const rows = Array.from({ length: count }, () => ({ ...newRow(keyId, laneId), ...more }));
    await Promise.all(rows.map((row) => ledger.insert(row)));
    return rows.map((row) => row.id);
  }

  function newRow(keyId: string, laneId: number): NewRow {
    const id = newId('req');
    const empty = { priority: 5, runAt: null, deadlineAt: null, metadata: null, ...PLAIN };
    return { ...empty, id, laneId, keyId, createdAt: Date.now(), body: Buffer.from(id) };
  }

  async function arriveInRoom({ dispatcher }: BenchBroker, where: Where): Promise<boolean> {
    const name = lane(where);
    const row = newRow(name.keyId, await ledger.lanes.idOf(name));
    const room = dispatcher.makeRoom(name);
    await ledger.insert({ ...row, claimed: room?.claimed });
    if (room)
      room.enter({ ...row, fence: 1, attempts: 0, firstLaneId: null, affinity: row.affinity ?? null });
    else await lanes.activate([{ id: row.laneId, list: listOf(name) }]);
    return room !== null;
  }

  async function arrive(where: Where, count = 1): Promise<string[]> {
    const ids = await insert(where, count);
    const name = lane(where);
    for (const dispatcher of brokers) dispatcher.know(name);
    await lanes.activate([{ id: await ledger.lanes.idOf(name), list: listOf(name) }]);
    return ids;
  }

  async function offer({ dispatcher }: BenchBroker, where: Where, count = 1): Promise<boolean> {
    await insert(where, count);
    const name = lane(where);
    return dispatcher.offer({ id: await ledger.lanes.idOf(name), list: listOf(name) }, name);
  }

  function broker(
    slots: Readonly<Record<string, number>>,
    onUnknown?: (list: string) => void,
    more: Partial<DispatcherDeps> = {},
  ): BenchBroker {
    const running = new Map<string, ClaimedRow>();
    const perModel = new Map<string, number>();
    const lanesOf = new Map<string, LaneName>();
    const owner = newId('run');
    const starts: string[] = [];
    let most = 0;
    let endsByItself = false;
    const free = (model: string): number => (slots[model] ?? 0) - (perModel.get(model) ?? 0);

    function start(row: ClaimedRow, lane: LaneName): boolean {
      const { model } = lane;
      events += 1;
      if (running.has(row.id)) throw new Error('started twice');
      if (free(model) <= 0) throw new Error('started without a free slot');
      running.set(row.id, row);
      lanesOf.set(row.id, lane);
      perModel.set(model, (perModel.get(model) ?? 0) + 1);
      starts.push(keyNames.get(row.keyId)!);
      most = Math.max(most, running.size);
      if (endsByItself) setImmediate(() => void finish(row.id));
      return true;
    }

    async function finish(id: string, to: 'completed' | 'pending' = 'completed'): Promise<void> {
      const row = running.get(id)!;
      const { model } = lanesOf.get(id)!;
      running.delete(id);
      dispatcher.ended(row, lanesOf.get(id)!, 50);
      perModel.set(model, perModel.get(model)! - 1);
      dispatcher.wake();
      const written = await ledger.settle({
        id,
        fence: row.fence,
        owner,
        to,
        countsAttempt: true,
        notify: false,
      });
      if (written && to === 'completed') completed.set(id, (completed.get(id) ?? 0) + 1);
      events += 1;
    }

    const counted = {
      ...ledger,
      claim: async (claim: Claim) => {
        claims.count += 1;
        if (claims.isAway(claim.laneId)) throw new LedgerUnavailable('away');
        return ledger.claim(claim);
      },
    };
    const tools = { ledger: counted, activeLanes: lanes, logger: silentLogger, owner, leaseMs: 30_000 };
    let failed = 0;
    const dispatcher = new Dispatcher({
      slots: { free, capacity: (model) => slots[model] ?? 0 },
      ...{ ...tools, start, ...more, onFailed: () => void (failed += 1) },
      handBack: async (rows) => {
        for (const { id, fence } of rows)
          await ledger.settle({
            ...{ id, fence, owner, to: 'pending' },
            countsAttempt: false,
            notify: false,
          });
      },
    });
    brokers.push(dispatcher);
    // One that rests would wake in a later test, and run into what that has prepared.
    onTestFinished(() => dispatcher.stop().catch(() => undefined));
    lanes.watch((list) => void (dispatcher.heard(list) || onUnknown?.(list)));
    return {
      ...{ dispatcher, owner, running, starts, free, finish },
      runningOf: (model) => perModel.get(model) ?? 0,
      get most() {
        return most;
      },
      get failed() {
        return failed;
      },
      finishAll: () => {
        endsByItself = true;
        for (const id of [...running.keys()]) void finish(id);
      },
    };
  }

  async function rest(): Promise<void> {
    let quiet = 0;
    let before = -1;
    for (let turn = 0; quiet < TURNS_OF_REST; turn++) {
      if (turn > TOO_MANY_TURNS) throw new Error('It never comes to rest.');
      const now = lanes.allCalls + claims.count + events;
      quiet = now === before ? quiet + 1 : 0;
      before = now;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  return { ledger, lanes, clock, completed, claims, lane, insert, arrive, offer, arriveInRoom, broker, rest };
}
