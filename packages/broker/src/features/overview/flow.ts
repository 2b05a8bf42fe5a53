/** Counts what comes in and goes out: per second for all, per minute for each lane. An addition a happening, nothing more. */
import type { LaneName } from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';

export const FLOWS = [
  'accepted',
  'completed',
  'failed',
  'retried',
  'cancelled',
  'refused',
  'tokens',
] as const;
export type FlowName = (typeof FLOWS)[number];

export interface Minute {
  readonly accepted: number;
  readonly ended: number;
}

export interface Flow {
  count(name: FlowName, amount?: number): void;
  /** The same for a lane: something came in, or ended there. */
  countLane(laneId: number, lane: LaneName, what: keyof Minute): void;
  /** Of each of the last `seconds` full seconds, oldest first. */
  seconds(name: FlowName, seconds: number): number[];
  /** Per second, over the last ten full ones. */
  rate(name: FlowName): number;
  /** About the last minute, of lanes where something happened in it. */
  lanes(): Map<number, Minute & { readonly lane: LaneName }>;
}

const KEPT_S = 64;
const RATE_S = 10;
const MINUTE_MS = 60_000;

/** Two counts a lane: of the minute that runs and of the one before, which fades as the new one fills. */
interface LaneMinutes {
  readonly lane: LaneName;
  minute: number;
  now: { accepted: number; ended: number };
  before: { accepted: number; ended: number };
}

export function createFlow(clock: Clock): Flow {
  const counts = new Map(FLOWS.map((name) => [name, new Float64Array(KEPT_S)]));
  const lanes = new Map<number, LaneMinutes>();
  let second = Math.floor(clock.now() / 1000);

  /** Empties the places of seconds in which nothing happened. A clock that steps back goes on in its last second. */
  function advance(): void {
    const now = Math.floor(clock.now() / 1000);
    if (now <= second) return;
    const steps = Math.min(now - second, KEPT_S);
    for (const places of counts.values())
      for (let step = 1; step <= steps; step++) places[(second + step) % KEPT_S] = 0;
    second = now;
  }

  function turn(one: LaneMinutes, minute: number): void {
    if (minute <= one.minute) return;
    one.before = minute === one.minute + 1 ? one.now : { accepted: 0, ended: 0 };
    one.now = { accepted: 0, ended: 0 };
    one.minute = minute;
  }

  const minuteNow = (): number => Math.floor(clock.now() / MINUTE_MS);
  const flow: Flow = {
    count: (name, amount = 1) => {
      advance();
      counts.get(name)![second % KEPT_S]! += amount;
    },
    countLane: (laneId, lane, what) => {
      const minute = minuteNow();
      let one = lanes.get(laneId);
      if (!one) {
        one = { lane, minute, now: { accepted: 0, ended: 0 }, before: { accepted: 0, ended: 0 } };
        lanes.set(laneId, one);
      }
      turn(one, minute);
      one.now[what] += 1;
    },
    seconds: (name, seconds) => {
      advance();
      const places = counts.get(name)!;
      return Array.from({ length: seconds }, (_, n) => places[(second - seconds + n + KEPT_S) % KEPT_S]!);
    },
    rate: (name) => flow.seconds(name, RATE_S).reduce((sum, one) => sum + one, 0) / RATE_S,
    lanes: () => {
      const minute = minuteNow();
      const left = 1 - (clock.now() % MINUTE_MS) / MINUTE_MS;
      const found = new Map<number, Minute & { lane: LaneName }>();
      for (const [id, one] of lanes) {
        turn(one, minute);
        const accepted = one.now.accepted + one.before.accepted * left;
        const ended = one.now.ended + one.before.ended * left;
        if (accepted + ended > 0) found.set(id, { lane: one.lane, accepted, ended });
        else lanes.delete(id);
      }
      return found;
    },
  };
  return flow;
}
