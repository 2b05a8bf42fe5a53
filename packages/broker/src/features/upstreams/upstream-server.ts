/** One Ollama server at run time: its switches, its slots, and its models' records. */
import type { Clock } from '../../kernel/clock.ts';
import type { InstalledModel } from '../../kernel/contract.generated.ts';
import type { Logger } from '../../kernel/logger.ts';
import { SLOTS, type SlotChange } from './adapt-slots.ts';
import type { BreakerPauses, BreakerState } from './call-policies.ts';
import type { Candidate } from './choose-upstream.ts';
import type { ConfiguredUpstream } from './configured-upstreams.ts';
import { createModelRecord, type ModelRecord } from './model-record.ts';
import { modelKey } from './model-names.ts';
import { createModelLoads, type ModelLoads } from './model-loads.ts';
import type { AttemptLog } from './attempt-log.ts';
import type {
  CallOptions,
  CallOutcome,
  CallTimers,
  ModelCall,
  OllamaClientOptions,
} from './ollama-client.ts';
import { DEFAULT_MAX_TOKENS } from './ollama-request.ts';
import { FLOORS, planTimers, sizeOf, type TimerFacts } from './plan-timers.ts';
import { startRecovery, type Recovery } from './recovery.ts';
import { NO_SPEED } from './speed.ts';
import type { SwapBounds } from './swap-policy.ts';
import { timeCall } from './time-call.ts';
import { createWarmth } from './warmth.ts';
import { watchUpstream, type Health, type WatchedUpstream } from './watch-upstream.ts';

export interface ModelState {
  /** One spelling for all of a model's. */
  readonly model: string;
  readonly running: number;
  /** How many may run at once. */
  readonly slots: number;
  /** Null while they are what they began with, and when they are fixed. */
  readonly slotsChange: SlotChange | null;
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
  /** Has the model loaded and no more; rejects with what a client may read. */
  load(model: string, keepAlive?: string): Promise<void>;
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
  readonly loads: ModelLoads;
  /** As the choice sees it. `isJoining`: the call has begun elsewhere and may wait here while its model is loaded. */
  candidate(key: string, isJoining?: boolean): Candidate;
  hold(key: string): Hold;
  /** What the timers of a call would be made of if it began now. */
  factsOf(key: string, call: ModelCall, ceilings: CallTimers): TimerFacts;
  state(): UpstreamState;
  /** Empty while it is down. */
  models(): InstalledModel[];
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
  /** False: the timers are those that a call brings. */
  readonly adaptiveTimeouts?: () => boolean;
  /** Below these no timer goes. */
  readonly timerFloors?: CallTimers;
  /** Keeps what the timers of each call were made of. */
  readonly attempts: AttemptLog;
  /** Read anew each time. */
  readonly swapBounds?: SwapBounds;
  /** More calls may start here than before. */
  readonly onFree: () => void;
  /** It answers a probe for the first time, or again. */
  readonly onUp?: (server: UpstreamServer) => void;
  /** Calls that other brokers still have at an upstream; null while this one may start none there. */
  readonly othersAt?: (id: string) => number | null;
}

/** As the settings have them unless told otherwise. */
const SWAP_BOUNDS: SwapBounds = { requests: 32, ms: 30_000 };
/** How soon to look whether a model is loaded; the pause doubles. */
const FIRST_LOOK_MS = 20;
const LAST_LOOK_MS = 1_000;

export function createUpstreamServer(deps: UpstreamServerDeps, first: ConfiguredUpstream): UpstreamServer {
  const { logger, clock, allowCloudModels, recoveryStepMs, onFree, attempts, othersAt = () => 0 } = deps;
  const { adaptiveTimeouts = () => true, timerFloors: floors = FLOORS, swapBounds = SWAP_BOUNDS } = deps;
  const { id, url } = first;
  /** One is kept while calls of the model run, and longer only if it is installed: clients name what they like. */
  const records = new Map<string, ModelRecord>();
  const warmth = createWarmth(() => performance.now());
  let config = first;
  let runningAll = 0;
  let recovery: Recovery | null = null;
  let onEmpty: (() => void) | null = null;
  let isStopped = false;

  const loads = createModelLoads({
    ...{ clock, bounds: swapBounds, maxModels: () => config.maxModels },
    canTake: (key) => watched.has(key) && limitOf(records.get(key)) > 0,
  });

  const watched: WatchedUpstream = watchUpstream({
    ...deps,
    settings: first,
    onResident: (keys, askedAtMs) => {
      const { loading } = loads;
      loads.saw(keys, askedAtMs);
      if (loads.loading !== loading) onFree();
    },
    onUp: (isBack) => {
      recovery?.stop();
      recovery = isBack ? startRecovery(onFree, recoveryStepMs) : null;
      onFree();
      deps.onUp?.(server);
    },
  });

  /** What is loaded shows in its list, or in a call that hears from it; the list also shows what had to go. */
  async function watchLoad(key: string, delayMs = FIRST_LOOK_MS): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
    if (loads.loading !== key || isStopped) return;
    const askedAtMs = clock.now();
    const resident = await watched.askResident();
    if (resident) loads.saw(resident, askedAtMs);
    if (resident?.includes(key)) onFree();
    else void watchLoad(key, Math.min(LAST_LOOK_MS, delayMs * 2));
  }

  async function noteLoaded(key: string): Promise<void> {
    const askedAtMs = clock.now();
    const resident = await watched.askResident();
    loads.saw(resident ?? [...loads.loaded, key], askedAtMs);
    onFree();
  }

  function noteLife(key: string): void {
    watched.sawLife();
    const { loading } = loads;
    if (loads.heard(key)) void noteLoaded(key);
    else if (loads.loading !== loading) onFree();
  }

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
      slots: () => config.slots,
      onSlots: (change) => logger.info({ upstream: id, model: key, ...change }, 'slots changed'),
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

  function slotsOf(record: ModelRecord | undefined): number {
    if (record) return record.slots;
    return config.slots === 'auto' ? SLOTS.start : config.slots;
  }

  /** How many slots calls of the model may use now. */
  function limitOf(record: ModelRecord | undefined): number {
    if (!mayBeDispatched() || config.breaker === 'open') return 0;
    const others = othersAt(id);
    if (others === null) return 0;
    const slots = slotsOf(record);
    const limit = recovery?.limit(slots) ?? slots;
    return Math.max(0, (record?.limit(limit) ?? limit) - others);
  }

  /** `running`: calls of all models, this one included. */
  function factsOf(
    key: string,
    call: ModelCall,
    given: { ceilings: CallTimers; running: number },
  ): TimerFacts {
    const record = records.get(key);
    return {
      ...given,
      size: sizeOf(call, deps.client?.defaultMaxTokens ?? DEFAULT_MAX_TOKENS),
      speed: record?.speed ?? NO_SPEED,
      slots: slotsOf(record),
      isWarm: warmth.isWarm(key, call.parameters?.num_ctx, loads.isLoaded(key)),
      isAdaptive: adaptiveTimeouts(),
      floors,
    };
  }

  /** With timers that suit it. */
  async function runCall(record: ModelRecord, call: ModelCall, options: CallOptions, isProbe: boolean) {
    const { key } = record;
    const { requestId } = options;
    const { slotGeneration, running: ofModel } = record;
    const facts = factsOf(key, call, { ceilings: options.timers, running: runningAll });
    const timers = planTimers(facts);
    const ended = attempts.begun({ requestId, upstream: id, facts, timers });
    const loaded = facts.isWarm ? undefined : warmth.loading(key);
    let isHeard = false;
    const onProgress: CallOptions['onProgress'] = (delta) => {
      loaded?.();
      if (isHeard) watched.sawLife();
      else noteLife(key);
      isHeard = true;
      options.onProgress?.(delta);
    };
    try {
      const result = await timeCall(watched.client, call, { ...options, timers, onProgress });
      const { outcome } = result;
      ended?.(result);
      if (outcome.kind === 'answered')
        warmth.answered(key, { numCtx: call.parameters?.num_ctx, loadMs: outcome.durations.loadMs });
      noteHealth(outcome, key);
      const calls = Math.max(facts.running, runningAll);
      await record.learn({ ...result, facts, calls, ofModel, slotGeneration, requestId }, isProbe);
      return outcome;
    } finally {
      loaded?.();
    }
  }

  function noteHealth(outcome: CallOutcome, key: string): void {
    if (outcome.kind === 'answered') {
      recovery?.succeeded();
      noteLife(key);
    }
    if (outcome.kind !== 'failed') return;
    if (outcome.phase === 'connect') watched.markDown(outcome.message);
    else if (outcome.code === 'upstream_unreachable') watched.suspect();
  }

  /** Ollama does not load one for a prompt. */
  function isEmbedderOnly(key: string): boolean {
    const found = watched.known().installed.find(({ name }) => modelKey(name) === key);
    const { capabilities } = found ?? {};
    return capabilities?.includes('embedding') === true && !capabilities.includes('completion');
  }

  function hold(key: string): Hold {
    const record = recordOf(key);
    const isLoader = loads.began(key);
    if (isLoader) void watchLoad(key);
    const isProbe = record.enter();
    runningAll += 1;
    return {
      server,
      run: (call, options) => runCall(record, call, options, isProbe),
      load: async (model, keepAlive) => {
        const path = isEmbedderOnly(key) ? '/api/embed' : '/api/generate';
        await watched.client.load(model, keepAlive ?? deps.client?.keepAlive, path);
        if (loads.heard(key)) await noteLoaded(key);
      },
      release: () => {
        record.leave(isProbe);
        loads.ended(key, isLoader);
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
    loads,
    configure,
    leave: (whenEmpty) => {
      onEmpty = whenEmpty;
      if (runningAll === 0) whenEmpty();
    },
    candidate: (key, isJoining = false) => {
      const record = records.get(key);
      const capacity = limitOf(record);
      const isJoined = isJoining && loads.loading === key;
      return {
        // What an operator holds back comes back: what only it could answer waits, even while it is shut down.
        isUp: watched.health().status === 'up' || !config.isEnabled || config.isDraining,
        hasModel: hasModel(key),
        isResident: watched.passesOn(key) || loads.isLoaded(key),
        loaded: loads.count,
        isDue: record?.breaker === 'half_open',
        slots: slotsOf(record),
        capacity,
        limit: isJoined ? capacity : loads.limit(key, capacity),
        running: record?.running ?? 0,
        runningAll,
        expectedMs: record?.expectedMs(),
      };
    },
    hold,
    factsOf: (key, call, ceilings) => factsOf(key, call, { ceilings, running: runningAll + 1 }),
    state: () => ({
      ...config,
      isDraining: config.isDraining || onEmpty !== null,
      running: runningAll,
      ...watched.health(),
      byModel: [...records.values()].map(
        ({ key, running, slots, slotsChange, breaker, since, lastError }) => ({
          model: key,
          ...{ running, slots, slotsChange, breaker, since, lastError },
        }),
      ),
    }),
    models: () => {
      const { status, models } = watched.health();
      return (status === 'up' ? models : []).map((model) => {
        const key = modelKey(model);
        const loadedOrNot = loads.isLoaded(key) ? 'loaded' : 'installed';
        const state = loads.loading === key ? 'loading' : loadedOrNot;
        return { ...{ model, upstream: id, state }, running: records.get(key)?.running ?? 0 };
      });
    },
    start: () => {
      isStopped = false;
      return watched.start();
    },
    stop: async () => {
      isStopped = true;
      await watched.stop();
      recovery?.stop();
      recovery = null;
      for (const record of records.values()) record.stop();
      records.clear();
    },
  };
  return server;
}
