/** `fila requests trace`: everything that happened to one request, in the order of time. */
import type { TraceStep } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import type { Tone } from '../../output/colour.ts';
import { listPrinter, printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import type { Cell, Column } from '../../output/table.ts';
import { shortDuration } from '../../output/units.ts';

const TONES: Partial<Record<TraceStep['step'], Tone>> = {
  completed: 'ok',
  failed: 'bad',
  expired: 'bad',
  attempt_failed: 'warn',
  cancelled: 'warn',
  act: 'busy',
};

export async function traceRequest(context: CliContext, id: string): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('admin');
  const trace = await fila.requests.trace(id);
  if (await printData(out, trace)) return;
  if (out.format === 'name') return out.print(oneLine(trace.id));
  const printer = listPrinter(out, { columns: COLUMNS, name: ({ step }) => step });
  printer.page(trace.steps);
  await printer.end(null);
  if (!trace.complete)
    out.notice('There is more: of webhooks the newest 50 are told, of acts the oldest 200.');
}

const COLUMNS: readonly Column<TraceStep>[] = [
  { header: 'AT', cell: ({ at }) => ({ exact: at, shown: shownTime(at) }) },
  { header: 'STEP', cell: ({ step }) => ({ exact: step, tone: TONES[step] }) },
  { header: 'UPSTREAM', cell: ({ upstream }) => ({ exact: upstream ?? '' }) },
  { header: 'CODE', cell: ({ code }) => ({ exact: code ?? '' }) },
  { header: 'TOOK', cell: tookCell },
  { header: 'ACTOR', cell: ({ actor }) => ({ exact: actor ?? '' }) },
  { header: 'DETAIL', yields: true, cell: ({ detail }) => ({ exact: detail ?? '' }) },
  { header: 'REF', wide: true, cell: ({ ref }) => ({ exact: ref ?? '' }) },
];

/** What is a moment apart would be one "2h ago" after the other. */
function shownTime(at: string): string {
  return at.replace('T', ' ').replace('Z', '');
}

/** Milliseconds in a pipe. */
function tookCell({ took_ms: took }: TraceStep): Cell {
  return took === null ? { exact: '' } : { exact: String(took), shown: shortDuration(took) };
}
