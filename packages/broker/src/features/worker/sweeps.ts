/** What is done again and again so that nothing stays behind: due rows, forgotten lanes, leases of the dead. */
import type { ActiveLanes, Lane } from '../../engines/active-lanes/active-lanes.ts';
import { LedgerUnavailable, type Ledger } from '../../engines/ledger/ledger.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { idTime } from '../../kernel/ids.ts';
import { listOf } from '../../kernel/lanes.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import type { Told } from '../overview/overview.ts';
import type { Requests } from '../requests/requests.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import type { Dispatcher } from './dispatcher.ts';

export interface SweepsDeps {
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly requests: Pick<Requests, 'poisonError' | 'ended'>;
  readonly told?: Pick<Told, 'expired'>;
  readonly upstreams: Pick<Upstreams, 'free'>;
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
  readonly leaseMs: number;
  readonly earlierRuns: readonly string[];
  readonly forgetEarlierRuns: () => void;
  /** Writes what could not be written before, also by earlier runs. */
  readonly writeKeptOutcomes: () => Promise<void>;
  readonly giveBackLostClaims: () => Promise<void>;
  /** Between two sweeps, when nothing is due sooner. */
  readonly everyMs?: number;
}

export interface Sweeps extends Service {
  /** Sweeps within this time rather than at the next tick. */
  within(ms: number): void;
  /** Rows may be leased to us that nobody runs here: they are looked for in the next sweeps. */
  doubtClaims(): void;
}

const SWEEP_EVERY_MS = 1_000;
/** Long enough to be certain of a claim whose end was not heard. */
const DOUBT_MS = 15_000;

/** All of them are idempotent, and every broker runs them. */
export function createSweeps(deps: SweepsDeps): Sweeps {
  const { ledger, activeLanes, requests, upstreams, dispatcher, logger, leaseMs } = deps;
  const { everyMs = SWEEP_EVERY_MS } = deps;
  let oldestBefore = new Map<number, string>();
  let ownDeadAreBack = deps.earlierRuns.length === 0;
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> | null = null;
  let stopped = true;
  let dueAt = 0;
  let next = everyMs;
  let awayAt = Number.NEGATIVE_INFINITY;
  let doubtUntil = Number.NEGATIVE_INFINITY;

  /** What earlier runs in this folder held: their process is dead for certain, so nothing has to run out first. */
  async function giveBackOwnDead(): Promise<void> {
    // What they had finished is written first: given back, it would run again.
    await deps.writeKeptOutcomes();
    const isTwice = (await failpoint('sweep.earlier_runs')) === 'duplicate';
    let count = 0;
    for (const owner of isTwice ? [...deps.earlierRuns, ...deps.earlierRuns] : deps.earlierRuns)
      count += await ledger.sweeps.rescue({ owner }, requests.poisonError);
    deps.forgetEarlierRuns();
    ownDeadAreBack = true;
    if (count > 0) logger.warn({ count }, 'requests of a run that ended without stopping are pending again');
  }

  async function wakeTheDue(): Promise<void> {
    const { expired, nextInMs } = await ledger.sweeps.wake();
    for (const id of expired) {
      requests.ended(id);
      deps.told?.expired(id);
    }
    if (nextInMs !== null) within(nextInMs);
  }

  /** While the database was away nobody could give a sign of life; each gets the time of a lease to do so. */
  async function rescueTheDead(): Promise<void> {
    const now = performance.now();
    if (now < Math.max(awayAt + leaseMs, doubtUntil)) await deps.giveBackLostClaims();
    if (now < awayAt + leaseMs) return;
    const count = await ledger.sweeps.rescue({ graceMs: leaseMs }, requests.poisonError);
    if (count > 0) logger.warn({ count }, 'requests of workers that gave no sign of life are pending again');
  }

  /** Activates lanes that have work; a lane that does not move although a slot is free has lost its token. */
  async function activateLanes(): Promise<void> {
    const found = await ledger.sweeps.lanesWithWork();
    const lanes: Lane[] = [];
    const stuck: Lane[] = [];
    const lists = new Set<string>();
    for (const { laneId, oldest } of found) {
      const name = await ledger.lanes.nameOf(laneId);
      const lane = { id: laneId, list: listOf(name) };
      dispatcher.know(name);
      lists.add(lane.list);
      if (dispatcher.isHeld(laneId)) continue;
      lanes.push(lane);
      if (oldestBefore.get(laneId) === oldest && upstreams.free(name.model) > 0) stuck.push(lane);
    }
    oldestBefore = new Map(found.map(({ laneId, oldest }) => [laneId, oldest]));
    dispatcher.saw(new Map(found.map(({ laneId, oldest }) => [laneId, idTime(oldest)])));
    try {
      if ((await failpoint('sweep.activate')) === 'duplicate') await activeLanes.activate(lanes);
      if (lanes.length > 0) await activeLanes.activate(lanes);
      if (stuck.length > 0) await activeLanes.repair(stuck);
    } finally {
      // Held lanes as well: nobody else would make a claim again that failed. Those that could not be made active may be.
      for (const list of lists) dispatcher.heard(list);
    }
  }

  async function sweep(): Promise<void> {
    if (!ownDeadAreBack) await attempt('giving back requests of an earlier run', giveBackOwnDead);
    await attempt('waking due requests', wakeTheDue);
    await attempt('rescuing requests', rescueTheDead);
    await attempt('activating lanes', activateLanes);
  }

  async function attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof LedgerUnavailable) awayAt = performance.now();
      else logger.warn({ err: error }, `${what} failed; it is tried again`);
    }
  }

  function schedule(ms: number): void {
    clearTimeout(timer);
    dueAt = performance.now() + ms;
    timer = setTimeout(() => {
      current ??= sweep().finally(() => {
        current = null;
        if (!stopped) schedule(next);
        next = everyMs;
      });
    }, ms);
  }

  function within(ms: number): void {
    if (current) next = Math.min(next, ms);
    else if (!stopped && performance.now() + ms < dueAt) schedule(ms);
  }

  return {
    name: 'sweeps',
    within,
    doubtClaims: () => {
      doubtUntil = performance.now() + DOUBT_MS;
    },
    start: async () => {
      stopped = false;
      schedule(everyMs);
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}
