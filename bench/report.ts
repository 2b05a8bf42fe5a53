/** The outcome for people and for machines: a table on the screen, .tmp/bench.md and .tmp/bench.json. */
import { cpus, release, totalmem } from 'node:os';
import type { Judged } from './gates.ts';
import type { Figures } from './figures.ts';
import { shown } from './scenarios/scenario.ts';
import { median } from './statistics.ts';
import type { Surroundings } from './surroundings.ts';

export interface RunInfo {
  readonly startedAt: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly commit: string;
  /** Before and after. */
  readonly surroundings: readonly [Surroundings, Surroundings];
  readonly versions: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly info: RunInfo;
  readonly judged: readonly Judged[];
  readonly figures: Figures;
  readonly faults: readonly string[];
  /** Tables that a scenario made itself. */
  readonly appendix: readonly string[];
}

export function machine(): Record<string, string | number> {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
  };
}

export function boundOf({ gate }: Judged): string {
  const sign = gate.atLeast === undefined ? '<=' : '>=';
  return `${sign} ${gate.atLeast ?? gate.atMost}${gate.against ? 'x' : ''}`;
}

export function gateTable(judged: readonly Judged[]): string {
  const rows = judged.map((one) => [
    one.gate.scenario,
    one.gate.title,
    one.gate.system,
    Number.isNaN(one.value) ? '-' : shown(one.value),
    one.other === null || Number.isNaN(one.other) ? '-' : shown(one.other),
    Number.isNaN(one.judged) ? '-' : `${shown(one.judged)}${one.gate.against ? 'x' : ''}`,
    boundOf(one),
    one.verdict,
  ]);
  return markdownTable(['scenario', 'what', 'of', 'figure', 'peer', 'result', 'gate', 'verdict'], rows);
}

export function figureTable(figures: Figures): string {
  const names = [...new Set(figures.all.map(({ metric }) => metric))];
  const rows = names.flatMap((metric) => {
    const systems = [
      ...new Set(figures.all.filter((one) => one.metric === metric).map(({ system }) => system)),
    ];
    return systems.map((system) => {
      const rounds = figures.rounds(metric, system);
      return [metric, system, shown(median(rounds)), rounds.map(shown).join(' ')];
    });
  });
  return markdownTable(['metric', 'of', 'median', 'rounds'], rows);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, n) => Math.max(title.length, ...rows.map((row) => row[n]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, n) => cell.padEnd(widths[n]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

export function markdownReport({ info, judged, figures, faults, appendix }: Outcome): string {
  const around = {
    'load average': info.surroundings.map(({ loadAverage }) => loadAverage.toFixed(1)).join(' to '),
    'write + fdatasync, p50 ms': info.surroundings.map(({ syncP50Ms }) => syncP50Ms.toFixed(2)).join(' to '),
    'echo after 50 ms of rest, p50 ms': info.surroundings
      .map(({ echoP50Ms }) => echoP50Ms.toFixed(2))
      .join(' to '),
  };
  const about = Object.entries({ ...machine(), ...around, ...info.versions, commit: info.commit });
  return [
    '# Benchmark',
    `${info.startedAt}, ${Math.round(info.seconds)} s, ${info.rounds} rounds${info.isQuick ? ', quick: the figures mean nothing' : ''}.`,
    markdownTable(
      ['what', 'is'],
      about.map(([name, value]) => [name, String(value)]),
    ),
    '## Gates',
    gateTable(judged),
    ...judged.flatMap(({ why, gate, verdict }) =>
      verdict === 'not built' ? [`- ${gate.title}: ${why}`] : [],
    ),
    '## Lost, doubled, not signed',
    faults.length === 0 ? 'Nothing.' : faults.map((fault) => `- ${fault}`).join('\n'),
    '## Figures',
    figureTable(figures),
    ...appendix,
    '',
  ].join('\n\n');
}

export function jsonReport({ info, judged, figures, faults }: Outcome): string {
  return JSON.stringify(
    {
      ...{ info, machine: machine(), faults },
      gates: judged.map(({ gate, ...rest }) => ({ ...gate, ...rest })),
      figures: figures.all,
    },
    null,
    2,
  );
}
