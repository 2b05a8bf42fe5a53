/** How rows of the audit trail look to people. */
import type { AuditRow } from '@fila/sdk';
import type { Tone } from '../../output/colour.ts';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { actorCell } from '../actor-cell.ts';

/** Lists want an id. */
export type ListedRow = AuditRow & { readonly id: string };

const TONES: Record<AuditRow['outcome'], Tone> = {
  done: 'ok',
  refused: 'warn',
  failed: 'bad',
  intended: 'dim',
};

export function auditColumns(nowMs: number): Column<AuditRow>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'SEQ', cell: ({ seq }) => ({ exact: String(seq), tone: 'strong' }) },
    { header: 'AT', cell: ({ at }) => time(at) },
    { header: 'ACTOR', yields: true, cell: actorCell },
    { header: 'ACT', cell: ({ act }) => ({ exact: act }) },
    { header: 'TARGET', yields: true, cell: ({ target }) => ({ exact: target.id ?? target.kind }) },
    { header: 'OUTCOME', cell: outcomeCell },
    { header: 'CHANGED', wide: true, yields: true, cell: ({ changed }) => ({ exact: changed.join(' ') }) },
    { header: 'IP', wide: true, cell: ({ ip }) => ({ exact: ip ?? '' }) },
    { header: 'CALL', wide: true, cell: ({ request_id }) => ({ exact: request_id ?? '' }) },
    { header: 'REASON', yields: true, cell: ({ reason }) => ({ exact: reason ?? '' }) },
  ];
}

export function auditView(nowMs: number): View<AuditRow> {
  const time = timeCell(nowMs);
  return {
    name: ({ seq }) => String(seq),
    fields: (row) => [
      ['seq', { exact: String(row.seq) }],
      ['at', time(row.at)],
      ['actor', actorCell(row)],
      ['act', { exact: row.act }],
      ['target', { exact: [row.target.kind, row.target.id ?? ''].join(' ').trim() }],
      ['outcome', outcomeCell(row)],
      ['of', { exact: row.of === null ? '' : String(row.of) }],
      ['code', { exact: row.code ?? '' }],
      ['changed', { exact: row.changed.join(' ') }],
      ['before', { exact: row.before ?? '' }],
      ['after', { exact: row.after ?? '' }],
      ['reason', { exact: row.reason ?? '' }],
      ['ip', { exact: row.ip ?? '' }],
      ['call', { exact: row.request_id ?? '' }],
      ['previous', { exact: row.previous }],
      ['hash', { exact: row.hash }],
    ],
  };
}

function outcomeCell({ outcome }: AuditRow): Cell {
  return { exact: outcome, tone: TONES[outcome] ?? 'dim' };
}
