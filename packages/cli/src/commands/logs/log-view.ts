/** How lines of the log look to people. */
import type { LogLine } from '@fila/sdk';
import type { Tone } from '../../output/colour.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';

/** The id of a line is text in a list. */
export type ListedLine = Omit<LogLine, 'id'> & { readonly id: string };
type Shown = Omit<LogLine, 'id'>;

const TONES: Record<LogLine['level'], Tone> = {
  warning: 'warn',
  error: 'bad',
  critical: 'bad',
  emergency: 'bad',
};

export function logColumns(nowMs: number): Column<Shown>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'TIME', cell: (line) => time(line.time) },
    { header: 'LEVEL', cell: ({ level }) => ({ exact: level, tone: TONES[level] ?? 'warn' }) },
    { header: 'MESSAGE', yields: true, cell: ({ message }) => ({ exact: message }) },
    { header: 'WHY', yields: true, cell: whyCell },
    { header: 'REQUEST', yields: true, cell: ({ request_id }) => ({ exact: request_id ?? '' }) },
    { header: 'KEY', wide: true, cell: ({ key_id }) => ({ exact: key_id ?? '' }) },
    { header: 'RUN', wide: true, cell: ({ run }) => ({ exact: run }) },
    { header: 'FIELDS', wide: true, yields: true, cell: ({ fields }) => ({ exact: JSON.stringify(fields) }) },
  ];
}

/** The error in one line; the rest of it is in -o wide and -o json. */
function whyCell({ fields }: Shown): Cell {
  const err = (fields['err'] ?? fields['error']) as { message?: unknown } | undefined;
  const why = err?.message ?? fields['reason'];
  return { exact: typeof why === 'string' ? why : '' };
}
