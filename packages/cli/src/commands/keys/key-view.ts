/** How a key looks to people: columns of a list, fields of one. */
import type { ApiKey } from '@fila/sdk';
import type { Tone } from '../../output/colour.ts';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { limitsCell } from '../limit-flags.ts';

const GLYPHS: Record<ApiKey['status'], readonly [glyph: string, tone: Tone]> = {
  active: ['●', 'ok'],
  suspended: ['◐', 'warn'],
  revoked: ['✖', 'bad'],
};

export function keyColumns(nowMs: number): Column<ApiKey>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: (key) => ({ exact: key.id }) },
    { header: 'NAME', yields: true, cell: (key) => ({ exact: key.name }) },
    { header: 'STATUS', cell: statusCell },
    { header: 'PREFIX', wide: true, cell: (key) => ({ exact: key.prefix }) },
    { header: 'LIMITS', yields: true, cell: limitsCell },
    { header: 'PLAN', wide: true, cell: ({ plan }) => planCell(plan) },
    { header: 'EXPIRES', cell: (key) => time(key.expires_at) },
    { header: 'LAST-USED', cell: (key) => time(key.last_used_at) },
    { header: 'CREATED', cell: (key) => time(key.created_at) },
    { header: 'REVOKED', wide: true, cell: (key) => time(key.revoked_at) },
  ];
}

export function keyView(nowMs: number): View<ApiKey> {
  const time = timeCell(nowMs);
  return {
    name: (key) => key.id,
    fields: (key) => [
      ['id', { exact: key.id }],
      ['name', { exact: key.name, tone: 'strong' }],
      ['status', statusCell(key)],
      ['prefix', { exact: key.prefix }],
      ['plan', { exact: key.plan ?? '' }],
      ['limits', limitsCell(key)],
      ['scopes', listCell(key.scopes)],
      ['models', listCell(key.allowed_models)],
      ['queues', listCell(key.allowed_queues)],
      ['from', listCell(key.allowed_ips)],
      ['starts', time(key.not_before)],
      ['expires', time(key.expires_at)],
      ['last used', time(key.last_used_at)],
      ['old secret until', time(key.previous_secret_until ?? null)],
      ['new secret from', time(key.secret_valid_from ?? null)],
      ['created', time(key.created_at)],
      ['revoked', time(key.revoked_at)],
    ],
  };
}

function statusCell({ status }: ApiKey): Cell {
  const [glyph, tone] = GLYPHS[status] ?? ['?', 'dim'];
  return { exact: status, shown: `${glyph} ${status}`, tone };
}

function listCell(list: readonly string[] | null): Cell {
  return list === null ? { exact: '', shown: 'any', tone: 'dim' } : { exact: list.join(',') };
}

function planCell(plan: string | null): Cell {
  return plan === null ? { exact: '', shown: '-', tone: 'dim' } : { exact: plan };
}
