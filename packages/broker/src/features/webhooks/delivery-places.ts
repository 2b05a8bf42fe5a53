/** Who may be called now: places for attempts, in all and for each host, and the lines before them. No I/O. */
import type { Claimed } from './make-attempt.ts';
import type { Settlement } from './webhook-store.ts';

export const PLACES = 128;
export const PLACES_PER_HOST = 16;
/** For a host that let its last attempt run into the timeout: a hundred of them cannot fill the house. */
const PLACES_OF_HANGING_HOST = 1;
/** Claimed deliveries that wait for a place: a host that answers quickly is never without the next. */
const LINE = 2_048;
const LINE_PER_HOST = 512;
/** No longer than a host needs so long for it, as quick as it was last. */
const LINE_MS = 2_000;
/** Whoever takes longer stands in no line: its deliveries wait in the database. */
const QUICK_MS = 500;
const REMEMBERED_HOSTS = 10_000;

type HowItWent = Pick<Settlement, 'error' | 'responseStatus' | 'latencyMs'>;

export interface DeliveryPlaces {
  /** How many may still be claimed, in all. */
  room(): number;
  /** How many a host may have claimed at once. */
  limitOf(host: string): number;
  /** How many it has. */
  usedBy(host: string): number;
  /** Puts what is claimed into its host's line. */
  queue(claimed: Claimed): void;
  /** Takes the next that has a place off its line and gives it the place; null when there is none. */
  next(): Claimed | null;
  /** Frees a place, and notes how the attempt went. */
  free(ended: Claimed, how: HowItWent | null): void;
  /** Empties the lines of a host, or all. */
  dissolve(host?: string): Claimed[];
  ids(): string[];
}

interface Host {
  running: number;
  line: Claimed[];
}

export function deliveryPlaces(): DeliveryPlaces {
  const hosts = new Map<string, Host>();
  const all = new Set<string>();
  /** How long the last attempt took, of hosts that are quick. */
  const pace = new Map<string, number | 'hanging'>();
  let running = 0;

  const placesOf = (host: string): number =>
    pace.get(host) === 'hanging' ? PLACES_OF_HANGING_HOST : PLACES_PER_HOST;

  function lineOf(host: string): number {
    const ms = pace.get(host);
    if (typeof ms !== 'number') return 0;
    return Math.min(LINE_PER_HOST, Math.floor((PLACES_PER_HOST * LINE_MS) / Math.max(ms, 1)));
  }

  function hostOf(name: string): Host {
    let host = hosts.get(name);
    if (!host) hosts.set(name, (host = { running: 0, line: [] }));
    return host;
  }

  /** Of those with a line and a place the one that uses fewest. */
  function neediest(): Host | null {
    let found: Host | null = null;
    for (const [name, host] of hosts) {
      if (host.line.length === 0 || host.running >= placesOf(name)) continue;
      if (found === null || host.running < found.running) found = host;
    }
    return found;
  }

  function forget(name: string): void {
    const host = hosts.get(name);
    if (host?.running === 0 && host.line.length === 0) hosts.delete(name);
  }

  function dissolve(name: string): Claimed[] {
    const host = hosts.get(name);
    if (!host) return [];
    const waiting = host.line;
    host.line = [];
    for (const { delivery } of waiting) all.delete(delivery.id);
    forget(name);
    return waiting;
  }

  return {
    room: () => PLACES + LINE - all.size,
    limitOf: (host) => placesOf(host) + lineOf(host),
    usedBy: (name) => {
      const host = hosts.get(name);
      return host ? host.running + host.line.length : 0;
    },
    queue: (claimed) => {
      hostOf(claimed.delivery.host).line.push(claimed);
      all.add(claimed.delivery.id);
    },
    next: () => {
      const host = running < PLACES ? neediest() : null;
      if (!host) return null;
      host.running += 1;
      running += 1;
      return host.line.shift()!;
    },
    free: ({ delivery: { id, host } }, how) => {
      hostOf(host).running -= 1;
      running -= 1;
      all.delete(id);
      if (pace.size >= REMEMBERED_HOSTS) pace.clear();
      if (how?.error === 'timeout') pace.set(host, 'hanging');
      else if (how !== null && isQuick(how)) pace.set(host, how.latencyMs);
      else pace.delete(host);
      forget(host);
    },
    dissolve: (name) => (name === undefined ? [...hosts.keys()].flatMap(dissolve) : dissolve(name)),
    ids: () => [...all],
  };
}

function isQuick(how: HowItWent): how is HowItWent & { readonly latencyMs: number } {
  const { responseStatus, latencyMs } = how;
  return responseStatus !== null && latencyMs !== null && latencyMs < QUICK_MS;
}
