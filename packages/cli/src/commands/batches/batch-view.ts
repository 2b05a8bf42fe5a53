/** How a batch looks to people: columns of a list, fields of one, a line of progress, and whether its end is a success. */
import type { Batch } from '@fila/sdk';
import type { Tone } from '../../output/colour.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';

const LOOKS: Record<Batch['status'], readonly [glyph: string, tone: Tone]> = {
  in_progress: ['◐', 'busy'],
  completed: ['✔', 'ok'],
  cancelling: ['◐', 'warn'],
  cancelled: ['⊘', 'warn'],
};
const WIDE_COUNTS = ['completed', 'cancelled', 'expired'] as const;
const COUNTS = ['pending', 'processing', 'completed', 'failed', 'cancelled', 'expired'] as const;

/** Of one that is over. */
export function exitCodeOf({ status, total, counts }: Batch): ExitCode {
  if (status === 'cancelled') return EXIT.conflict;
  if (counts.completed === total) return EXIT.ok;
  return counts.completed === 0 ? EXIT.failed : EXIT.partial;
}

/** "in_progress  12 of 30 ended, 1 failed". */
export function progressText(batch: Batch): string {
  const { failed } = batch.counts;
  return `${batch.status}  ${endedText(batch)} ended${failed > 0 ? `, ${failed} failed` : ''}`;
}

export function shareOf({ total, counts }: Batch): number {
  return 1 - (counts.pending + counts.processing) / total;
}

export function batchColumns(nowMs: number): Column<Batch>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: ({ id }) => ({ exact: id }) },
    { header: 'STATUS', cell: statusCell },
    { header: 'ENDED', cell: (batch) => ({ exact: endedText(batch) }) },
    { header: 'FAILED', cell: ({ counts }) => ({ exact: String(counts.failed) }) },
    ...WIDE_COUNTS.map((name): Column<Batch> => ({
      header: name.toUpperCase(),
      wide: true,
      cell: ({ counts }) => ({ exact: String(counts[name]) }),
    })),
    { header: 'CREATED', cell: ({ created_at }) => time(created_at) },
  ];
}

export function batchView(nowMs: number): View<Batch> {
  const time = timeCell(nowMs);
  const timeOrNone = (at: string | null): Cell => (at === null ? { exact: '' } : time(at));
  return {
    name: ({ id }) => id,
    fields: (batch) => [
      ['id', { exact: batch.id }],
      ['status', statusCell(batch)],
      ['ended', { exact: endedText(batch) }],
      ...COUNTS.map((name): [string, Cell] => [name, { exact: String(batch.counts[name]) }]),
      ['created', time(batch.created_at)],
      ['completed at', timeOrNone(batch.completed_at)],
      ['cancelled at', timeOrNone(batch.cancelled_at)],
    ],
  };
}

function endedText({ total, counts }: Batch): string {
  return `${total - counts.pending - counts.processing} of ${total}`;
}

function statusCell({ status }: Batch): Cell {
  const [glyph, tone] = LOOKS[status] ?? ['?', 'dim'];
  return { exact: status, shown: `${glyph} ${status}`, tone };
}
