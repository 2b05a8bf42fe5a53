/** The algorithm of all limits as a function of (counters, rules, time). The script on Redis is the same, step by step. */
import {
  BLOCK_MS,
  CALM_MS,
  GAUGE_RETRY_MS,
  MOST,
  PARTS,
  PLACES,
  STRIKE_MS,
  type Rule,
  type RuleState,
  type Verdict,
} from './limiter.ts';

/**
 * Four numbers a place. Window: part now, oldest part with a count, total, count of the part now; the counts of the
 * sixty parts before stand in its ring. Burst: when all will have come back (us). Gauge: third, what is held. Penalty:
 * blocked until (ms), when all strikes will be forgotten (us), level.
 */
export interface Counters {
  readonly cells: Float64Array;
  readonly rings: (Float64Array | undefined)[];
}

export interface Ask {
  readonly counters: Counters;
  readonly rules: readonly Rule[];
}

const CELL = 4;
const RING = PARTS + 1;

type Of<Kind extends Rule['kind']> = Extract<Rule, { kind: Kind }>;

interface Look extends RuleState {
  /** 0: it lets the call pass. */
  readonly waitMs: number;
}

export function newCounters(): Counters {
  return { cells: new Float64Array(PLACES * CELL), rings: [] };
}

/** Changes the counters of `asks` only by what is counted, and by moving windows on, which changes no later decision. */
export function decide(asks: readonly Ask[], nowMs: number): Verdict {
  const looks: Look[] = [];
  let refusedBy = -1;
  let retryMs = 0;
  for (const { counters, rules } of asks)
    for (const rule of rules) {
      const seen = look(counters, rule, nowMs);
      if (seen.waitMs > retryMs) {
        refusedBy = looks.length;
        retryMs = seen.waitMs;
      }
      looks.push(seen);
    }
  const isRefused = refusedBy >= 0;
  const states: RuleState[] = [];
  for (const { counters, rules } of asks)
    for (const rule of rules) {
      const index = states.length;
      const { used, resetMs, waitMs } = looks[index]!;
      states.push({ used, resetMs });
      if (rule.kind === 'penalty') {
        const isBlocked = waitMs > 0;
        if (isBlocked || !(isRefused || rule.cost > 0)) continue;
        const block = strike(counters, rule, nowMs);
        if (block === null) continue;
        states[index] = { used: block.level, resetMs: block.forMs };
        if (block.forMs > retryMs) {
          refusedBy = index;
          retryMs = block.forMs;
        }
      } else if (!isRefused && rule.cost !== 0) {
        countRule(counters, rule, nowMs);
        states[index] = stateOf(look(counters, rule, nowMs));
      }
    }
  return { isAllowed: refusedBy < 0, refusedBy, retryMs, states };
}

/** Counts without asking. */
export function count({ counters, rules }: Ask, nowMs: number): void {
  for (const rule of rules) if (rule.kind !== 'penalty') countRule(counters, rule, nowMs);
}

function stateOf({ used, resetMs }: Look): RuleState {
  return { used, resetMs };
}

function look(counters: Counters, rule: Rule, nowMs: number): Look {
  switch (rule.kind) {
    case 'window':
      return lookAtWindow(counters, rule, nowMs);
    case 'burst':
      return lookAtBurst(counters, rule, nowMs);
    case 'gauge':
      return lookAtGauge(counters, rule);
    case 'penalty':
      return lookAtPenalty(counters, rule, nowMs);
  }
}

function lookAtWindow(counters: Counters, rule: Of<'window'>, nowMs: number): Look {
  const { cells } = counters;
  const at = rule.place * CELL;
  const partMs = rule.windowMs / PARTS;
  moveOn(counters, rule, nowMs);
  const [oldest, total] = [cells[at + 1]!, cells[at + 2]!];
  const resetMs = total > 0 ? (oldest + RING) * partMs - nowMs : 0;
  const over = total + Math.max(rule.cost, 1) - rule.limit;
  if (over <= 0) return { used: total, resetMs, waitMs: 0 };
  if (over > total) return { used: total, resetMs, waitMs: rule.windowMs + partMs };
  const free = over === 1 ? oldest : partThatFrees(counters, rule, over);
  return { used: total, resetMs, waitMs: (free + RING) * partMs - nowMs };
}

/** The part with whose end `over` calls have come free. */
function partThatFrees({ cells, rings }: Counters, { place }: Rule, over: number): number {
  const now = cells[place * CELL]!;
  let freed = 0;
  for (let part = cells[place * CELL + 1]!; part < now; part++) {
    freed += rings[place]?.[part % RING] ?? 0;
    if (freed >= over) return part;
  }
  return now;
}

/** Closes parts that are over and drops those that no stretch of this length reaches any more. */
function moveOn({ cells, rings }: Counters, { place, windowMs }: Of<'window'>, nowMs: number): void {
  const at = place * CELL;
  const before = cells[at]!;
  const now = Math.floor(nowMs / (windowMs / PARTS));
  // A clock that was set back stands still until it is where it was.
  if (now <= before) return;
  cells[at] = now;
  if (now - before > PARTS || cells[at + 2] === 0) {
    rings[place] = undefined;
    cells[at + 1] = now;
    cells[at + 2] = 0;
    cells[at + 3] = 0;
    return;
  }
  const ring = (rings[place] ??= new Float64Array(RING));
  ring[before % RING] = cells[at + 3]!;
  for (let part = before + 1; part <= now; part++) ring[part % RING] = 0;
  let total = 0;
  let oldest = now;
  for (let part = now - 1; part >= now - PARTS; part--) {
    const counted = ring[part % RING]!;
    total += counted;
    if (counted > 0) oldest = part;
  }
  cells[at + 1] = oldest;
  cells[at + 2] = total;
  cells[at + 3] = 0;
}

function lookAtBurst({ cells }: Counters, rule: Of<'burst'>, nowMs: number): Look {
  const nowUs = nowMs * 1000;
  const fullUs = Math.max(cells[rule.place * CELL]!, nowUs);
  const waitUs = fullUs + (Math.max(rule.cost, 1) - rule.limit) * rule.refillUs - nowUs;
  return {
    used: Math.ceil((fullUs - nowUs) / rule.refillUs),
    resetMs: Math.ceil((fullUs - nowUs) / 1000),
    waitMs: waitUs > 0 ? Math.ceil(waitUs / 1000) : 0,
  };
}

function lookAtGauge({ cells }: Counters, rule: Of<'gauge'>): Look {
  const used = cells[rule.place * CELL + 2]!;
  const isFull = used + Math.max(rule.cost, 1) > rule.limit;
  return { used, resetMs: 0, waitMs: isFull ? GAUGE_RETRY_MS : 0 };
}

function lookAtPenalty(counters: Counters, { place }: Rule, nowMs: number): Look {
  const blockedUntil = counters.cells[place * CELL]!;
  const leftMs = Math.max(0, blockedUntil - nowMs);
  return { used: levelAt(counters, place, nowMs), resetMs: leftMs, waitMs: leftMs };
}

function levelAt({ cells }: Counters, place: number, nowMs: number): number {
  return calmedLevel(cells[place * CELL]!, cells[place * CELL + 2]!, nowMs);
}

/** The level, less a step for each calm hour since the last block ended. */
export function calmedLevel(blockedUntil: number, level: number, nowMs: number): number {
  return Math.max(0, level - Math.max(0, Math.floor((nowMs - blockedUntil) / CALM_MS)));
}

/** The blocks of this place, or null when they are forgotten. */
export function penaltyAt(
  { cells }: Counters,
  place: number,
  nowMs: number,
): { level: number; blockedUntil: number } | null {
  const blockedUntil = cells[place * CELL]!;
  const level = calmedLevel(blockedUntil, cells[place * CELL + 2]!, nowMs);
  return level === 0 ? null : { level, blockedUntil };
}

export function forgive({ cells }: Counters, place: number): void {
  cells.fill(0, place * CELL, (place + 1) * CELL);
}

function countRule(counters: Counters, rule: Rule, nowMs: number): void {
  const { cells } = counters;
  const at = rule.place * CELL;
  if (rule.kind === 'window') {
    moveOn(counters, rule, nowMs);
    if (cells[at + 2] === 0) cells[at + 1] = cells[at]!;
    const counted = Math.min(rule.cost, MOST - cells[at + 2]!);
    cells[at + 2]! += counted;
    cells[at + 3]! += counted;
  } else if (rule.kind === 'burst') {
    cells[at] = Math.max(cells[at]!, nowMs * 1000) + rule.cost * rule.refillUs;
  } else if (rule.kind === 'gauge') {
    cells[at + 2] = Math.min(Math.max(cells[at + 2]! + rule.cost, 0), MOST);
  }
}

/** Null unless that was one strike too many. */
function strike(
  counters: Counters,
  { place, limit }: Rule,
  nowMs: number,
): { level: number; forMs: number } | null {
  const { cells } = counters;
  const at = place * CELL;
  const nowUs = nowMs * 1000;
  const forgottenUs = Math.max(cells[at + 1]!, nowUs) + Math.ceil((STRIKE_MS * 1000) / limit);
  cells[at + 1] = forgottenUs;
  if (forgottenUs - nowUs <= STRIKE_MS * 1000) return null;
  const level = Math.min(levelAt(counters, place, nowMs), BLOCK_MS.length - 1);
  const forMs = BLOCK_MS[level]!;
  cells[at] = nowMs + forMs;
  cells[at + 1] = 0;
  cells[at + 2] = level + 1;
  return { level: level + 1, forMs };
}
