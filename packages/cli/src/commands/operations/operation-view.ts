/** How an operation looks to people: columns of a list, fields of one, a line of progress, and whether its end is a success. */
import type { Operation } from '@fila/sdk';
import type { Tone } from '../../output/colour.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';

const LOOKS: Record<Operation['state'], readonly [glyph: string, tone: Tone]> = {
  running: ['◐', 'busy'],
  completed: ['✔', 'ok'],
  cancelled: ['⊘', 'warn'],
};

/** Of one that is over. */
export function exitCodeOf({ state, matched, done, skipped }: Operation): ExitCode {
  if (state === 'cancelled') return EXIT.conflict;
  if (skipped === 0) return EXIT.ok;
  return done === 0 && matched !== 0 ? EXIT.failed : EXIT.partial;
}

/** "running  12 of 30 done, 1 skipped". */
export function progressText(operation: Operation): string {
  const { state, matched, skipped } = operation;
  if (matched === null) return `${state}  counting`;
  return `${state}  ${doneText(operation)} done${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Of what was counted; unknown while it is being counted. */
export function shareOf({ matched, done, skipped }: Operation): number | undefined {
  return matched ? (done + skipped) / matched : undefined;
}

export function operationColumns(nowMs: number): Column<Operation>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: (operation) => ({ exact: operation.id }) },
    { header: 'KIND', yields: true, cell: (operation) => ({ exact: operation.kind }) },
    { header: 'STATE', cell: stateCell },
    { header: 'DONE', cell: (operation) => ({ exact: doneText(operation) }) },
    { header: 'SKIPPED', cell: (operation) => ({ exact: String(operation.skipped) }) },
    { header: 'RATE', wide: true, cell: (operation) => ({ exact: String(operation.rate) }) },
    {
      header: 'FILTER',
      wide: true,
      yields: true,
      cell: ({ filter }) => ({ exact: JSON.stringify(filter) }),
    },
    { header: 'CREATED', cell: (operation) => time(operation.created_at) },
    { header: 'ENDED', wide: true, cell: (operation) => time(operation.ended_at) },
  ];
}

export function operationView(nowMs: number): View<Operation> {
  const time = timeCell(nowMs);
  return {
    name: (operation) => operation.id,
    fields: (operation) => [
      ['id', { exact: operation.id }],
      ['kind', { exact: operation.kind }],
      ['state', stateCell(operation)],
      ['done', { exact: doneText(operation) }],
      ['skipped', { exact: String(operation.skipped) }],
      ['rate', { exact: `${operation.rate}/s` }],
      ['filter', { exact: JSON.stringify(operation.filter) }],
      ['reason', { exact: operation.reason ?? '' }],
      ['created', time(operation.created_at)],
      ['ended', operation.ended_at === null ? { exact: '' } : time(operation.ended_at)],
    ],
  };
}

function doneText({ done, matched }: Operation): string {
  return matched === null ? String(done) : `${done} of ${matched}`;
}

function stateCell({ state }: Operation): Cell {
  const [glyph, tone] = LOOKS[state] ?? ['?', 'dim'];
  return { exact: state, shown: `${glyph} ${state}`, tone };
}
