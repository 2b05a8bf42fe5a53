/** The requests that run here now: started, watched, cancelled, settled. */
import type {
  ClaimedRow,
  FinalSettlement,
  Held,
  LaneName,
  Ledger,
  RequestRow,
  Settlement,
} from '../../engines/ledger/ledger.ts';
import { isFinal, LedgerUnavailable } from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { modelInFull } from '../../kernel/lanes.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Told } from '../overview/overview.ts';
import type { QueuePolicy } from '../queues/queues.ts';
import type { Requests } from '../requests/requests.ts';
import type { CallOptions, CallOutcome, CallTimers, ModelCall, Slot } from '../upstreams/upstreams.ts';
import type { Telling } from '../webhooks/webhooks.ts';
import { handBack, settle, settleExpired, type Processed, type SettleTools } from './settle.ts';
import type { OutcomeSpool } from './outcome-spool.ts';
import type { RetryPolicy } from './retry-delay.ts';

/** One processing of a request, as the stages of execution see it. */
export interface Job {
  readonly row: ClaimedRow;
  readonly lane: LaneName;
  readonly slot: Slot;
  readonly timers: CallTimers;
  readonly signal: AbortSignal;
  /** What the model is asked; set by the stage that opens the request. */
  readonly call?: ModelCall;
  /** Hears the answer as it comes. */
  readonly onProgress?: CallOptions['onProgress'];
}

export interface JobsDeps {
  readonly ledger: Ledger;
  readonly requests: Pick<Requests, 'sealResult' | 'sealError' | 'awaits' | 'ended'>;
  readonly spool: Pick<OutcomeSpool, 'keep' | 'letGo'>;
  readonly execute: (job: Job) => Promise<CallOutcome>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: string;
  readonly policy: RetryPolicy;
  readonly timers: CallTimers;
  /** What a queue says otherwise. */
  readonly policyOf: (queue: string) => QueuePolicy;
  readonly random?: () => number;
  /** Hears of what runs and how it ends. */
  readonly told?: Pick<Told, 'started' | 'settled'>;
  /** Makes what tells of an end, for the commit that writes it; null when that has to follow. */
  readonly tellEnd?: (row: ClaimedRow, end: FinalSettlement, lane: LaneName) => Promise<Telling | null>;
  /** A request waits for its next attempt. */
  readonly onDelayed?: (delayMs: number) => void;
  /** A row leaves its slot, which is free for others when this returns. */
  readonly onLeaving?: (row: ClaimedRow, lane: LaneName, slotMs: number) => void;
}

type Why = 'cancelled' | 'lost' | 'stopping';

interface Running {
  readonly held: Held;
  readonly controller: AbortController;
  why?: Why;
  end?: Promise<void>;
}

/** A stage failed by a defect of ours: that costs an attempt, so that it cannot go on for ever. */
const BROKEN: CallOutcome = {
  ...{ kind: 'failed', code: 'internal_error', retryable: true, phase: 'stream' },
  message: 'The broker made a mistake while it processed the request.',
};

const SETTLED = new Map<boolean | null, string>([
  [true, 'request settled'],
  [false, 'the request had been taken away'],
  [null, 'the outcome is left to the next run'],
]);

export class Jobs {
  readonly #deps: JobsDeps;
  readonly #running = new Map<string, Running>();
  /** With those that have lost their lease to another run. */
  readonly #unended = new Set<Running>();

  constructor(deps: JobsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#running.size;
  }

  held(): Held[] {
    return [...this.#running.values()].map((one) => one.held);
  }

  start(row: ClaimedRow, lane: LaneName, slot: Slot): void {
    const running: Running = { held: { id: row.id, fence: row.fence }, controller: new AbortController() };
    // Claimed again here: an earlier run of it has lost its lease and can write nothing.
    this.stop(row.id, 'lost');
    this.#running.set(row.id, running);
    this.#unended.add(running);
    running.end = this.#processToEnd(row, { lane, slot, running });
  }

  async #processToEnd(
    row: ClaimedRow,
    { lane, slot, running }: { lane: LaneName; slot: Slot; running: Running },
  ): Promise<void> {
    try {
      await this.#process(row, { lane, slot, running });
    } catch (error) {
      this.#deps.logger.error(
        { err: error, requestId: row.id },
        'a request could not be processed; its lease will run out',
      );
    }
    if (this.#running.get(row.id) === running) this.#running.delete(row.id);
    this.#unended.delete(running);
  }

  /** With a fence only the run under it: what is known of an older one says nothing of this. */
  stop(id: string, why: Why, fence?: number): void {
    const running = this.#running.get(id);
    if (!running || running.why || (fence ?? running.held.fence) !== running.held.fence) return;
    running.why = why;
    running.controller.abort();
  }

  /** Lets running calls end within the grace, then takes them back at no cost. Nobody waits for a database that is away. */
  async stopAll(graceMs: number): Promise<void> {
    this.#deps.spool.letGo();
    const over = setTimeout(() => void this.#handBackAll(), graceMs);
    while (this.#unended.size > 0) await Promise.all([...this.#unended].map(({ end }) => end));
    clearTimeout(over);
  }

  async #handBackAll(): Promise<void> {
    await failpoint('stop.before_hand_back')?.catch((error: unknown) =>
      this.#deps.logger.error({ err: error }, 'a stop was disturbed; it goes on'),
    );
    for (const id of this.#running.keys()) this.stop(id, 'stopping');
  }

  async #process(
    row: ClaimedRow,
    { lane, slot, running }: { lane: LaneName; slot: Slot; running: Running },
  ): Promise<void> {
    const { owner, clock, logger, told } = this.#deps;
    const { queue } = lane;
    const left = row.deadlineAt === null ? Number.POSITIVE_INFINITY : row.deadlineAt - clock.now();
    const started = performance.now();
    if (left <= 0) {
      this.#leave({ row, lane, slot }, started);
      const late = settleExpired(row, owner, this.#tools(lane));
      if (await this.#write(late, row, lane)) told?.settled(late, row, lane);
      return;
    }
    told?.started(row, lane, slot.upstream);
    const { connectMs, firstTokenMs, gapMs, totalMs } = this.#deps.timers;
    const allowedMs = this.#deps.policyOf(queue).totalTimeoutMs ?? totalMs;
    const timers = { connectMs, firstTokenMs, gapMs, totalMs: Math.min(allowedMs, left) };
    const outcome = await this.#execute({ row, lane, slot, timers, signal: running.controller.signal });
    const processingMs = Math.round(performance.now() - started);
    const fields = {
      requestId: row.id,
      keyId: row.keyId,
      model: lane.model,
      upstream: slot.upstream,
      processingMs,
      fence: row.fence,
    };
    const settlement =
      outcome.kind === 'cancelled' && running.why === 'stopping'
        ? handBack(row, owner)
        : await this.#settlementOf({ row, owner, upstream: slot.upstream, processingMs, outcome }, lane);
    if (settlement === null) return logger.info({ ...fields, why: running.why }, 'a call was given up');
    const written = await this.#write(settlement, row, lane);
    if (written) told?.settled(settlement, row, lane);
    const code = outcome.kind === 'failed' ? { code: outcome.code } : {};
    logger.info({ ...fields, ...code, to: settlement.to, written }, SETTLED.get(written)!);
  }

  /** The slot is free again when this returns, however it went. */
  async #execute(job: Job): Promise<CallOutcome> {
    const started = performance.now();
    try {
      return await this.#deps.execute(job);
    } catch (error) {
      this.#deps.logger.error(
        { err: error, requestId: job.row.id },
        'a request could not be processed; it is tried again',
      );
      return job.signal.aborted ? { kind: 'cancelled' } : BROKEN;
    } finally {
      this.#leave(job, started);
    }
  }

  #leave({ row, lane, slot }: Pick<Job, 'row' | 'lane' | 'slot'>, started: number): void {
    this.#deps.onLeaving?.(row, lane, performance.now() - started);
    slot.release();
  }

  async #settlementOf(processed: Processed, lane: LaneName): Promise<Settlement | null> {
    const tools = { ...this.#tools(lane), fallbackLaneId: await this.#fallbackLane(processed, lane) };
    try {
      const held = failpoint('settle.before_seal');
      if (held) await held;
      return settle(processed, tools);
    } catch (error) {
      this.#deps.logger.error(
        { err: error, requestId: processed.row.id },
        'an outcome could not be sealed; the request is tried again',
      );
      return settle({ ...processed, outcome: BROKEN }, tools);
    }
  }

  /** Where the queue lets a request go on whose model has failed; null when it does not, or has. */
  async #fallbackLane({ row, outcome }: Processed, lane: LaneName): Promise<number | null> {
    const { fallbackModel } = this.#deps.policyOf(lane.queue);
    if (outcome.kind !== 'failed' || outcome.isOfThisModelOnly) return null;
    if (fallbackModel === null || row.firstLaneId !== null) return null;
    const model = modelInFull(fallbackModel);
    if (model === lane.model) return null;
    try {
      return await this.#deps.ledger.lanes.idOf({ ...lane, model });
    } catch (error) {
      this.#deps.logger.warn({ err: error, requestId: row.id }, 'a fallback model cannot be used now');
      return null;
    }
  }

  /** What cannot be written now waits on the disk; null when the daemon stops before it is. */
  async #write(settlement: Settlement, row: ClaimedRow, lane: LaneName): Promise<boolean | null> {
    const { logger, spool, requests } = this.#deps;
    const telling = await this.#tellingOf(settlement, row, lane);
    try {
      const written = await this.settle(telling ? { ...settlement, added: telling.rows } : settlement, lane);
      if (written) telling?.stored();
      return written;
    } catch (error) {
      telling?.doubted();
      if (!(error instanceof LedgerUnavailable))
        logger.error(
          { err: error, requestId: settlement.id },
          'an outcome could not be written; it is tried again',
        );
      const written = await spool.keep(settlement);
      // It may have been written the first time, unheard. Who waits for nothing looks, and waits on.
      if (written === false) requests.ended(settlement.id);
      return written;
    }
  }

  /** Null: nobody is to be told of this, or it cannot be made now. */
  async #tellingOf(settlement: Settlement, row: ClaimedRow, lane: LaneName): Promise<Telling | null> {
    if (!settlement.notify || !this.#deps.tellEnd || !isFinal(settlement)) return null;
    return this.#deps.tellEnd(row, settlement, lane);
  }

  /** Writes an outcome and tells who waits for it; false when the row is no longer ours. */
  async settle(settlement: Settlement, of?: Pick<LaneName, 'keyId' | 'queue'>): Promise<boolean> {
    const { ledger, requests, onDelayed } = this.#deps;
    const decided = failpoint('settle.before_write');
    if (decided) await decided;
    let row: RequestRow | undefined;
    const isAwaited = isFinal(settlement) && requests.awaits(settlement.id);
    const written = await ledger.settle(
      isAwaited ? { ...settlement, onWritten: (left) => (row = left) } : settlement,
    );
    const untold = failpoint('settle.after_write');
    if (untold && (await untold) === 'duplicate') await ledger.settle(settlement);
    if (written && settlement.to === 'delayed') onDelayed?.(settlement.delayMs ?? 0);
    else if (written && settlement.to !== 'pending') {
      const tokens = (settlement.promptTokens ?? 0) + (settlement.completionTokens ?? 0);
      const isTold = !settlement.notify || settlement.added !== undefined;
      requests.ended(settlement.id, of && { keyId: of.keyId, queue: of.queue, tokens, isTold, row });
    }
    return written;
  }

  #tools({ queue }: LaneName): SettleTools {
    const { policy: usual, policyOf, clock, random = Math.random, requests } = this.#deps;
    const { sealResult, sealError } = requests;
    const own = policyOf(queue);
    const policy = {
      maxAttempts: own.maxAttempts ?? usual.maxAttempts,
      baseMs: own.retryBaseMs ?? usual.baseMs,
      capMs: own.retryCapMs ?? usual.capMs,
    };
    return { policy, now: clock.now(), random, sealResult, sealError };
  }
}
