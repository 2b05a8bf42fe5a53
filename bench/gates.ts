/** What every figure has to reach, and whether it did. */
import type { Figures } from './figures.ts';
import type { ScenarioName } from './scenarios/scenario.ts';
import type { SystemName } from './systems/system.ts';

export interface Gate {
  readonly scenario: ScenarioName;
  readonly title: string;
  readonly metric: string;
  readonly system: SystemName;
  /** The figure divided by that of this system; absent: the figure as it is. */
  readonly against?: SystemName;
  /** One, or both for exactly so much. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

export type Verdict = 'ok' | 'MISSED' | 'not built' | 'not run';

export interface Judged {
  readonly gate: Gate;
  readonly verdict: Verdict;
  /** Medians. */
  readonly value: number;
  readonly other: number | null;
  /** What the gate is about: the ratio of the two medians, or the value. */
  readonly judged: number;
  /** Why there is no figure. */
  readonly why: string | null;
}

export function judge(gate: Gate, figures: Figures): Judged {
  const value = figures.median(gate.metric, gate.system);
  const other = gate.against ? figures.median(gate.metric, gate.against) : null;
  const judged = other === null ? value : value / other;
  const why = figures.reasons.get(gate.metric) ?? null;
  return { gate, value, other, judged, why, verdict: verdictOf(gate, judged, why) };
}

function verdictOf({ atLeast, atMost }: Gate, judged: number, why: string | null): Verdict {
  if (Number.isNaN(judged)) return why === null ? 'not run' : 'not built';
  const isReached = judged >= (atLeast ?? -Infinity) && judged <= (atMost ?? Infinity);
  return isReached ? 'ok' : 'MISSED';
}

type Bound = Pick<Gate, 'atLeast' | 'atMost'>;

/** A gate for Fila on each set of engines; the bounds in the order of the names. */
function both(gate: Omit<Gate, 'system'>, shared: Bound, embedded: Bound): Gate[] {
  return [
    { ...gate, ...shared, system: 'fila shared' },
    { ...gate, ...embedded, system: 'fila embedded' },
  ];
}
const same = (gate: Omit<Gate, 'system'>, bound: Bound): Gate[] => both(gate, bound, bound);

const peer = 'peer' as const;

export const GATES: readonly Gate[] = [
  ...both(
    {
      scenario: 'accept',
      title: 'accepted/s, 64 connections',
      metric: 'accept.c64.perSecond',
      against: peer,
    },
    { atLeast: 6 },
    { atLeast: 9 },
  ),
  ...same(
    { scenario: 'accept', title: 'p99 at 64 connections', metric: 'accept.c64.p99Ms', against: peer },
    { atMost: 0.25 },
  ),
  ...both(
    { scenario: 'accept', title: 'accepted/s, 1 connection', metric: 'accept.c1.perSecond', against: peer },
    { atLeast: 1.7 },
    { atLeast: 3.5 },
  ),
  ...same(
    {
      scenario: 'accept',
      title: 'GET by id/s, 16 connections',
      metric: 'accept.get.perSecond',
      against: peer,
    },
    { atLeast: 7 },
  ),
  ...same(
    { scenario: 'accept', title: 'resident memory under this load', metric: 'accept.rssMb', against: peer },
    { atMost: 0.7 },
  ),
  ...same(
    {
      scenario: 'drain',
      title: 'drained/s, 0 ms upstream',
      metric: 'drain.backlog.perSecond',
      against: peer,
    },
    { atLeast: 4.5 },
  ),
  ...same(
    { scenario: 'drain', title: 'drained/s, webhooks sent', metric: 'drain.told.perSecond', against: peer },
    { atLeast: 4.5 },
  ),
  ...same(
    { scenario: 'drain', title: 'posted while draining/s', metric: 'drain.posted.perSecond', against: peer },
    { atLeast: 4.5 },
  ),
  ...same(
    { scenario: 'drain', title: '200 lanes, of one lane', metric: 'drain.lanes.ofOneLane' },
    { atLeast: 0.7 },
  ),
  {
    ...{ scenario: 'drain', title: 'Redis commands a request, 200 lanes', system: 'fila shared' },
    ...{ metric: 'drain.lanes.redisCommands', atMost: 3 },
  },
  ...both(
    {
      scenario: 'latency',
      title: 'idle, POST to completed, p50',
      metric: 'latency.end.p50Ms',
      against: peer,
    },
    { atMost: 0.6 },
    { atMost: 0.35 },
  ),
  ...both(
    { scenario: 'latency', title: 'Prefer: wait adds to Ollama, p50 ms', metric: 'latency.added.p50Ms' },
    { atMost: 5 },
    { atMost: 3 },
  ),
  ...same(
    { scenario: 'slots', title: 'ideal time / real time', metric: 'slots.one.efficiency' },
    { atLeast: 0.97 },
  ),
  ...slotGates('one lane', 'slots.one', ['fila shared', 'fila embedded']),
  ...slotGates('200 lanes', 'slots.lanes', ['fila shared', 'fila embedded']),
  ...slotGates('2 brokers', 'slots.brokers', ['fila shared']),
  ...[2_000, 10_000].flatMap((count) =>
    same(
      {
        ...{ scenario: 'fairness', title: `quiet key behind ${count}, times its wait alone` },
        metric: `fairness.flood${count}.slowdown`,
      },
      { atMost: 2 },
    ),
  ),
  ...same(
    { scenario: 'fairness', title: "ten equal keys, Jain's index", metric: 'fairness.jain' },
    { atLeast: 0.98 },
  ),
  {
    ...{ scenario: 'limits', title: '1,000 posts to 3 brokers, 100 a minute: accepted' },
    ...{ metric: 'limits.accepted', system: 'fila shared', atLeast: 100, atMost: 100 },
  },
  {
    ...{ scenario: 'limits', title: 'decisions/s through Redis, 3 windows', against: peer },
    ...{ metric: 'limits.decisions.perSecond', system: 'fila shared', atLeast: 3 },
  },
  {
    ...{ scenario: 'relay', title: 'token to a listener at another broker, p99 ms' },
    ...{ metric: 'relay.there.p99Ms', system: 'fila shared', atMost: 5 },
  },
  ...same(
    { scenario: 'depth', title: 'accepted at 500,000 queued, of at 0', metric: 'depth.accept.ratio' },
    { atLeast: 0.9 },
  ),
  ...same(
    { scenario: 'depth', title: 'drained at 500,000 queued, of at 0', metric: 'depth.drain.ratio' },
    { atLeast: 0.9 },
  ),
  ...same({ scenario: 'depth', title: 'memory grows by, MB', metric: 'depth.rss.growthMb' }, { atMost: 64 }),
  ...same(
    { scenario: 'depth', title: 'restart to ready, s', metric: 'depth.restart.seconds' },
    { atMost: 10 },
  ),
  {
    ...{ scenario: 'depth', title: 'Redis, bytes a queued request', system: 'fila shared' },
    ...{ metric: 'depth.redis.bytesPerQueued', atMost: 10 },
  },
  ...same(
    { scenario: 'swaps', title: 'loads, of first in first out', metric: 'swaps.ofFifo' },
    { atMost: 0.1 },
  ),
  ...same(
    { scenario: 'swaps', title: 'longest wait, of the bound', metric: 'swaps.longestWaitOfBound' },
    { atMost: 1 },
  ),
  ...(['accept', 'drain'] as const).flatMap((phase) =>
    same(
      { scenario: 'profile', title: `ORM in the profile of ${phase}`, metric: `profile.${phase}.ormShare` },
      { atMost: 0.01 },
    ),
  ),
];

function slotGates(title: string, metric: string, systems: readonly SystemName[]): Gate[] {
  return systems.flatMap((system): Gate[] => [
    {
      ...{ scenario: 'slots', title: `slots busy, ${title}`, system },
      ...{ metric: `${metric}.busyShare`, atLeast: 0.99 },
    },
    {
      ...{ scenario: 'slots', title: `gap to the next call, ${title}, p99 ms`, system },
      ...{ metric: `${metric}.gapP99Ms`, atMost: 5 },
    },
    {
      ...{ scenario: 'slots', title: `most in flight, ${title}`, system },
      ...{ metric: `${metric}.mostAtOnce`, atMost: 8 },
    },
  ]);
}
