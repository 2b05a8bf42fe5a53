/** How long requests still wait: asked for one at a time, and how right the estimates were. */
import type { LaneName, Ledger } from '../../engines/ledger/ledger.ts';
import { idTime } from '../../kernel/ids.ts';
import { estimateWait, type WaitEstimate, type Waiting } from './estimate-wait.ts';
import { rankOf } from './pick-turns.ts';

/** How fast a model goes at a broker. */
export interface Pace {
  readonly slots: number;
  readonly free: number;
  /** Rows that are claimed already and wait for a slot. */
  readonly claimed: number;
  /** What a row takes. */
  readonly meanMs: number;
  /** Slots that keys have used lately: those that use most. */
  readonly uses: Readonly<Record<string, number>>;
}

/** What the dispatcher knows of a model's line. */
export interface KnownLine {
  /** Undefined while nothing can start here, or nothing has ended yet. */
  readonly pace: Pace | undefined;
  /** How many of the rows claimed here start before one of this rank, of a key that had so much. */
  claimedBefore(rank: number, hadMs: number): number;
  /** Both by the weight of the key. */
  hadMs(keyId: string): number;
  costMs(keyId: string): number;
}

export interface WaitsDeps {
  readonly ledger: Pick<Ledger, 'waiting' | 'line' | 'lanes'>;
  readonly lineOf: (model: string) => KnownLine;
  /** When the oldest row of each lane with work was accepted, as the sweep has seen it. */
  readonly oldest: () => ReadonlyMap<number, number>;
  /** What other brokers tell of their pace. */
  readonly pacesElsewhere: (model: string) => readonly Pace[];
  readonly termsOf: (keyId: string) => { readonly cap: number; readonly weight: number };
  /** How many calls a queue may have at once; 0: it stands still. */
  readonly capOfQueue?: (queue: string) => number;
  readonly ageingMs: () => number;
  readonly now?: () => number;
}

export interface WaitingRequest {
  readonly id: string;
  readonly laneId: number;
}

export interface Waits {
  /** Null when too many stand before it to be counted. */
  estimate(request: WaitingRequest): Promise<WaitEstimate | null>;
  /** Of some of those that are accepted the estimate is kept; that is not waited for. */
  accepted(request: WaitingRequest): void;
  /** It starts here. */
  started(id: string): void;
  /** How far estimates were off, as a share of the wait; null until there are some. */
  medianError(): { readonly share: number; readonly of: number } | null;
}

/** Rows that are counted in a lane, and lanes that are looked at. */
const MOST_ROWS = 1_000;
const MOST_LANES = 64;
const REMEMBERED_MS = 1_000;
/** Many ask again and again for requests of one lane: its line is read so often at most. */
const LINE_REMEMBERED_MS = 250;
const SAMPLE_EVERY_MS = 250;
const MOST_SAMPLES = 500;
const KEPT_ERRORS = 100;
/** Fewer say nothing. */
const FEWEST_ERRORS = 10;
/** Being off by less is no error worth the name. */
const SHORT_MS = 100;

interface Rival extends Waiting {
  readonly laneId: number;
  readonly keyId: string;
}

export function createWaits(deps: WaitsDeps): Waits {
  const { ledger, now = Date.now, capOfQueue = () => Number.POSITIVE_INFINITY } = deps;
  const samples = new Map<string, { readonly at: number; etaMs: number | null }>();
  const errors: number[] = [];
  let nextSampleAt = Number.NEGATIVE_INFINITY;

  /** Only when somebody asks. */
  const countedOf = remembering(count, REMEMBERED_MS);
  const lineOfLane = remembering((laneId: number) => ledger.line(laneId, MOST_ROWS + 1), LINE_REMEMBERED_MS);

  async function count(model: string): Promise<Counted[]> {
    const all = await Promise.all(
      [...deps.oldest()].map(async ([laneId, oldestMs]) => {
        return { laneId, oldestMs, name: await ledger.lanes.nameOf(laneId) };
      }),
    );
    const lanes = all.filter(({ name }) => name.model === model).slice(0, MOST_LANES);
    const rows = await ledger.waiting(
      lanes.map(({ laneId }) => laneId),
      MOST_ROWS,
    );
    return lanes.map((lane, index) => ({ ...lane, rows: rows[index]! }));
  }

  async function estimate({ id, laneId }: WaitingRequest): Promise<WaitEstimate | null> {
    const { keyId, band, model, queue } = await ledger.lanes.nameOf(laneId);
    const [known, lanes] = await Promise.all([lineOfLane(laneId), countedOf(model)]);
    // It came after that look; of a line that is too long nobody needs to see the end.
    const isNew = known.length <= MOST_ROWS && (known.at(-1) ?? '') < id;
    const ahead = placeIn(isNew ? await lineOfLane(laneId, true) : known, id);
    if (ahead > MOST_ROWS) return null;
    const line = deps.lineOf(model);
    const elsewhere = deps.pacesElsewhere(model);
    const paces = line.pace ? [line.pace, ...elsewhere] : elsewhere;
    const usualMs = meanOf(paces);
    const rank = (lane: Counted): number => rankOf(lane.name.band, now() - lane.oldestMs, deps.ageingMs());
    const waiting = (of: string, more: Pick<Waiting, 'rank' | 'rows'>): Waiting => ({
      ...more,
      weight: deps.termsOf(of).weight,
      uses: sum(paces.map(({ uses }) => uses[of] ?? 0)),
      hadMs: line.hadMs(of),
      costMs: line.pace ? line.costMs(of) * deps.termsOf(of).weight : usualMs,
    });
    const rivals = lanes
      .filter((lane) => lane.laneId !== laneId && capOfQueue(lane.name.queue) > 0)
      .map((lane): Rival => {
        const of = lane.name.keyId;
        return { laneId: lane.laneId, keyId: of, ...waiting(of, { rank: rank(lane), rows: lane.rows }) };
      });
    const counted = lanes.find((lane) => lane.laneId === laneId);
    const ownRank = counted ? rank(counted) : rankOf(band, now() - idTime(id), deps.ageingMs());
    const { position, etaMs } = estimateWait({
      slots: sum(paces.map(({ slots }) => slots)),
      free: sum(paces.map(({ free }) => free)),
      claimed: line.claimedBefore(ownRank, line.hadMs(keyId)) + sum(elsewhere.map(({ claimed }) => claimed)),
      mine: { ...waiting(keyId, { rank: ownRank, rows: ahead }), atOnce: deps.termsOf(keyId).cap },
      siblings: rivals.filter((rival) => rival.keyId === keyId),
      others: byKey(rivals.filter((rival) => rival.keyId !== keyId)),
    });
    return { position, etaMs: capOfQueue(queue) > 0 ? etaMs : null };
  }

  function note(sample: { readonly at: number; readonly etaMs: number | null }): void {
    if (sample.etaMs === null) return;
    const tookMs = performance.now() - sample.at;
    errors.push(Math.abs(sample.etaMs - tookMs) / Math.max(sample.etaMs, tookMs, SHORT_MS));
    if (errors.length > KEPT_ERRORS) errors.shift();
  }

  return {
    estimate,
    accepted: (request) => {
      const at = performance.now();
      if (at < nextSampleAt) return;
      nextSampleAt = at + SAMPLE_EVERY_MS;
      if (samples.size >= MOST_SAMPLES) samples.delete(samples.keys().next().value!);
      const sample: { at: number; etaMs: number | null } = { at, etaMs: null };
      samples.set(request.id, sample);
      // The database is away, or the request has started: then there is nothing to learn.
      estimate(request).then(
        (found) => (sample.etaMs = found?.etaMs ?? null),
        () => samples.delete(request.id),
      );
    },
    started: (id) => {
      const sample = samples.get(id);
      if (sample && samples.delete(id)) note(sample);
    },
    medianError: () => {
      if (errors.length < FEWEST_ERRORS) return null;
      const sorted = [...errors].sort((one, other) => one - other);
      return { share: sorted[Math.floor(sorted.length / 2)]!, of: sorted.length };
    },
  };
}

/** How many of these stand before it; they are in order. */
function placeIn(line: readonly string[], id: string): number {
  let [from, to] = [0, line.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (line[middle]! < id) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Asks once for all who want to know in the meantime; what failed is asked again. */
function remembering<Key, Value>(ask: (key: Key) => Promise<Value>, forMs: number) {
  const remembered = new Map<Key, { readonly value: Promise<Value>; readonly until: number }>();
  return (key: Key, isToBeNew = false): Promise<Value> => {
    const known = remembered.get(key);
    if (known && known.until > performance.now() && !isToBeNew) return known.value;
    if (remembered.size > MOST_LANES) remembered.clear();
    const value = ask(key);
    value.catch(() => remembered.delete(key));
    remembered.set(key, { value, until: performance.now() + forMs });
    return value;
  };
}

interface Counted {
  readonly laneId: number;
  readonly name: LaneName;
  readonly oldestMs: number;
  readonly rows: number;
}

/** Lanes of one key and one rank share what the key gets. */
function byKey(rivals: readonly Rival[]): Waiting[] {
  const keys = new Map<string, Waiting>();
  for (const rival of rivals) {
    const name = `${rival.rank} ${rival.keyId}`;
    keys.set(name, { ...rival, rows: rival.rows + (keys.get(name)?.rows ?? 0) });
  }
  return [...keys.values()];
}

/** Of a row, wherever it runs. */
function meanOf(paces: readonly Pace[]): number {
  const slots = sum(paces.map((pace) => pace.slots));
  return slots === 0 ? 1 : sum(paces.map((pace) => pace.slots * pace.meanMs)) / slots;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
