/** What every figure has to reach, and whether it did. */
import type { Figures } from './figures.ts';
import type { ScenarioName } from './scenarios/scenario.ts';
import type { SystemName } from './systems/system.ts';

export interface Gate {
  readonly scenario: ScenarioName;
  readonly title: string;
  readonly metric: string;
  readonly system: SystemName | 'baseline';
  /** The figure divided by that of this system; absent: the figure as it is. */
  readonly against?: SystemName;
  /** One of the two. */
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

export const GATES: readonly Gate[] = [
  ...both(
    {
      scenario: 'accept',
      title: 'accepted/s, 64 connections',
      metric: 'accept.c64.perSecond',
      against: 'peer',
    },
    { atLeast: 6 },
    { atLeast: 9 },
  ),
  ...same(
    { scenario: 'accept', title: 'p99 at 64 connections', metric: 'accept.c64.p99Ms', against: 'peer' },
    { atMost: 0.25 },
  ),
  ...both(
    { scenario: 'accept', title: 'accepted/s, 1 connection', metric: 'accept.c1.perSecond', against: 'peer' },
    { atLeast: 1.7 },
    { atLeast: 3.5 },
  ),
  ...same(
    {
      scenario: 'accept',
      title: 'GET by id/s, 16 connections',
      metric: 'accept.get.perSecond',
      against: 'peer',
    },
    { atLeast: 7 },
  ),
  ...same(
    {
      scenario: 'drain',
      title: 'drained/s, 0 ms upstream',
      metric: 'drain.backlog.perSecond',
      against: 'peer',
    },
    { atLeast: 4.5 },
  ),
  ...same(
    { scenario: 'drain', title: 'drained and told/s', metric: 'drain.told.perSecond', against: 'peer' },
    { atLeast: 4.5 },
  ),
  ...same(
    {
      scenario: 'drain',
      title: 'posted while draining/s',
      metric: 'drain.posted.perSecond',
      against: 'peer',
    },
    { atLeast: 4.5 },
  ),
  ...same(
    {
      scenario: 'latency',
      title: 'idle, POST to completed, p50',
      metric: 'latency.end.p50Ms',
      against: 'peer',
    },
    {},
  ).map((gate, n) => ({ ...gate, atMost: n === 0 ? 0.6 : 0.35 })),
  ...both(
    { scenario: 'latency', title: 'Prefer: wait, added to Ollama, p50 ms', metric: 'latency.added.p50Ms' },
    { atMost: 5 },
    { atMost: 3 },
  ),
];
