/** The models of one upstream: which are loaded, which is being loaded, and which may come next. */
import type { Clock } from '../../kernel/clock.ts';
import {
  inTheWay,
  isPartOf,
  judgeClaim,
  type Occupant,
  type SwapBounds,
  type Verdict,
} from './swap-policy.ts';

/** What is asked for, by the key of the model. */
export interface Wanted {
  /** Since when the oldest request waits, in milliseconds since 1970. */
  readonly waiting: ReadonlyMap<string, number>;
  /** Models that other upstreams run or will run. */
  readonly elsewhere: ReadonlySet<string>;
}

/**
 * One model is loaded at a time, by one call; its other calls wait until it is there. Two that do not fit together are
 * not swapped for each other with every request: see judgeClaim. Whether models fit shows when they are loaded: if one
 * is gone after another came, they do not, until both are seen together.
 */
export interface ModelLoads {
  readonly loaded: ReadonlySet<string>;
  readonly count: number;
  isLoaded(key: string): boolean;
  readonly loading: string | undefined;
  /** What the server says is loaded, asked at that time. */
  saw(keys: readonly string[], askedAtMs: number): void;
  /** A call hears from the model. True when others may be gone for it: now `saw` is to be told. */
  heard(key: string): boolean;
  told(wanted: Wanted): void;
  /** What is in the way of a model that is not loaded. */
  verdictOn(key: string): Verdict;
  /** When more may start than now though nothing else happens, in milliseconds since 1970. */
  nextLookMs(): number | undefined;
  /** How many calls of a model may be under way now, of so many that it could have otherwise. */
  limit(key: string, limit: number): number;
  /** A call takes a slot. True: it is the one that loads its model. */
  began(key: string): boolean;
  /** It has left its slot. */
  ended(key: string, isLoader: boolean): void;
}

export interface ModelLoadsDeps {
  readonly clock: Clock;
  readonly bounds: SwapBounds;
  /** How many models may be loaded, when the operator says so. */
  readonly maxModels: () => number | undefined;
  /** Whether calls of the model could start here if it were loaded. Only such a model is worth loading. */
  readonly canTake: (key: string) => boolean;
}

interface Turn {
  readonly sinceMs: number;
  readonly loadMs: number;
  readonly startsBefore: number;
  usedMs: number;
}
interface Load {
  readonly key: string;
  readonly sinceMs: number;
  readonly startsBefore: number;
  readonly before: ReadonlySet<string>;
  readonly victim: string | undefined;
  heardAtMs: number | undefined;
}
interface Next {
  readonly key: string;
  readonly victim: string | undefined;
  readonly holdsOthersBack: boolean;
}

/** A model whose turn has come and of which no call starts has lost it after this time. */
const CHANCE_MS = 1_000;
const MOST_REMEMBERED = 64;
const NOTHING: Wanted = { waiting: new Map(), elsewhere: new Set() };

export function createModelLoads(deps: ModelLoadsDeps): ModelLoads {
  const { clock, bounds, maxModels, canTake } = deps;
  const turns = new Map<string, Turn>();
  /** Calls under way. */
  const running = new Map<string, number>();
  /** When a model was last heard from, and which calls had begun when it was first asked for. */
  const heardAtMs = new Map<string, number>();
  const came = new Map<string, number>();
  const setBackMs = new Map<string, number>();
  let misfits: ReadonlySet<string>[] = [];
  let fits: ReadonlySet<string>[] = [];
  let wanted = NOTHING;
  let load: Load | undefined;
  let chance: { readonly key: string; readonly sinceMs: number } | undefined;
  /** Calls that began here. */
  let starts = 0;

  function loaded(): Set<string> {
    return new Set(turns.keys());
  }

  function runningOf(key: string): number {
    return running.get(key) ?? 0;
  }

  function enter(key: string, loadMs: number): void {
    if (turns.has(key)) return;
    const now = clock.now();
    turns.set(key, { sinceMs: now, loadMs, startsBefore: starts, usedMs: now });
  }

  function occupant(key: string): Occupant {
    const { sinceMs, usedMs, loadMs, startsBefore } = turns.get(key)!;
    return {
      ...{ key, sinceMs, usedMs, loadMs, running: runningOf(key), calls: starts - startsBefore },
      isWanted: wanted.waiting.has(key),
      isElsewhere: wanted.elsewhere.has(key),
    };
  }

  function sinceMsOf(key: string): number {
    return Math.max(wanted.waiting.get(key) ?? clock.now(), setBackMs.get(key) ?? 0);
  }

  function verdictOn(key: string): Verdict {
    const occupants = [...inTheWay(key, loaded(), { maxModels: maxModels(), misfits })].map(occupant);
    const calls = starts - (came.get(key) ?? starts);
    const isElsewhere = wanted.elsewhere.has(key);
    return judgeClaim({ sinceMs: sinceMsOf(key), calls, isElsewhere }, occupants, bounds, clock.now());
  }

  function claimants(): string[] {
    if (wanted.waiting.size === 0) return [];
    return [...wanted.waiting.keys()].filter((key) => !turns.has(key) && canTake(key));
  }

  /** Of those that may come the one that has waited longest. `asked` counts as waiting from now on. */
  function nextIn(asked?: string): Next | undefined {
    const keys = claimants().sort((one, other) => sinceMsOf(one) - sinceMsOf(other));
    if (asked !== undefined && !turns.has(asked) && !wanted.waiting.has(asked)) keys.push(asked);
    for (const key of keys) {
      const verdict = verdictOn(key);
      if (verdict.kind === 'free') return { key, victim: undefined, holdsOthersBack: keys.length > 1 };
      if (verdict.kind === 'after') return { key, victim: verdict.victim, holdsOthersBack: true };
    }
    return undefined;
  }

  function isClear({ victim }: Next): boolean {
    return victim === undefined || runningOf(victim) === 0;
  }

  function isKnownToFit({ key, before }: Load): boolean {
    const together = new Set(before).add(key);
    return fits.some((fit) => isPartOf(together, fit));
  }

  /** Nobody knows whether the load waits for calls of the others to end, which would go on for ever. */
  function mayWaitForOthers(one: Load): boolean {
    const { sinceMs, startsBefore } = one;
    if (isKnownToFit(one)) return false;
    return starts - startsBefore > bounds.requests || clock.now() - sinceMs >= bounds.ms;
  }

  function learn(listed: ReadonlySet<string>, isLoaded: boolean): void {
    misfits = misfits.filter((misfit) => !isPartOf(misfit, listed));
    if (listed.size > 1 && !fits.some((fit) => isPartOf(listed, fit)))
      fits = [...fits.filter((fit) => !isPartOf(fit, listed)), listed].slice(-MOST_REMEMBERED);
    if (!load || !isLoaded || isPartOf(load.before, listed)) return;
    const misfit = new Set(load.before).add(load.key);
    misfits = [...misfits.filter((one) => !isPartOf(misfit, one)), misfit].slice(-MOST_REMEMBERED);
    fits = fits.filter((fit) => !isPartOf(misfit, fit));
  }

  function saw(keys: readonly string[], askedAtMs: number): void {
    const listed = new Set(keys);
    // One that was heard from and is not listed has had to go already.
    const isHeard = (load?.heardAtMs ?? Number.POSITIVE_INFINITY) <= askedAtMs;
    const isLoaded = load !== undefined && (isHeard || listed.has(load.key));
    learn(listed, isLoaded);
    const loadMs = load ? (load.heardAtMs ?? clock.now()) - load.sinceMs : 0;
    for (const key of listed) enter(key, key === load?.key ? loadMs : 0);
    // An answer that was asked for before a call heard from the model says nothing about it.
    for (const key of turns.keys())
      if (!listed.has(key) && (heardAtMs.get(key) ?? 0) <= askedAtMs) turns.delete(key);
    if (isLoaded) load = undefined;
    noteStray();
  }

  function beginLoad(key: string, victim: string | undefined): void {
    const now = { sinceMs: clock.now(), startsBefore: starts, before: loaded() };
    load = { key, victim, heardAtMs: undefined, ...now };
    chance = undefined;
  }

  /** A call that was sent when its model had just gone has it loaded again, and the server waits for the others to end. */
  function noteStray(): void {
    const stray = [...running.keys()].find((key) => !turns.has(key) && canTake(key));
    if (load || stray === undefined) return;
    const [victim] = inTheWay(stray, loaded(), { maxModels: maxModels(), misfits });
    beginLoad(stray, victim);
  }

  function told(now: Wanted): void {
    wanted = now;
    for (const key of came.keys()) {
      if (wanted.waiting.has(key)) continue;
      came.delete(key);
      setBackMs.delete(key);
    }
    for (const key of wanted.waiting.keys()) if (!came.has(key)) came.set(key, starts);
    noteChance();
  }

  function noteChance(): void {
    const next = load ? undefined : nextIn();
    if (!next?.holdsOthersBack || !isClear(next)) chance = undefined;
    else if (chance?.key !== next.key) chance = { key: next.key, sinceMs: clock.now() };
    else if (clock.now() - chance.sinceMs >= CHANCE_MS) {
      setBackMs.set(next.key, clock.now());
      came.set(next.key, starts);
      chance = undefined;
    }
  }

  return {
    get loaded() {
      return loaded();
    },
    get count() {
      return turns.size;
    },
    isLoaded: (key) => turns.has(key),
    get loading() {
      return load?.key;
    },
    saw,
    heard: (key) => {
      heardAtMs.set(key, clock.now());
      // Nobody can have had to go for it.
      if (load?.key === key && (load.before.size === 0 || isKnownToFit(load))) {
        enter(key, clock.now() - load.sinceMs);
        load = undefined;
        return false;
      }
      const isNews = load?.key === key ? load.heardAtMs === undefined : !turns.has(key);
      if (load?.key === key) load.heardAtMs ??= clock.now();
      else enter(key, 0);
      return isNews;
    },
    told,
    verdictOn,
    nextLookMs: () => {
      const due = load ? [] : claimants().map(verdictOn);
      const times = due.map((verdict) => (verdict.kind === 'wait' ? verdict.dueMs : Infinity));
      const nextMs = Math.min(...times, chance ? chance.sinceMs + CHANCE_MS : Infinity);
      return Number.isFinite(nextMs) ? nextMs : undefined;
    },
    limit: (key, limit) => {
      // What holds nearly always is asked first: this is looked at with every call that starts or ends.
      if (!load && turns.has(key) && claimants().length === 0) return limit;
      if (!canTake(key)) return limit;
      const none = Math.min(limit, runningOf(key));
      if (load) {
        if (!turns.has(key)) return none;
        return load.victim === key || mayWaitForOthers(load) ? none : limit;
      }
      const next = nextIn(key);
      if (turns.has(key)) return next?.victim === key ? none : limit;
      return next?.key === key && isClear(next) ? Math.min(limit, runningOf(key) + 1) : none;
    },
    began: (key) => {
      const victim = load ? undefined : nextIn(key)?.victim;
      const isLoader = !load && !turns.has(key) && canTake(key);
      starts += 1;
      running.set(key, runningOf(key) + 1);
      if (isLoader) beginLoad(key, victim);
      return isLoader;
    },
    ended: (key, isLoader) => {
      const turn = turns.get(key);
      if (turn) turn.usedMs = clock.now();
      running.set(key, runningOf(key) - 1);
      if (runningOf(key) === 0) running.delete(key);
      if (load?.key !== key || load.heardAtMs !== undefined) return;
      if (isLoader || runningOf(key) === 0) load = undefined;
    },
  };
}
