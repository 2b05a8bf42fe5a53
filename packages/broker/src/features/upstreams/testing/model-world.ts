/** A small world for tests of swapping: one Ollama, models that do not all fit, requests that wait, and a clock of its own. */
import { createModelLoads, type ModelLoads } from '../model-loads.ts';
import type { SwapBounds } from '../swap-policy.ts';

export interface WorldOptions {
  readonly bounds: SwapBounds;
  /** Models that fit at once. */
  readonly fit: number;
  /** What the broker is told of that. */
  readonly maxModels?: number;
  readonly slots: number;
  readonly loadMs: number;
  readonly arrivals: readonly { readonly atMs: number; readonly model: string; readonly tookMs: number }[];
}

export interface Swap {
  readonly model: string;
  readonly atMs: number;
  /** What the oldest request of the model had waited since the last one who was swapped in had its place. */
  readonly waitedMs: number;
}

export interface Story {
  readonly swaps: readonly Swap[];
  /** From arrival to the start of each call. */
  readonly waits: readonly number[];
  /** The longest time that something waited while nothing ran and nothing was loaded. */
  readonly idleMs: number;
  /** Calls that were sent while their model was not loaded, beyond the one that loads it. */
  readonly coldCalls: number;
}

interface Call {
  readonly model: string;
  readonly arrivedMs: number;
  readonly tookMs: number;
  readonly isLoader: boolean;
  endsAtMs: number | undefined;
}

export const TICK_MS = 10;
/** How often the list of loaded models is asked for. */
const TICKS_A_LOOK = 5;
const START_MS = 1_000_000;
const MOST_TICKS = 200_000;

/** Plays until every request was answered. */
export function play(options: WorldOptions): Story {
  const world = new World(options);
  for (let tick = 0; !world.isOver; tick++) {
    if (tick > MOST_TICKS) throw new Error('It never ends.');
    world.tick();
  }
  return world.story;
}

class World {
  readonly #options: WorldOptions;
  readonly #loads: ModelLoads;
  readonly #waiting = new Map<string, { arrivedMs: number; tookMs: number }[]>();
  readonly #calls = new Set<Call>();
  readonly story = { swaps: [] as Swap[], waits: [] as number[], idleMs: 0, coldCalls: 0 };
  #nowMs = START_MS;
  #arrived = 0;
  #idleMs = 0;
  #lastLoadEndMs = 0;
  #resident: string[] = [];
  /** The first one is being loaded. */
  readonly #loading: { readonly model: string; endsAtMs: number | undefined }[] = [];

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#loads = createModelLoads({
      ...{ clock: { now: () => this.#nowMs }, bounds: options.bounds, canTake: () => true },
      maxModels: () => options.maxModels,
    });
  }

  get isOver(): boolean {
    return (
      this.#arrived === this.#options.arrivals.length && this.#calls.size === 0 && this.#waiting.size === 0
    );
  }

  tick(): void {
    this.#nowMs += TICK_MS;
    const { arrivals } = this.#options;
    for (; (arrivals[this.#arrived]?.atMs ?? Infinity) <= this.#nowMs - START_MS; this.#arrived++) {
      const { model, tookMs } = arrivals[this.#arrived]!;
      const line = this.#waiting.get(model) ?? [];
      this.#waiting.set(model, [...line, { arrivedMs: this.#nowMs, tookMs }]);
    }
    this.#serve();
    this.#dispatch();
    const isIdle = this.#waiting.size > 0 && this.#calls.size === 0;
    this.#idleMs = isIdle ? this.#idleMs + TICK_MS : 0;
    this.story.idleMs = Math.max(this.story.idleMs, this.#idleMs);
  }

  /** As Ollama does: one load at a time; who is idle goes, and if nobody is, the load waits. */
  #serve(): void {
    for (const call of this.#calls) {
      if ((call.endsAtMs ?? Infinity) > this.#nowMs) continue;
      this.#calls.delete(call);
      this.#loads.ended(call.model, call.isLoader);
    }
    if ((this.#nowMs / TICK_MS) % TICKS_A_LOOK === 0) this.#loads.saw(this.#resident, this.#nowMs);
    const load = this.#loading[0];
    if (!load) return;
    if (load.endsAtMs === undefined) {
      const idle = this.#resident.find((key) => this.#running(key) === 0);
      const isFull = this.#resident.length >= this.#options.fit;
      if (isFull && idle === undefined) return;
      if (isFull) this.#resident = this.#resident.filter((key) => key !== idle);
      load.endsAtMs = this.#nowMs + this.#options.loadMs;
    }
    if (load.endsAtMs > this.#nowMs) return;
    this.#loading.shift();
    this.#lastLoadEndMs = this.#nowMs;
    const { model } = load;
    this.#resident.push(model);
    for (const call of this.#calls) if (call.model === model) call.endsAtMs ??= this.#nowMs + call.tookMs;
    if (this.#loads.heard(model)) this.#loads.saw(this.#resident, this.#nowMs);
  }

  #dispatch(): void {
    const since = [...this.#waiting].map(([key, line]) => [key, line[0]!.arrivedMs] as const);
    this.#loads.told({ waiting: new Map(since), elsewhere: new Set() });
    for (const [model, line] of this.#waiting) {
      while (line.length > 0 && this.#loads.limit(model, this.#options.slots) > this.#running(model))
        this.#start(model, line.shift()!);
      if (line.length === 0) this.#waiting.delete(model);
    }
  }

  #start(model: string, { arrivedMs, tookMs }: { arrivedMs: number; tookMs: number }): void {
    const isLoader = this.#loads.began(model);
    const isLoaded = this.#resident.includes(model);
    const endsAtMs = isLoaded ? this.#nowMs + tookMs : undefined;
    const call: Call = { model, arrivedMs, tookMs, isLoader, endsAtMs };
    this.#calls.add(call);
    this.story.waits.push(this.#nowMs - arrivedMs);
    if (isLoaded) return;
    if (!isLoader || this.#loading.length > 0) this.story.coldCalls += 1;
    if (this.#loading.some((load) => load.model === model)) return;
    const waitedMs = this.#nowMs - Math.max(arrivedMs, this.#lastLoadEndMs);
    this.story.swaps.push({ model, atMs: this.#nowMs, waitedMs });
    this.#loading.push({ model, endsAtMs: undefined });
  }

  #running(model: string): number {
    return [...this.#calls].filter((call) => call.model === model).length;
  }
}
