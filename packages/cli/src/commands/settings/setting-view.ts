/** How settings and their versions look to people: columns of lists, fields of one. */
import type { Setting, SettingVersion } from '@fila/sdk';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { actorCell } from '../actor-cell.ts';

export const SETTING_COLUMNS: readonly Column<Setting>[] = [
  { header: 'NAME', cell: ({ name }) => ({ exact: name, tone: 'strong' }) },
  { header: 'VALUE', yields: true, cell: ({ value }) => valueCell(value) },
  { header: 'SOURCE', cell: sourceCell },
  { header: 'LIVE', cell: liveCell },
  { header: 'UNIT', cell: ({ unit }) => ({ exact: unit }) },
  { header: 'START', wide: true, yields: true, cell: ({ start_value }) => valueCell(start_value) },
  { header: 'ENV', wide: true, cell: ({ variable }) => ({ exact: variable }) },
  { header: 'ABOUT', wide: true, yields: true, cell: ({ about }) => ({ exact: about }) },
];

export const SETTING_VIEW: View<Setting> = {
  name: ({ name }) => name,
  fields: (setting) => [
    ['name', { exact: setting.name, tone: 'strong' }],
    ['value', valueCell(setting.value)],
    ['unit', { exact: setting.unit }],
    ['source', sourceCell(setting)],
    ['at the start', valueCell(setting.start_value)],
    ['default', valueCell(setting.default_value)],
    ['live', liveCell(setting)],
    ['variable', { exact: setting.variable }],
    ['must be', { exact: setting.expects }],
    ['about', { exact: setting.about }],
  ],
};

/** Lists want an id. */
export type ListedVersion = SettingVersion & { readonly id: string };

export function versionColumns(nowMs: number): Column<SettingVersion>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'VERSION', cell: ({ version }) => ({ exact: String(version), tone: 'strong' }) },
    { header: 'AT', cell: ({ at }) => time(at) },
    { header: 'ACTOR', yields: true, cell: actorCell },
    { header: 'ACT', cell: actCell },
    { header: 'CHANGES', yields: true, cell: changesCell },
    { header: 'REASON', yields: true, cell: ({ reason }) => ({ exact: reason ?? '' }) },
  ];
}

export function versionView(nowMs: number): View<SettingVersion> {
  const time = timeCell(nowMs);
  return {
    name: ({ version }) => String(version),
    fields: (item) => [
      ['version', { exact: String(item.version), tone: 'strong' }],
      ['at', time(item.at)],
      ['actor', actorCell(item)],
      ['act', actCell(item)],
      ['changes', changesCell(item)],
      ['reason', { exact: item.reason ?? '' }],
    ],
  };
}

/** Null: as the start says. */
export function valueCell(value: string | null): Cell {
  if (value === null) return { exact: '', shown: 'as started', tone: 'dim' };
  return { exact: value, shown: value === '' ? '-' : value };
}

export function sourceCell({ source }: Setting): Cell {
  return { exact: source, tone: source === 'default' ? 'dim' : source === 'database' ? 'ok' : 'busy' };
}

function liveCell({ live }: Setting): Cell {
  return live ? { exact: 'live' } : { exact: 'start', tone: 'dim' };
}

function actCell({ act, restored_version }: SettingVersion): Cell {
  return { exact: restored_version === null ? act : `${act} ${restored_version}` };
}

function changesCell({ changes }: SettingVersion): Cell {
  const said = (value: string | null): string => valueCell(value).shown ?? '';
  return {
    exact: changes.map(({ name, before, after }) => `${name} ${said(before)} → ${said(after)}`).join(', '),
  };
}
