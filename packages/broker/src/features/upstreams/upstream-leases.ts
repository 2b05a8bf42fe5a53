/** The leases of upstreams: each is dispatched by one broker at a time, and all have their fair share of them. */
import { hostname } from 'node:os';
import { LedgerUnavailable, type Lease, type LeaseBook } from '../../engines/ledger/ledger.ts';
import { every } from '../../kernel/every.ts';
import { inTime } from '../../kernel/in-time.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { shareUpstreams, type Told } from './share-upstreams.ts';

/** One upstream as this broker sees it. */
export interface Leasable {
  /** host:port */
  readonly id: string;
  /** Whether calls may start there at all. */
  readonly isWanted: boolean;
  readonly isUp: boolean;
  /** Calls that this broker has there. */
  readonly running: number;
}

export interface UpstreamLeasesDeps {
  readonly book: LeaseBook;
  /** This run of the daemon. */
  readonly run: string;
  /** Runs whose process is dead for certain: what they held is free. */
  readonly deadRuns: readonly string[];
  readonly logger: Logger;
  /** Something more that the others may know, told when leases are written; JSON. */
  readonly tell?: () => unknown;
  readonly timings?: { readonly leaseMs: number; readonly renewMs: number; readonly lookMs: number };
}

interface Ours {
  readonly upstreams: () => readonly Leasable[];
  /** More calls may start here than before. */
  readonly onGained: () => void;
  /** None may start any more at an upstream where they could. */
  readonly onLost: () => void;
}

export interface DispatchedBy {
  readonly run: string;
  /** Name of its machine. */
  readonly host: string;
  readonly isHere: boolean;
}

/**
 * A broker starts a call at an upstream only while it knows its lease to be valid: until the time of the lease has
 * passed since before it was last asked for. Who gives an upstream up says how many calls it still has there, in the same
 * statement, and the next one leaves so many slots alone until they have ended. So there are never more calls than slots,
 * but for those of a broker that has lost its lease without being able to say so: frozen, or cut off from the database.
 */
export interface UpstreamLeases extends Service {
  /** Calls that others still have there; null when this broker may start none. */
  othersAt(id: string): number | null;
  /** As last read; null when it is nobody's. */
  dispatcherOf(id: string): DispatchedBy | null;
  /** Brokers that gave a sign of life lately, this one included. */
  brokers(): number;
  /** What the others told last. */
  heard(): unknown[];
  /** Something changed about the upstreams. Resolves when the leases are as they should be, or could not be read. */
  review(): Promise<void>;
  /** From now on no call starts here, and others may take over at once. */
  handOver(): Promise<void>;
}

/** A look reads a few rows; leases are written when there is something to say, and in time before they are over. */
const TIMINGS = { leaseMs: 5_000, renewMs: 1_500, lookMs: 400 };
/** What a database that hangs does not hear is over soon anyway. */
const STOP_MS = 1_000;
const BROKER = 'broker:';
const UPSTREAM = 'upstream:';
/** Something that a broker has told in its note. */
interface Note {
  readonly host: string;
  readonly upstreams: Record<string, [Told['can'], number]>;
  readonly told?: unknown;
}

export function createUpstreamLeases(deps: UpstreamLeasesDeps, ours: Ours): UpstreamLeases {
  const { book, run, logger, timings = TIMINGS } = deps;
  /** Until when each lease is certain to be ours, by performance.now(). */
  const certainUntil = new Map<string, number>();
  let known: readonly Lease[] = [];
  let notes: ReadonlyMap<string, Note> = new Map();
  let othersRunning: ReadonlyMap<string, number> = new Map();
  let told = '';
  let writtenAt = Number.NEGATIVE_INFINITY;
  let areDeadForgotten = false;
  let isLeaving = false;
  let isStopped = true;
  let last: Promise<void> = Promise.resolve();

  const isHeld = (name: string): boolean => (certainUntil.get(name) ?? 0) > performance.now();

  function toldOf({ id, isWanted, isUp, running }: Leasable): [string, [Told['can'], number]] {
    const name = nameOf(id);
    const can = isLeaving || !isWanted ? 'no' : isUp ? 'up' : 'perhaps';
    return [name, [can, isHeld(name) ? 0 : running]];
  }

  function ownNote(): Note {
    return { host: hostname(), upstreams: Object.fromEntries(ours.upstreams().map(toldOf)) };
  }

  /** What is not ours any more is let go; what is must have been written before it was read. */
  function read(leases: readonly Lease[]): void {
    const before = othersRunning;
    known = leases;
    const brokers = leases.filter(({ name }) => name.startsWith(BROKER));
    notes = new Map(brokers.map(({ owner, note }) => [owner, noteOf(note)]));
    othersRunning = countOthers(notes, run);
    for (const name of certainUntil.keys()) if (ownerOf(name) !== run) lose(name);
    if ([...before].some(([name, count]) => count > (othersRunning.get(name) ?? 0))) ours.onGained();
  }

  const ownerOf = (name: string): string | undefined => known.find((lease) => lease.name === name)?.owner;

  function lose(name: string): void {
    if (!certainUntil.delete(name)) return;
    logger.info({ upstream: name.slice(UPSTREAM.length) }, 'this broker no longer dispatches the upstream');
    ours.onLost();
  }

  function gain(names: readonly string[], untilMs: number): void {
    const held = names.filter((name) => ownerOf(name) === run);
    const gained = held.filter((name) => !isHeld(name));
    for (const name of held) certainUntil.set(name, untilMs);
    for (const name of gained)
      logger.info({ upstream: name.slice(UPSTREAM.length) }, 'this broker dispatches the upstream');
    if (gained.length > 0) ours.onGained();
  }

  async function step(): Promise<void> {
    if (!areDeadForgotten) {
      await book.forget(deps.deadRuns);
      areDeadForgotten = true;
    }
    read(await book.valid());
    const running = new Map(ours.upstreams().map((one) => [nameOf(one.id), one.running]));
    const brokers = new Map([...notes].map(([broker, note]) => [broker, toldIn(note)]));
    const share = shareUpstreams({
      me: run,
      brokers: brokers.set(run, toldIn(ownNote())),
      holders: new Map(known.filter(isOfUpstream).map(({ name, owner }) => [name, owner])),
      runningHere: (name) => running.get(name) ?? 0,
    });
    await write(share.hold, share.giveUp);
  }

  async function write(hold: readonly string[], giveUp: readonly string[]): Promise<void> {
    // Before the calls are counted: none may start between the count and the next one's first call.
    for (const name of giveUp) lose(name);
    const note = ownNote();
    const text = JSON.stringify(note);
    const isDue = performance.now() - writtenAt >= timings.renewMs;
    const isNew = hold.some((name) => !isHeld(name)) || giveUp.length > 0;
    if (!isDue && !isNew && text === told) return;
    const askedAt = performance.now();
    const { leaseMs } = timings;
    await book.write(run, [
      { name: BROKER + run, leaseMs, note: asciiOf({ ...note, told: deps.tell?.() }) },
      ...hold.map((name) => ({ name, leaseMs })),
      ...giveUp.map((name) => ({ name, leaseMs: 0 })),
    ]);
    [told, writtenAt] = [text, askedAt];
    read(await book.valid());
    gain(hold, askedAt + leaseMs);
  }

  async function giveUpAll(): Promise<void> {
    const names = [BROKER + run, ...certainUntil.keys()];
    certainUntil.clear();
    await book.write(
      run,
      names.map((name) => ({ name, leaseMs: 0 })),
    );
  }

  /** One at a time, whoever asks. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  }

  /** That the database is away was said by those who watch it. */
  function noteFailure(error: unknown): void {
    if (!(error instanceof LedgerUnavailable))
      logger.warn({ err: error }, 'the leases of upstreams could not be seen to; it is tried again');
  }

  const stepNow = (): Promise<void> => inTurn(step).catch(noteFailure);
  const ticker = every('leases of upstreams', timings.lookMs, () => inTurn(step), noteFailure);

  return {
    name: 'upstream leases',
    othersAt: (id) => (isHeld(nameOf(id)) ? (othersRunning.get(nameOf(id)) ?? 0) : null),
    dispatcherOf: (id) => {
      const owner = ownerOf(nameOf(id));
      return owner === undefined
        ? null
        : { run: owner, host: notes.get(owner)?.host ?? '', isHere: owner === run };
    },
    brokers: () => Math.max(1, notes.size),
    heard: () => [...notes].flatMap(([broker, { told }]) => (broker === run || !told ? [] : [told])),
    review: async () => {
      if (!isStopped) await stepNow();
    },
    handOver: async () => {
      isLeaving = true;
      if (!isStopped) await stepNow();
    },
    start: async () => {
      [isStopped, isLeaving] = [false, false];
      await stepNow();
      await ticker.start();
    },
    stop: async () => {
      if (isStopped) return;
      isStopped = true;
      await inTime(
        Promise.all([ticker.stop(), inTurn(giveUpAll)]),
        STOP_MS,
        () => new LedgerUnavailable('It does not answer.'),
      ).catch(noteFailure);
    },
  };
}

/** What a machine calls itself is another server on the next one. */
function nameOf(id: string): string {
  const known = names.get(id);
  if (known !== undefined) return known;
  const isOwn = /^(localhost|127\.[0-9.]+|\[::1\]|0\.0\.0\.0|\[::\]):/.test(id);
  const name = `${UPSTREAM}${isOwn ? `${hostname()}/` : ''}${id}`;
  names.set(id, name);
  return name;
}
const names = new Map<string, string>();

const isOfUpstream = ({ name }: Lease): boolean => name.startsWith(UPSTREAM);

function asciiOf(note: Note): string {
  return JSON.stringify(note).replace(/[\u0080-\uffff]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function noteOf(text: string): Note {
  return JSON.parse(text) as Note;
}

function toldIn({ upstreams }: Note): ReadonlyMap<string, Told> {
  return new Map(Object.entries(upstreams).map(([name, [can, running]]) => [name, { can, running }]));
}

/** By upstream: what brokers other than this have under way there without its lease. */
function countOthers(notes: ReadonlyMap<string, Note>, me: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [broker, { upstreams }] of notes)
    if (broker !== me)
      for (const [name, [, running]] of Object.entries(upstreams))
        counts.set(name, (counts.get(name) ?? 0) + running);
  return counts;
}
