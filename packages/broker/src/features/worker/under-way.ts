/** What each key and each queue has under way here, and how much more it may have. */
import type { LaneName } from '../../engines/ledger/ledger.ts';

/** At once. A queue of 0 is paused. */
export interface Caps {
  readonly ofKey: number;
  readonly ofQueue: number;
}

const UNLIMITED: Caps = { ofKey: Number.POSITIVE_INFINITY, ofQueue: Number.POSITIVE_INFINITY };

export class UnderWay {
  readonly #caps: (lane: LaneName) => Caps;
  readonly #keys = new Map<string, number>();
  readonly #queues = new Map<string, number>();

  constructor(caps: (lane: LaneName) => Caps = () => UNLIMITED) {
    this.#caps = caps;
  }

  /** Counts what is claimed, and with -1 what has left. */
  count({ keyId, queue }: LaneName, change: 1 | -1): void {
    add(this.#keys, keyId, change);
    add(this.#queues, queue, change);
  }

  /** What may still be claimed of the lane; not above 0 when there is too much already. */
  roomOf(lane: LaneName): Caps {
    const { ofKey, ofQueue } = this.#caps(lane);
    return {
      ofKey: ofKey - (this.#keys.get(lane.keyId) ?? 0),
      ofQueue: ofQueue - (this.#queues.get(lane.queue) ?? 0),
    };
  }

  isPaused(lane: LaneName): boolean {
    return this.#caps(lane).ofQueue === 0;
  }
}

function add(counts: Map<string, number>, name: string, change: number): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
