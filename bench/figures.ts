/** What was measured: a value for every metric, system and round. */
import { median } from './statistics.ts';

export interface Figure {
  /** `accept.c64.perSecond`: scenario, situation, what and its unit. */
  readonly metric: string;
  /** `peer`, `fila shared`, `fila embedded`, or what a figure is of otherwise. */
  readonly system: string;
  readonly round: number;
  readonly value: number;
}

export interface Figures {
  add(figure: Figure): void;
  /** Says why a metric is not there. */
  explain(metric: string, why: string): void;
  readonly all: readonly Figure[];
  readonly reasons: ReadonlyMap<string, string>;
  /** Round by round. */
  rounds(metric: string, system: string): number[];
  /** NaN when it was not measured. */
  median(metric: string, system: string): number;
}

export function createFigures(): Figures {
  const all: Figure[] = [];
  const reasons = new Map<string, string>();
  const rounds = (metric: string, system: string): number[] =>
    all
      .filter((figure) => figure.metric === metric && figure.system === system)
      .toSorted((a, b) => a.round - b.round)
      .map(({ value }) => value);
  return {
    ...{ all, reasons, rounds },
    add: (figure) => void all.push(figure),
    explain: (metric, why) => void reasons.set(metric, why),
    median: (metric, system) => median(rounds(metric, system)),
  };
}
