/** `fila requests explain`: the last attempt and the next one, their timers, and what these are made of. */
import type { AttemptExplanation, CallTimer, TimerTerm } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { listPrinter, printData } from '../../output/formats.ts';
import type { Out } from '../../output/out.ts';
import { oneLine } from '../../output/plain-text.ts';
import type { Cell, Column } from '../../output/table.ts';
import { shortDuration } from '../../output/units.ts';

type Reason = NonNullable<AttemptExplanation['reason']>;

const REASONS: Record<Reason, string> = {
  breaker_probe: 'its breaker waits for a call that shows whether it works again',
  only_one: 'no other can take it',
  answers_first: 'it should answer first',
  model_loaded: 'it has the model loaded',
  fewest_calls: 'it has the fewest calls of the model',
  next_in_turn: 'it is its turn',
  no_free_slot: 'once it has a free slot',
  none_up: 'none takes calls of this model',
};

const DECIDED: Record<CallTimer['decided_by'], string> = {
  estimate: 'its terms',
  floor: 'never less',
  ceiling: 'the setting',
  time_left: 'the time left',
};

export async function explainRequest(context: CliContext, id: string): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('admin');
  const explanation = await fila.requests.explain(id);
  if (await printData(out, explanation)) return;
  if (out.format === 'name') return out.print(oneLine(explanation.id));
  const { last_attempt: last, next_attempt: next, status, model, attempts } = explanation;
  out.print(`${oneLine(explanation.id)}  ${status}, ${oneLine(model)}, ${attempts} attempts`);
  if (last) await printAttempt(out, lastLine(last), last);
  if (next) await printAttempt(out, nextLine(next), next);
  if (!last && !next) out.notice('It ended without an attempt.');
}

function lastLine({ upstream, outcome, took_ms: took, timers }: AttemptExplanation): string {
  const after = took === null ? '' : ` after ${shortDuration(took)}`;
  const rest = timers.length === 0 ? '; its timers are not known here any more' : '';
  return `Last attempt: at ${oneLine(upstream ?? '-')}, ${oneLine(outcome ?? 'not known')}${after}${rest}`;
}

function nextLine({ upstream, reason }: AttemptExplanation): string {
  const why = reason === null ? '' : (REASONS[reason] ?? reason);
  return upstream === null
    ? `Next attempt: nowhere, ${why}`
    : `Next attempt, if it was made now: at ${oneLine(upstream)}, ${why}`;
}

async function printAttempt(out: Out, line: string, { timers, terms }: AttemptExplanation): Promise<void> {
  out.print('');
  out.print(out.paint('strong', line));
  if (timers.length === 0) return;
  await printTable(out, TIMERS, timers);
  out.print('');
  await printTable(out, TERMS, terms);
}

async function printTable<T extends { readonly name: string }>(
  out: Out,
  columns: Column<T>[],
  items: readonly T[],
): Promise<void> {
  const printer = listPrinter(out, { columns, name: ({ name }) => name });
  printer.page(items);
  await printer.end(null);
}

const duration = (ms: number | null): Cell =>
  ms === null
    ? { exact: '', shown: '-', tone: 'dim' }
    : { exact: String(ms), shown: ms < 1 ? `${ms}ms` : shortDuration(ms) };

const TIMERS: Column<CallTimer>[] = [
  { header: 'TIMER', cell: ({ name }) => ({ exact: name }) },
  { header: 'AFTER', cell: ({ ms }) => ({ ...duration(ms), tone: 'strong' }) },
  {
    header: 'BY',
    cell: ({ decided_by: by }) => ({ exact: by, shown: DECIDED[by] ?? by }),
  },
  { header: 'TERMS', cell: ({ estimate_ms: ms }) => duration(ms) },
  { header: 'LEAST', cell: ({ floor_ms: ms }) => duration(ms) },
  { header: 'MOST', cell: ({ ceiling_ms: ms }) => duration(ms) },
];

const TERMS: Column<TimerTerm>[] = [
  { header: 'TERM', cell: ({ name }) => ({ exact: name }) },
  { header: 'VALUE', cell: valueCell },
  { header: 'FROM', cell: sourceCell },
];

function valueCell({ value, unit }: TimerTerm): Cell {
  if (value === null || unit === 'ms') return duration(value);
  return { exact: String(value), shown: `${value} ${unit}` };
}

function sourceCell({ source, samples }: TimerTerm): Cell {
  if (source !== 'measured') return { exact: source };
  return { exact: `${source} ${samples}`, shown: `measured, ${samples} calls` };
}
