/** Real lanes in memory, with counters, with steps that can be interrupted, and that can lose everything at once. */
import type { ActiveLanes, Lane, Token } from '../../../engines/active-lanes/active-lanes.ts';
import { memoryActiveLanes } from '../../../engines/active-lanes/memory-active-lanes.ts';
import type { Clock } from '../../../kernel/clock.ts';

type Step = Exclude<keyof ActiveLanes, 'watch' | 'close'>;

export class WatchedLanes implements ActiveLanes {
  readonly calls: Record<Step, number> = {
    activate: 0,
    repair: 0,
    next: 0,
    renew: 0,
    giveBack: 0,
    retire: 0,
  };
  /** Runs before a step; what it throws is what the step rejects with. */
  readonly before: Partial<Record<Step, () => Promise<void> | void>> = {};
  readonly #watchers = new Map<(list: string) => void, () => void>();
  readonly #clock: Clock;
  #lanes: ActiveLanes;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lanes = memoryActiveLanes({ clock });
  }

  /** As when Redis is emptied: marks and tokens are gone, and nobody is told. */
  lose(): void {
    this.#lanes = memoryActiveLanes({ clock: this.#clock });
    for (const onActive of this.#watchers.keys()) this.#watchers.set(onActive, this.#lanes.watch(onActive));
  }

  get allCalls(): number {
    return Object.values(this.calls).reduce((sum, count) => sum + count, 0);
  }

  async #step<T>(step: Step, work: () => Promise<T>): Promise<T> {
    this.calls[step] += 1;
    await this.before[step]?.();
    return work();
  }

  activate(lanes: readonly Lane[]): Promise<void> {
    return this.#step('activate', () => this.#lanes.activate(lanes));
  }
  repair(lanes: readonly Lane[]): Promise<number> {
    return this.#step('repair', () => this.#lanes.repair(lanes));
  }
  next(list: string, max: number): Promise<Token[]> {
    return this.#step('next', () => this.#lanes.next(list, max));
  }
  renew(tokens: readonly Token[]): Promise<Token[]> {
    return this.#step('renew', () => this.#lanes.renew(tokens));
  }
  giveBack(tokens: readonly Token[]): Promise<void> {
    return this.#step('giveBack', () => this.#lanes.giveBack(tokens));
  }
  retire(tokens: readonly Token[]): Promise<void> {
    return this.#step('retire', () => this.#lanes.retire(tokens));
  }
  watch(onActive: (list: string) => void): () => void {
    this.#watchers.set(onActive, this.#lanes.watch(onActive));
    return () => {
      this.#watchers.get(onActive)?.();
      this.#watchers.delete(onActive);
    };
  }
  close(): Promise<void> {
    return this.#lanes.close();
  }
}
