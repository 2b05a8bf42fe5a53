/** How a plan looks to people: columns of a list, fields of one. */
import type { Plan } from '@fila/sdk';
import type { View } from '../../output/formats.ts';
import { timeCell, type Column } from '../../output/table.ts';
import { limitsCell } from '../limit-flags.ts';

export function planColumns(nowMs: number): Column<Plan>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'NAME', cell: ({ name }) => ({ exact: name }) },
    { header: 'LIMITS', yields: true, cell: limitsCell },
    { header: 'CREATED', cell: ({ created_at }) => time(created_at) },
  ];
}

export function planView(nowMs: number): View<Plan> {
  const time = timeCell(nowMs);
  return {
    name: ({ name }) => name,
    fields: (plan) => [
      ['name', { exact: plan.name, tone: 'strong' }],
      ['limits', limitsCell(plan)],
      ['created', time(plan.created_at)],
    ],
  };
}
