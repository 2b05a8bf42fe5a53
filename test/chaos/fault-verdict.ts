/** Judges the run of a named fault: violations, recovery against its target, and the row of the table. */
import { type Fault, type FaultId, FAULTS, scenarioOf, type Engines } from './faults.ts';
import { type Outcome, runScenario, type Scenario } from './scenario.ts';

export interface Verdict {
  readonly id: FaultId;
  readonly outcome: Outcome;
  /** Empty: everything held, in time. */
  readonly misses: readonly string[];
}

export async function runFault(
  id: FaultId,
  engines: Engines,
  more: Partial<Scenario> = {},
): Promise<Verdict> {
  const outcome = await runScenario({ ...scenarioOf(id, engines), ...more });
  return { id, outcome, misses: [...violationsOf(outcome), ...lateness(FAULTS[id], outcome)] };
}

function violationsOf({ violations }: Outcome): string[] {
  const counts = Object.entries(Object.groupBy(violations, ({ invariant }) => invariant));
  return counts.map(([name, all]) => `${name} ×${all.length}: ${all[0]!.what}`);
}

function lateness({ recoverWithinMs, answerWithinMs = Infinity }: Fault, { recovery }: Outcome): string[] {
  if (!recovery) return [];
  const { flowsMs, slowestAnswerMs } = recovery;
  const isLate = recoverWithinMs !== undefined && (flowsMs === null || flowsMs > recoverWithinMs);
  return [
    ...(isLate ? [`work flowed again after ${flowsMs ?? 'no'} ms`] : []),
    ...(slowestAnswerMs > answerWithinMs ? [`a caller waited ${slowestAnswerMs} ms for an answer`] : []),
  ];
}

export const TABLE_HEAD = [
  'I9 (limits) is test/e2e/limits.test.ts, I13 test/e2e/canary.test.ts; I11 (audit) belongs to a room that does not exist yet.',
  '',
  '| fault | engines | accepted | ends | broken promises | flows again (target) | backlog done | slowest 202/503 | model twice | a start took |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
].join('\n');

export function tableRow({ id, outcome, misses }: Verdict): string {
  const { scenario, facts, recovery, startMs } = outcome;
  const { recoverWithinMs }: Fault = FAULTS[id];
  const ends = Object.entries(facts.ends).map(([end, count]) => `${count} ${end}`);
  const flows = recovery?.flowsMs ?? 'never';
  const cells = [
    ...[id, scenario.engines, facts.accepted, ends.join(', ')],
    misses.length === 0 ? 'none' : `**${misses.join('; ')}**`,
    recoverWithinMs === undefined ? '–' : `${flows} ms (${recoverWithinMs})`,
    recoverWithinMs === undefined ? '–' : `${Math.round(recovery?.drainedMs ?? 0)} ms`,
    `${recovery?.slowestAnswerMs ?? '–'} ms`,
    `${facts.model.answeredTwicePercent.toFixed(1)} %`,
    `${Math.round(startMs)} ms`,
  ];
  return `| ${cells.join(' | ')} |`;
}
