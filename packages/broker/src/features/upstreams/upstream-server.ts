/** One Ollama server at run time: its switches, its slots, and its models' records. */
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { BreakerPauses, BreakerState } from './call-policies.ts';
import type { Candidate } from './choose-upstream.ts';
import type { ConfiguredUpstream } from './configured-upstreams.ts';
import { createModelRecord, type ModelRecord, type TimedOutcome } from './model-record.ts';
import type { CallOptions, CallOutcome, ModelCall, OllamaClientOptions } from './ollama-client.ts';
import { startRecovery, type Recovery } from './recovery.ts';
import { watchUpstream, type Health, type WatchedUpstream } from './watch-upstream.ts';

export interface ModelState {
  /** One spelling for all of a model's. */
  readonly model: string;
  readonly running: number;
  readonly breaker: BreakerState;
  /** When the breaker last opened or closed, in milliseconds since 1970. */
  readonly since: number;
  /** What the last failure that counts was. */
  readonly lastError: string | undefined;
}

export interface UpstreamState extends ConfiguredUpstream, Health {
  /** Slots taken, for all models. */
  readonly running: number;
  /** Models that were asked for here. */
  readonly byModel: readonly ModelState[];
}

/** One slot of one upstream, taken. */
export interface Hold {
  readonly server: UpstreamServer;
  run(call: ModelCall, options: CallOptions): Promise<CallOutcome>;
  /** Once, when no call runs on it any more. */
  release(): void;
}

export interface UpstreamServer {
  readonly id: string;
  readonly url: string;
  readonly watched: WatchedUpstream;
  /** Whether anything is different now. Also takes back that it should leave. */
  configure(config: ConfiguredUpstream): boolean;
  /** Takes no calls any more; `onEmpty` when the last one has ended, perhaps at once. */
  leave(onEmpty: () => void): void;
  /** As the choice sees it. */
  candidate(key: string): Candidate;
  hold(key: string): Hold;
  state(): UpstreamState;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface UpstreamServerDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly allowCloudModels: boolean;
  readonly probeMs?: number;
  readonly client?: OllamaClientOptions;
  readonly breakerPauses?: BreakerPauses;
  readonly recoveryStepMs?: number;
  /** More calls may start here than before. */
  readonly onFree: () => void;
  /** Calls that other brokers still have at an upstream; null while this one may start none there. */
  readonly othersAt?: (id: string) => number | null;
}

export function createUpstreamServer(deps: UpstreamServerDeps, first: ConfiguredUpstream): UpstreamServer {
  const { logger, allowCloudModels, recoveryStepMs, onFree, othersAt = () => 0 } = deps;
  const { id, url } = first;
  /** One is kept while calls of the model run, and longer only if it is installed: clients name what they like. */
  const records = new Map<string, ModelRecord>();
  let config = first;
  let runningAll = 0;
  let recovery: Recovery | null = null;
  let onEmpty: (() => void) | null = null;

  const watched = watchUpstream({
    ...deps,
    settings: first,
    onUp: (isBack) => {
      recovery?.stop();
      recovery = isBack ? startRecovery(onFree, recoveryStepMs) : null;
      onFree();
    },
  });

  function mayBeDispatched(): boolean {
    return config.isEnabled && !config.isDraining && onEmpty === null;
  }

  function hasModel(key: string): boolean {
    return watched.has(key) || (allowCloudModels && watched.passesOn(key));
  }

  function recordOf(key: string): ModelRecord {
    const known = records.get(key);
    if (known) return known;
    const record = createModelRecord(key, {
      ...deps,
      mode: () => config.breaker,
      pauses: deps.breakerPauses,
      onBreaker: (state, reason) => {
        if (state === 'open') logger.warn({ upstream: id, model: key, reason }, 'breaker opened');
        if (state === 'closed') logger.info({ upstream: id, model: key }, 'breaker closed');
      },
    });
    records.set(key, record);
    return record;
  }

  function forgetUnlessInstalled(record: ModelRecord): void {
    if (record.running > 0 || hasModel(record.key) || records.get(record.key) !== record) return;
    record.stop();
    records.delete(record.key);
  }

  /** How many slots calls of the model may use now. */
  function limitOf(record: ModelRecord | undefined): number {
    if (!mayBeDispatched() || config.breaker === 'open') return 0;
    const others = othersAt(id);
    if (others === null) return 0;
    const limit = recovery?.limit(config.slots) ?? config.slots;
    return Math.max(0, (record?.limit(limit, config.slots) ?? limit) - others);
  }

  async function timed(call: ModelCall, options: CallOptions): Promise<TimedOutcome> {
    const started = performance.now();
    let firstTokenMs: number | undefined;
    const outcome = await watched.client.run(call, {
      ...options,
      onProgress: (delta) => {
        firstTokenMs ??= performance.now() - started;
        watched.sawLife();
        options.onProgress?.(delta);
      },
    });
    return { outcome, firstTokenMs, tookMs: performance.now() - started };
  }

  function noteHealth(outcome: CallOutcome, key: string): void {
    if (outcome.kind === 'answered') {
      recovery?.succeeded();
      watched.sawAnswer(key);
    }
    if (outcome.kind !== 'failed') return;
    if (outcome.phase === 'connect') watched.markDown(outcome.message);
    else if (outcome.code === 'upstream_unreachable') watched.suspect();
  }

  function hold(key: string): Hold {
    const record = recordOf(key);
    const isProbe = record.enter();
    runningAll += 1;
    return {
      server,
      run: async (call, options) => {
        const result = await timed(call, options);
        noteHealth(result.outcome, key);
        await record.learn({ ...result, requestId: options.requestId }, isProbe);
        return result.outcome;
      },
      release: () => {
        record.leave(isProbe);
        runningAll -= 1;
        forgetUnlessInstalled(record);
        if (runningAll === 0) onEmpty?.();
        onFree();
      },
    };
  }

  function configure(next: ConfiguredUpstream): boolean {
    const isOther = onEmpty !== null || JSON.stringify(next) !== JSON.stringify(config);
    const isOtherMode = next.breaker !== config.breaker;
    config = next;
    onEmpty = null;
    if (isOtherMode) for (const record of records.values()) record.resetBreaker();
    return isOther;
  }

  const server: UpstreamServer = {
    id,
    url,
    watched,
    configure,
    leave: (whenEmpty) => {
      onEmpty = whenEmpty;
      if (runningAll === 0) whenEmpty();
    },
    candidate: (key) => {
      const record = records.get(key);
      return {
        // What an operator holds back comes back: what only it could answer waits, even while it is shut down.
        isUp: watched.health().status === 'up' || !config.isEnabled || config.isDraining,
        hasModel: hasModel(key),
        isResident: watched.isResident(key),
        isDue: record?.breaker === 'half_open',
        slots: config.slots,
        limit: limitOf(record),
        running: record?.running ?? 0,
        runningAll,
        expectedMs: record?.expectedMs(),
      };
    },
    hold,
    state: () => ({
      ...config,
      isDraining: config.isDraining || onEmpty !== null,
      running: runningAll,
      ...watched.health(),
      byModel: [...records.values()].map(({ key, running, breaker, since, lastError }) => ({
        model: key,
        ...{ running, breaker, since, lastError },
      })),
    }),
    start: () => watched.start(),
    stop: async () => {
      await watched.stop();
      recovery?.stop();
      recovery = null;
      for (const record of records.values()) record.stop();
      records.clear();
    },
  };
  return server;
}
