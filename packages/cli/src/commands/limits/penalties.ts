/** `fila limits penalties`. */
import type { Penalty } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import type { Column } from '../../output/table.ts';
import { timeCell } from '../../output/table.ts';
import { printPages } from '../print-pages.ts';

export async function listPenalties(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  await printPages<Penalty>(context.out, {
    columns: columns(context.now()),
    getPage: () => fila.limits.penalties(),
    isAll: false,
    whenEmpty: 'Nobody is blocked.',
  });
}

function columns(nowMs: number): Column<Penalty>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: ({ id }) => ({ exact: id }) },
    { header: 'KIND', cell: ({ kind }) => ({ exact: kind }) },
    {
      header: 'STATE',
      cell: ({ blocked }) =>
        blocked
          ? { exact: 'blocked', shown: '✖ blocked', tone: 'bad' }
          : { exact: 'free', shown: '● free', tone: 'ok' },
    },
    { header: 'UNTIL', cell: ({ blocked_until }) => time(blocked_until) },
    { header: 'LEVEL', cell: ({ level }) => ({ exact: String(level) }) },
  ];
}
