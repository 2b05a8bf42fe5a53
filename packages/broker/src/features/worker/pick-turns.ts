/** Decides from which lanes the next rows are claimed, and how many of each; pure. */

/** Bands from here on may use the slots that are kept free for them. */
export const HIGH_BAND = 3;
const HIGHEST_BAND = 4;

/** A lane that may have rows. */
export interface Contender {
  readonly keyId: string;
  readonly queue: string;
  readonly band: number;
  /** When its oldest row was accepted, as far as known; in milliseconds since 1970. */
  readonly oldestMs: number | undefined;
}

/** A row that is claimed and waits for its slot. */
export interface Place {
  readonly rank: number;
  /** What its key had when it was claimed. */
  readonly hadMs: number;
  readonly isHigh: boolean;
}

export interface Circumstances<Lane extends Contender = Contender> {
  /** How many rows may start now or wait for the next free slot, those that wait already included. */
  readonly places: number;
  /** How many of these may be of lower bands. */
  readonly lowPlaces: number;
  readonly nowMs: number;
  /** After each such time of waiting a row counts as one band higher; 0: never. */
  readonly ageingMs: number;
  /** How many more rows of the lane its key and its queue may have under way. */
  readonly room: (lane: Lane) => { readonly ofKey: number; readonly ofQueue: number };
  readonly hadMs: (keyId: string) => number;
  readonly costMs: (keyId: string) => number;
}

/** So much of a slot's time a lane gets in one turn: short rows come several at a time, so that a row costs no turn. */
const TURN_MS = 20;
const MOST_ROWS_A_TURN = 16;

/** The band after ageing: who has waited long enough is in the highest, so nobody waits for ever. */
export function rankOf(band: number, waitedMs: number, ageingMs: number): number {
  const risen = ageingMs > 0 ? Math.floor(Math.max(0, waitedMs) / ageingMs) : 0;
  return Math.min(HIGHEST_BAND, band + risen);
}

/** Whether `one` starts before `other`: the higher rank, and then the key that had less. */
export function isBefore(
  one: { readonly rank: number; readonly hadMs: number },
  other: { readonly rank: number; readonly hadMs: number },
): boolean {
  return one.rank === other.rank ? one.hadMs < other.hadMs : one.rank > other.rank;
}

/** Undefined until somebody has asked: of hundreds of lanes a few come near to a turn. */
interface Counter {
  room: number | undefined;
}
interface Seat<Lane> {
  readonly lane: Lane;
  readonly rank: number;
  readonly isHigh: boolean;
  readonly oldestMs: number;
  readonly key: Counter & { hadMs: number };
  readonly queue: Counter;
  rows: number;
}

/**
 * Plays the next `places` starts: those that wait (`ready`, in their order) and those that could be claimed stand in
 * one line, so who is entitled to be first overtakes what was claimed before. How many rows a lane really has shows
 * only when they are claimed; whoever calls comes again for what is left.
 */
export function pickTurns<Lane extends Contender>(
  lanes: readonly Lane[],
  ready: readonly Place[],
  given: Circumstances<Lane>,
): Map<Lane, number> {
  // What is true nearly always while slots are taken: all who are next wait already, and nobody comes before them.
  const last = ready[given.places - 1];
  if (last && !lanes.some((lane) => isBefore(standingOf(lane, given), last))) return new Map();
  const seats = seatsOf(lanes, given);
  let { places, lowPlaces } = given;
  let next = 0;

  const placesFor = ({ isHigh }: { readonly isHigh: boolean }): number =>
    isHigh ? places : Math.min(places, lowPlaces);

  function use(count: number, isHigh: boolean): void {
    places -= count;
    if (!isHigh) lowPlaces -= count;
  }

  function bestSeat(): Seat<Lane> | undefined {
    let best: Seat<Lane> | undefined;
    for (const seat of seats) {
      if (placesFor(seat) <= 0 || (best && !isSeatBefore(seat, best))) continue;
      if (roomOf(seat, given) > 0) best = seat;
    }
    return best;
  }

  // Looked for anew only when what it hangs on has changed: there may be hundreds.
  let seat = bestSeat();
  while (places > 0) {
    const waiting = ready[next];
    if (waiting && !(seat && isBefore({ rank: seat.rank, hadMs: seat.key.hadMs }, waiting))) {
      next += 1;
      use(1, waiting.isHigh);
      if (seat && placesFor(seat) <= 0) seat = bestSeat();
      continue;
    }
    if (!seat) break;
    const { lane, key, queue, isHigh } = seat;
    const costMs = given.costMs(lane.keyId);
    const rows = Math.min(roomOf(seat, given), placesFor(seat), rowsOfTurn(costMs));
    seat.rows += rows;
    key.hadMs += rows * costMs;
    key.room! -= rows;
    queue.room! -= rows;
    use(rows, isHigh);
    seat = bestSeat();
  }
  return new Map(seats.filter(({ rows }) => rows > 0).map(({ lane, rows }) => [lane, rows]));
}

/** Where the next row of the lane would stand. */
function standingOf<Lane extends Contender>(
  { band, keyId, oldestMs }: Lane,
  { nowMs, ageingMs, hadMs }: Circumstances<Lane>,
): { readonly rank: number; readonly hadMs: number } {
  return { rank: rankOf(band, nowMs - (oldestMs ?? nowMs), ageingMs), hadMs: hadMs(keyId) };
}

/** Lanes of one key or one queue share what it may still take. */
function seatsOf<Lane extends Contender>(lanes: readonly Lane[], given: Circumstances<Lane>): Seat<Lane>[] {
  const keys = new Map<string, Seat<Lane>['key']>();
  const queues = new Map<string, Counter>();
  return lanes.map((lane) => {
    const { keyId, queue, band, oldestMs = given.nowMs } = lane;
    const { rank, hadMs } = standingOf(lane, given);
    let [ofKey, ofQueue] = [keys.get(keyId), queues.get(queue)];
    if (!ofKey) keys.set(keyId, (ofKey = { room: undefined, hadMs }));
    if (!ofQueue) queues.set(queue, (ofQueue = { room: undefined }));
    return { lane, rank, isHigh: band >= HIGH_BAND, oldestMs, key: ofKey, queue: ofQueue, rows: 0 };
  });
}

function roomOf<Lane extends Contender>(
  { lane, key, queue }: Seat<Lane>,
  given: Circumstances<Lane>,
): number {
  if (key.room === undefined || queue.room === undefined) {
    const { ofKey, ofQueue } = given.room(lane);
    key.room ??= ofKey;
    queue.room ??= ofQueue;
  }
  return Math.min(key.room, queue.room);
}

/** Lanes of one key, and keys that had the same, take turns, the older first. */
function isSeatBefore(one: Seat<unknown>, other: Seat<unknown>): boolean {
  if (one.rank !== other.rank) return one.rank > other.rank;
  if (one.key.hadMs !== other.key.hadMs) return one.key.hadMs < other.key.hadMs;
  if (one.rows !== other.rows) return one.rows < other.rows;
  return one.oldestMs < other.oldestMs;
}

function rowsOfTurn(costMs: number): number {
  return Math.max(1, Math.min(MOST_ROWS_A_TURN, Math.floor(TURN_MS / Math.max(costMs, 0.001))));
}
