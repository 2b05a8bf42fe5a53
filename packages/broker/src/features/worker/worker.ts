/** The worker: claims requests when slots are free, runs them, settles them, and sweeps up after crashes. */
import type { ActiveLanes, Lane } from '../../engines/active-lanes/active-lanes.ts';
import { LedgerUnavailable, type Held, type LaneName, type Ledger } from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';
import { every } from '../../kernel/every.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import { services, type Service } from '../../kernel/service.ts';
import type { Told } from '../overview/overview.ts';
import type { Queues } from '../queues/queues.ts';
import type { Requests } from '../requests/requests.ts';
import type { CallOutcome, CallTimers, Upstreams } from '../upstreams/upstreams.ts';
import type { Room } from './dispatcher-deps.ts';
import { Dispatcher } from './dispatcher.ts';
import { Jobs, type Job, type JobsDeps } from './jobs.ts';
import { createKeyTerms } from './key-terms.ts';
import { createLostClaims } from './lost-claims.ts';
import { openOutcomeSpool, type OutcomeSpool } from './outcome-spool.ts';
import type { RetryPolicy } from './retry-delay.ts';
import { handBack } from './settle.ts';
import { createSessionWait } from './session-wait.ts';
import { createSweeps, type Sweeps } from './sweeps.ts';
import { createWaits, type Pace, type Waits } from './waits.ts';

export { callModel } from './call-model.ts';
export type { Room } from './dispatcher-deps.ts';
export type { Job } from './jobs.ts';
export type { WaitEstimate } from './estimate-wait.ts';
export type { Pace } from './waits.ts';

export interface WorkerDeps {
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly requests: Requests;
  readonly upstreams: Upstreams;
  readonly execute: (job: Job) => Promise<CallOutcome>;
  /** What the first stage of execution will ask for may be made ready while the row waits for a slot. */
  readonly openAhead?: Requests['openAhead'];
  readonly told?: Told;
  readonly tellEnd?: JobsDeps['tellEnd'];
  readonly clock: Clock;
  readonly logger: Logger;
  /** This run of the daemon; its leases carry the name. */
  readonly owner: string;
  /** Where outcomes wait while the database is away. */
  readonly spoolFile: string;
  readonly earlierRuns: readonly string[];
  readonly forgetEarlierRuns: () => void;
  /** Both are read anew for each call: they may be others later. */
  readonly policy: RetryPolicy;
  readonly timers: CallTimers;
  readonly leaseMs: number;
  readonly stopGraceMs: () => number;
  /** Whether this is the only broker on these lanes. */
  readonly isAlone: () => boolean;
  readonly limitsOf: (keyId: string) => Promise<{ readonly maxConcurrent: number; readonly weight: number }>;
  readonly queues: Pick<Queues, 'policyOf' | 'capOf' | 'onChange'>;
  /** After each such time of waiting a request counts as one band higher; 0: never. */
  readonly ageingMs: () => number;
  /** Slots of each model that only the two highest bands may use. */
  readonly reservedSlots: () => number;
  /** How long a request of a session waits for the upstream of that session. */
  readonly sessionWaitMs: () => number;
  /** How fast other brokers say that a model goes. */
  readonly pacesElsewhere: (model: string) => readonly Pace[];
}

export interface Worker extends Service {
  /** A lane has work; true when it is seen to here. */
  offerLane(lane: Lane, name: LaneName): boolean;
  /** For a request that would start at once: it may be stored as claimed. Null when it has to stand in line. */
  makeRoom(name: LaneName): Room | null;
  /** Requests that run here now. */
  readonly running: () => number;
  readonly waits: Waits;
  /** How fast each model goes here. */
  paces(): Record<string, Pace>;
}

const KEEP_TOKENS_EVERY_MS = 1_000;

export function createWorker(deps: WorkerDeps): Worker {
  const { ledger, activeLanes, upstreams, requests, queues, logger, owner, leaseMs } = deps;
  const spool: OutcomeSpool = openOutcomeSpool({
    ...{ file: deps.spoolFile, settle: (settlement) => jobs.settle(settlement), logger },
  });
  const jobs: Jobs = new Jobs({
    ...{ ...deps, spool, policyOf: queues.policyOf },
    onDelayed: (delayMs) => sweeps.within(delayMs),
    onLeaving: (row, lane, slotMs) => dispatcher.ended(row, lane, slotMs),
  });
  const termsOf = createKeyTerms({
    limitsOf: deps.limitsOf,
    clock: deps.clock,
    onChange: () => dispatcher.wake(),
  });
  const sessionWait = createSessionWait(deps.sessionWaitMs, () => dispatcher.wake());
  const dispatcher: Dispatcher = new Dispatcher({
    ledger,
    activeLanes,
    logger,
    owner,
    leaseMs,
    slots: upstreams,
    start: (row, lane) => {
      const { affinity } = row;
      const session = affinity === null ? undefined : { affinity, isPatient: sessionWait.isPatient(row) };
      const slot = upstreams.take(lane.model, session);
      if (slot) waits.started(row.id);
      if (slot) jobs.start(row, lane, slot);
      else if (session) sessionWait.refused(row);
      return slot !== null;
    },
    prepare: deps.openAhead,
    handBack: async (rows) =>
      void (await Promise.all(rows.map((row) => ledger.settle(handBack(row, owner))))),
    isAlone: deps.isAlone,
    caps: ({ keyId, queue }) => ({ ofKey: termsOf(keyId).cap, ofQueue: queues.capOf(queue) }),
    weightOf: (keyId) => termsOf(keyId).weight,
    ...{ ageingMs: deps.ageingMs, reservedSlots: deps.reservedSlots },
    onFailed: () => sweeps.doubtClaims(),
  });
  const waits: Waits = createWaits({
    ...{ ledger, termsOf, ageingMs: deps.ageingMs, pacesElsewhere: deps.pacesElsewhere },
    lineOf: (model) => dispatcher.lineOf(model),
    oldest: () => dispatcher.oldest(),
    capOfQueue: (queue) => queues.capOf(queue),
  });
  const held = (): Held[] => [...jobs.held(), ...dispatcher.waiting()];
  const sweeps: Sweeps = createSweeps({
    ...{ ...deps, dispatcher, writeKeptOutcomes: () => spool.writeAll() },
    giveBackLostClaims: createLostClaims({ ledger, owner, running: held, logger }),
  });

  /** What is no longer ours is given up at once; it cannot be written anyway. */
  async function renewLeases(): Promise<void> {
    const all = held();
    if (all.length === 0) return;
    if ((await failpoint('lease.before_renew')) === 'duplicate') await ledger.renew(owner, leaseMs, all);
    const still = await ledger.renew(owner, leaseMs, all);
    await failpoint('lease.after_renew');
    for (const { id, fence } of all) {
      if (still.has(id)) continue;
      jobs.stop(id, 'lost', fence);
      dispatcher.drop(id, fence);
    }
  }

  /** That the database is away was said by those who watch it. */
  const failed = (what: string) => (error: unknown) => {
    if (!(error instanceof LedgerUnavailable))
      logger.warn({ err: error }, `${what} failed; it is tried again`);
  };
  const tickers = services([
    every('renew leases', leaseMs / 3, renewLeases, failed('renewing leases')),
    every('keep tokens', KEEP_TOKENS_EVERY_MS, () => dispatcher.keepTokens(), failed('keeping tokens')),
    spool,
    sweeps,
  ]);
  let unwatch = (): void => {};
  let isStarted = false;

  return {
    name: 'worker',
    running: () => jobs.size,
    waits,
    paces: () => dispatcher.paces(),
    makeRoom: (name) => (isStarted ? dispatcher.makeRoom(name) : null),
    offerLane: (lane, name) => isStarted && dispatcher.offer(lane, name),
    start: async () => {
      requests.onCancel((id) => {
        jobs.stop(id, 'cancelled');
        dispatcher.drop(id);
      });
      unwatch = activeLanes.watch((list) => {
        if (!dispatcher.heard(list)) sweeps.within(0);
      });
      upstreams.onFree(() => dispatcher.wake());
      upstreams.onLost(() => void dispatcher.keepTokens().catch(failed('passing lanes on')));
      queues.onChange(() => dispatcher.wake());
      await tickers.start();
      isStarted = true;
      sweeps.within(0);
    },
    stop: async () => {
      isStarted = false;
      unwatch();
      await sweeps.stop();
      await dispatcher.stop().catch(failed('giving back tokens'));
      await jobs.stopAll(deps.stopGraceMs());
      await tickers.stop();
    },
  };
}
