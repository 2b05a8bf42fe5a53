/** How a request of any key looks to an operator: columns of a list. */
import type { RequestEntry } from '@fila/sdk';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { shortDuration } from '../../output/units.ts';
import { statusCell } from './request-view.ts';

export function entryColumns(nowMs: number): Column<RequestEntry>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: ({ id }) => ({ exact: id }) },
    { header: 'KEY', cell: ({ key_id, key_name }) => ({ exact: key_id, shown: key_name ?? key_id }) },
    { header: 'STATUS', cell: statusCell },
    { header: 'MODEL', yields: true, cell: ({ model }) => ({ exact: model }) },
    { header: 'QUEUE', yields: true, cell: ({ queue }) => ({ exact: queue }) },
    { header: 'PRIORITY', wide: true, cell: ({ priority }) => ({ exact: String(priority) }) },
    { header: 'TRIES', wide: true, cell: ({ attempts }) => ({ exact: String(attempts) }) },
    { header: 'UPSTREAM', wide: true, yields: true, cell: ({ upstream }) => ({ exact: upstream ?? '' }) },
    { header: 'TOOK', cell: ({ processing_time }) => tookCell(processing_time) },
    { header: 'TOKENS', wide: true, cell: tokensCell },
    { header: 'ERROR', yields: true, cell: ({ error_code }) => ({ exact: error_code ?? '', tone: 'bad' }) },
    { header: 'CREATED', cell: ({ created_at }) => time(created_at) },
  ];
}

/** Milliseconds in a pipe. */
function tookCell(ms: number | null): Cell {
  return ms === null
    ? { exact: '', shown: '-', tone: 'dim' }
    : { exact: String(ms), shown: shortDuration(ms) };
}

function tokensCell({ prompt_tokens, completion_tokens }: RequestEntry): Cell {
  if (prompt_tokens === null || completion_tokens === null) return { exact: '', shown: '-', tone: 'dim' };
  return {
    exact: String(prompt_tokens + completion_tokens),
    shown: `${prompt_tokens}+${completion_tokens}`,
  };
}
