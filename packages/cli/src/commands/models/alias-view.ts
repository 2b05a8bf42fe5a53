/** How aliases look to people: columns of a list, fields of one. */
import type { ModelAlias } from '@fila/sdk';
import type { View } from '../../output/formats.ts';
import { timeCell, type Column } from '../../output/table.ts';

export function aliasColumns(nowMs: number): Column<ModelAlias>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ALIAS', cell: ({ alias }) => ({ exact: alias, tone: 'strong' }) },
    { header: 'MODEL', cell: ({ model }) => ({ exact: model }) },
    { header: 'CREATED', cell: ({ created_at }) => time(created_at) },
  ];
}

export function aliasView(nowMs: number): View<ModelAlias> {
  const time = timeCell(nowMs);
  return {
    name: ({ alias }) => alias,
    fields: ({ alias, model, created_at }) => [
      ['alias', { exact: alias, tone: 'strong' }],
      ['model', { exact: model }],
      ['created', time(created_at)],
    ],
  };
}
