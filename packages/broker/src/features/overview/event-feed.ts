/** What happens, kept for a while for those who listen: a ring of events, written only while somebody wants them. */
import type { Clock } from '../../kernel/clock.ts';
import type { Event } from '../../kernel/contract.generated.ts';

/** An event as it is told: the feed gives it its id. */
export type Telling = Omit<Event, 'id' | 'at' | 'overview'> & { readonly at?: string };

export interface KeptEvent {
  readonly seq: number;
  /** request, upstream, limit, key, webhook, broker. */
  readonly kind: string;
  readonly event: Event;
}

export interface EventFeed {
  /** Whether anybody wants events. While it is false nothing is kept, and nothing need be put together. */
  readonly isOn: boolean;
  /** Of this broker; also handed to those who carry it to other brokers. */
  tell(telling: Telling): void;
  /** Of another broker: kept, and not handed on. */
  hear(telling: Telling): void;
  /** From now on until the answer is called, somebody listens here; `wake` is called after every event. */
  listen(wake: () => void): () => void;
  /** Up to `limit` events after this one; `missed` of them are gone already. */
  after(seq: number, limit: number): { events: KeptEvent[]; missed: number };
  /** Where somebody begins who has seen nothing. */
  readonly last: number;
  /** What an id of ours stands for; null when it is of another run. */
  seqOf(id: string): number | null;
  readonly listeners: number;
}

export interface EventFeedDeps {
  /** This run of the broker. */
  readonly run: string;
  readonly clock: Clock;
  /** Events that are kept. */
  readonly capacity: number;
  /** Whether another broker has somebody who listens. */
  readonly isWantedElsewhere?: () => boolean;
  /** Carries what is told here to other brokers. */
  readonly carry?: (telling: Telling) => void;
  /** Somebody begins to listen here. */
  readonly onListen?: () => void;
  /** How long after the last listener events are kept, for one that comes back. */
  readonly lingerMs?: number;
}

const LINGER_MS = 60_000;

export function createEventFeed(deps: EventFeedDeps): EventFeed {
  const { run, clock, capacity, lingerMs = LINGER_MS } = deps;
  const ring: (KeptEvent | undefined)[] = [];
  const wakes = new Set<() => void>();
  const name = run.slice(-8);
  let last = 0;
  let first = 1;
  let lingerUntil = 0;

  function keep(telling: Telling): void {
    last += 1;
    if (last - first + 1 > capacity) first = last - capacity + 1;
    const { type, at = new Date(clock.now()).toISOString(), ...facts } = telling;
    const event = { id: `${name}-${last}`, type, at, ...facts };
    const kind = telling.type.slice(0, telling.type.indexOf('.'));
    ring[last % capacity] = { seq: last, kind, event };
    for (const wake of wakes) wake();
  }

  /** Nobody came back: what was kept is let go. */
  function isOnHere(): boolean {
    if (wakes.size > 0) return true;
    if (lingerUntil === 0) return false;
    if (clock.now() < lingerUntil) return true;
    ring.length = 0;
    first = last + 1;
    lingerUntil = 0;
    return false;
  }

  const isElsewhere = (): boolean => deps.isWantedElsewhere?.() ?? false;
  return {
    get isOn() {
      return isOnHere() || isElsewhere();
    },
    tell: (telling) => {
      if (isElsewhere()) deps.carry?.({ ...telling, at: new Date(clock.now()).toISOString(), broker: run });
      if (isOnHere()) keep({ ...telling, broker: run });
    },
    hear: (telling) => {
      if (isOnHere()) keep(telling);
    },
    listen: (wake) => {
      // A gap of silence before: nobody may take what is still there for all that happened.
      if (!isOnHere()) first = last + 1;
      wakes.add(wake);
      deps.onListen?.();
      return () => {
        if (wakes.delete(wake) && wakes.size === 0) lingerUntil = clock.now() + lingerMs;
      };
    },
    after: (seq, limit) => {
      const from = Math.max(seq + 1, first);
      const events: KeptEvent[] = [];
      for (let n = from; n <= last && events.length < limit; n++) events.push(ring[n % capacity]!);
      return { events, missed: from - seq - 1 };
    },
    get last() {
      return last;
    },
    seqOf: (id) => {
      const [, of, seq] = /^(\w+)-(\d{1,15})$/.exec(id) ?? [];
      return of === name && Number(seq) <= last ? Number(seq) : null;
    },
    get listeners() {
      return wakes.size;
    },
  };
}
