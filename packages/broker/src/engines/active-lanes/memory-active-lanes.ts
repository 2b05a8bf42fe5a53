/** Active lanes in memory, for one broker alone or while Redis is away; every step takes constant time per lane. */
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { type ActiveLanes, type Lane, type Token, VISIBILITY_SECONDS } from './active-lanes.ts';

export interface MemoryActiveLanesOptions {
  readonly clock?: Clock;
  readonly visibilityMs?: number;
  /** What brokers in one process share. */
  readonly store?: MemoryLaneStore;
}

/** The token of a lane is its mark as well: here none can be lost without the other. */
interface Place {
  readonly lane: Lane;
  /** A new number with each change of hands; the receipt of the holder of the moment. */
  turn: number;
  visibleAtMs: number;
  chain: Chain | undefined;
  before: Place | undefined;
  after: Place | undefined;
}

/** A list: who waits, head first, and who is held, soonest to expire first. */
interface Line {
  readonly places: Map<number, Place>;
  readonly waiting: Chain;
  readonly held: Chain;
}

export interface MemoryLaneStore {
  readonly lines: Map<string, Line>;
  readonly watchers: Set<{ readonly onActive: (list: string) => void }>;
  turns: number;
}

export function memoryLaneStore(): MemoryLaneStore {
  return { lines: new Map(), watchers: new Set(), turns: 0 };
}

export function memoryActiveLanes(options: MemoryActiveLanesOptions = {}): ActiveLanes {
  const clock = options.clock ?? systemClock;
  const visibilityMs = options.visibilityMs ?? VISIBILITY_SECONDS * 1000;
  const store = options.store ?? memoryLaneStore();
  const watching = new Set<() => void>();

  /** The line as it is now: what expired stands in it where its time put it. */
  function lineOf(list: string): Line {
    let line = store.lines.get(list);
    if (!line) store.lines.set(list, (line = { places: new Map(), waiting: new Chain(), held: new Chain() }));
    const nowMs = clock.now();
    for (let place = line.held.head; place && place.visibleAtMs <= nowMs; place = line.held.head) {
      line.waiting.append(place);
    }
    return line;
  }

  function wake(lists: ReadonlySet<string>): void {
    for (const list of lists) {
      for (const watcher of store.watchers) queueMicrotask(() => watcher.onActive(list));
    }
  }

  function add(lanes: readonly Lane[]): number {
    const woken = new Set<string>();
    let added = 0;
    for (const lane of lanes) {
      const line = lineOf(lane.list);
      if (line.places.has(lane.id)) continue;
      const place = { lane, turn: 0, visibleAtMs: 0, chain: undefined, before: undefined, after: undefined };
      line.places.set(lane.id, place);
      line.waiting.append(place);
      woken.add(lane.list);
      added += 1;
    }
    wake(woken);
    return added;
  }

  /** Calls `change` for each token that is still its holder's, and returns those. */
  function withHeld(tokens: readonly Token[], change: (place: Place, line: Line) => void): Token[] {
    return tokens.filter(({ lane, receipt }) => {
      const line = lineOf(lane.list);
      const place = line.places.get(lane.id);
      if (!place || String(place.turn) !== receipt) return false;
      change(place, line);
      return true;
    });
  }

  function hold(place: Place, line: Line): void {
    place.visibleAtMs = clock.now() + visibilityMs;
    line.held.append(place);
  }

  function giveBack(tokens: readonly Token[]): void {
    const given = withHeld(tokens, (place, line) => {
      place.turn = 0;
      line.waiting.append(place);
    });
    wake(new Set(given.map((token) => token.lane.list)));
  }

  return {
    activate: async (lanes) => {
      const held = failpoint('lanes.activate');
      if (held && (await held) === 'duplicate') add(lanes);
      add(lanes);
    },
    repair: async (lanes) => add(lanes),
    next: async (list, max) => {
      const held = failpoint('lanes.next');
      if (held) await held;
      const line = lineOf(list);
      const tokens: Token[] = [];
      for (let place = line.waiting.head; place && tokens.length < max; place = line.waiting.head) {
        place.turn = ++store.turns;
        hold(place, line);
        tokens.push({ lane: place.lane, receipt: String(place.turn) });
      }
      return tokens;
    },
    renew: async (tokens) => withHeld(tokens, hold),
    giveBack: async (tokens) => {
      const held = failpoint('lanes.give_back');
      if (held && (await held) === 'duplicate') giveBack(tokens);
      giveBack(tokens);
    },
    retire: async (tokens) => {
      withHeld(tokens, (place, line) => {
        place.chain?.remove(place);
        line.places.delete(place.lane.id);
        if (line.places.size === 0) store.lines.delete(place.lane.list);
      });
    },
    watch: (onActive) => {
      const watcher = { onActive };
      const stop = () => {
        store.watchers.delete(watcher);
        watching.delete(stop);
      };
      store.watchers.add(watcher);
      watching.add(stop);
      return stop;
    },
    close: async () => {
      for (const stop of watching) stop();
    },
  };
}

/**
 * A doubly linked list through the places themselves. Not a Map: taking the first key of one of which many were
 * deleted walks over all that are gone.
 */
class Chain {
  head: Place | undefined;
  private tail: Place | undefined;

  /** Puts a place last, taking it out of the chain where it was. */
  append(place: Place): void {
    place.chain?.remove(place);
    place.chain = this;
    place.before = this.tail;
    place.after = undefined;
    if (this.tail) this.tail.after = place;
    else this.head = place;
    this.tail = place;
  }

  remove(place: Place): void {
    if (place.before) place.before.after = place.after;
    else this.head = place.after;
    if (place.after) place.after.before = place.before;
    else this.tail = place.before;
    place.chain = undefined;
  }
}
