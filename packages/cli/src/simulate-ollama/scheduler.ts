/**
 * Which models are loaded, who waits for one, and who runs: Ollama's scheduler.
 *
 * A call `place`s itself. When its model is loaded with fitting settings it gets the runner at once; otherwise it joins
 * the pending queue, or is told `busy` when that is full. One loop takes from the queue, one call at a time: it evicts
 * or unloads what is in the way, waiting until that is idle, then loads the model, and all others behind it wait. The
 * load belongs to its call: if the caller leaves, the load is lost. With a runner in hand a call takes one of its
 * slots, gives it back, and `leave`s; an idle runner goes when its keep-alive runs out.
 */
import type { InstalledModel } from './catalogue.ts';
import type { RunnerSettings } from './runner-settings.ts';
import { needsReload, runnerSettings } from './runner-settings.ts';
import type { Settings } from './settings.ts';
import type { SlotPeaks, Slots } from './slots.ts';
import { createSlots } from './slots.ts';
import { sleepUnlessAborted } from './sleep.ts';

export interface Placement {
  model: InstalledModel;
  settings: RunnerSettings;
  /** Infinity: for ever. Undefined: what the runner has, or 5 minutes. */
  keepAliveMs: number | undefined;
  signal: AbortSignal;
}

export interface Runner {
  readonly model: InstalledModel;
  readonly settings: RunnerSettings;
  readonly slots: Slots;
  users: number;
  keepAliveMs: number;
  /** Since 1970; 0 until it was idle for the first time. */
  expiresAtMs: number;
  timer: NodeJS.Timeout | undefined;
}

export interface ModelActivity extends SlotPeaks {
  /**
   * Most callers at once, whether they waited or ran. Who has left does not count, though its slot may be taken; nor
   * who came a moment ago, for the leaving of the one before may still be on its way.
   */
  maxCallers: number;
  loads: number;
  /** Loads that ended because their caller left. */
  lostLoads: number;
  unloads: number;
}

export interface Scheduler {
  /** Counts a caller of a model until it leaves, or the answer of this is called. */
  arrive(modelName: string, signal: AbortSignal): () => void;
  place(placement: Placement): Promise<Runner | 'busy' | 'cancelled'>;
  leave(runner: Runner): void;
  /** Unloads it now, or as soon as it is idle. */
  unload(modelName: string): void;
  /** Has it loaded at once, without counting a load. */
  warm(model: InstalledModel): void;
  loaded(): Runner[];
  /** The model that is being loaded right now. */
  loading(): string | undefined;
  pending(): number;
  activity(): Record<string, ModelActivity>;
  /** Call it when the number of slots has changed. */
  slotsChanged(): void;
  /** Unloads everything and forgets the counts. */
  reset(): void;
}

interface Waiting extends Placement {
  resolve(outcome: Runner | 'cancelled'): void;
}

const MOMENT_MS = 50;
const DEFAULT_KEEP_ALIVE_MS = 5 * 60_000;
/** What setTimeout can hold; a model that is kept longer is kept without a timer. */
const MAX_TIMER_MS = 2_147_483_647;

export function createScheduler(settings: Readonly<Settings>): Scheduler {
  const runners = new Map<string, Runner>();
  const queue: Waiting[] = [];
  const counts = new Map<string, ModelActivity>();
  /** Since when each caller of a model is there, by performance.now(), in the order of arrival. */
  const callers = new Map<string, Map<AbortSignal, number>>();
  let loadingName: string | undefined;
  let isWorking = false;
  let onUnloaded: (() => void) | undefined;

  function activityOf(name: string): ModelActivity {
    const known = counts.get(name);
    if (known) return known;
    const fresh = { maxCallers: 0, maxRunning: 0, maxWaiting: 0, loads: 0, lostLoads: 0, unloads: 0 };
    counts.set(name, fresh);
    return fresh;
  }

  function arrive(name: string, signal: AbortSignal): () => void {
    const present = callers.get(name) ?? new Map<AbortSignal, number>();
    callers.set(name, present);
    present.set(signal, performance.now());
    const go = () => {
      countCallers(name);
      present.delete(signal);
    };
    if (signal.aborted) go();
    else signal.addEventListener('abort', go, { once: true });
    return go;
  }

  /** Between two departures the count only grows: it is enough to take it before each, and before it is told. */
  function countCallers(name: string): void {
    const present = callers.get(name)!;
    const known = counts.get(name)?.maxCallers ?? 0;
    if (present.size <= known) return;
    const arrivedByMs = performance.now() - MOMENT_MS;
    let count = 0;
    for (const arrivedMs of present.values()) {
      if (arrivedMs > arrivedByMs) break;
      count += 1;
    }
    if (count > known) activityOf(name).maxCallers = count;
  }

  function use(runner: Runner, keepAliveMs: number | undefined): Runner {
    runner.users += 1;
    clearTimeout(runner.timer);
    if (keepAliveMs !== undefined) runner.keepAliveMs = keepAliveMs;
    return runner;
  }

  function unloadNow(runner: Runner): void {
    clearTimeout(runner.timer);
    if (runners.get(runner.model.name) !== runner) return;
    runners.delete(runner.model.name);
    activityOf(runner.model.name).unloads += 1;
    onUnloaded?.();
  }

  function expire(runner: Runner): void {
    clearTimeout(runner.timer);
    runner.keepAliveMs = 0;
    if (runner.users === 0) unloadNow(runner);
  }

  function leave(runner: Runner): void {
    runner.users -= 1;
    if (runner.users > 0) return;
    if (runner.keepAliveMs <= 0) return unloadNow(runner);
    runner.expiresAtMs = Date.now() + runner.keepAliveMs;
    if (runner.keepAliveMs <= MAX_TIMER_MS)
      runner.timer = setTimeout(unloadNow, runner.keepAliveMs, runner).unref();
  }

  /** An idle one with the shortest keep-alive; else the busy one with the shortest. */
  function victim(): Runner | undefined {
    const order = [...runners.values()].sort(
      (one, other) =>
        Number(one.keepAliveMs > other.keepAliveMs) - Number(one.keepAliveMs < other.keepAliveMs) ||
        one.model.name.localeCompare(other.model.name),
    );
    return order.find((runner) => runner.users === 0) ?? order[0];
  }

  async function load({
    model,
    settings: wanted,
    keepAliveMs,
    signal,
  }: Placement): Promise<Runner | 'cancelled'> {
    const activity = activityOf(model.name);
    loadingName = model.name;
    const isLoaded = await sleepUnlessAborted(model.given.loadMs ?? settings.loadMs, signal);
    loadingName = undefined;
    if (!isLoaded) {
      activity.lostLoads += 1;
      return 'cancelled';
    }
    activity.loads += 1;
    return use(addRunner(model, wanted), keepAliveMs);
  }

  function addRunner(model: InstalledModel, wanted: RunnerSettings): Runner {
    const runner: Runner = {
      model,
      settings: wanted,
      slots: createSlots(() => (model.embedding ? 1 : settings.slots), activityOf(model.name)),
      users: 0,
      keepAliveMs: DEFAULT_KEEP_ALIVE_MS,
      expiresAtMs: 0,
      timer: undefined,
    };
    runners.set(model.name, runner);
    return runner;
  }

  function warm(model: InstalledModel): void {
    if (runners.has(model.name)) return;
    leave(use(addRunner(model, runnerSettings({}, undefined, model.contextLength)), undefined));
  }

  async function serve(placement: Placement): Promise<Runner | 'cancelled'> {
    for (;;) {
      const own = runners.get(placement.model.name);
      if (own && !needsReload(own.settings, placement.settings)) return use(own, placement.keepAliveMs);
      const inTheWay = own ?? (runners.size >= settings.maxLoaded ? victim() : undefined);
      if (!inTheWay) return load(placement);
      const gone = new Promise<void>((resolve) => (onUnloaded = resolve));
      expire(inTheWay);
      await gone;
    }
  }

  async function work(): Promise<void> {
    if (isWorking) return;
    isWorking = true;
    for (let next = queue.shift(); next; next = queue.shift())
      next.resolve(next.signal.aborted ? 'cancelled' : await serve(next));
    isWorking = false;
  }

  return {
    arrive,
    place: async (placement) => {
      const runner = runners.get(placement.model.name);
      if (runner && !needsReload(runner.settings, placement.settings))
        return use(runner, placement.keepAliveMs);
      if (queue.length >= settings.maxQueue && isWorking) return 'busy';
      return new Promise((resolve) => {
        queue.push({ ...placement, resolve });
        void work();
      });
    },
    leave,
    unload: (modelName) => {
      const runner = runners.get(modelName);
      if (runner) expire(runner);
    },
    warm,
    loaded: () => [...runners.values()],
    loading: () => loadingName,
    pending: () => queue.length,
    activity: () => {
      for (const name of callers.keys()) countCallers(name);
      return Object.fromEntries([...counts].map(([name, activity]) => [name, { ...activity }]));
    },
    slotsChanged: () => {
      for (const runner of runners.values()) runner.slots.admit();
    },
    reset: () => {
      for (const runner of runners.values()) expire(runner);
      counts.clear();
    },
  };
}
