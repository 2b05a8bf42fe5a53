/** How a request looks to people: columns of a list, fields of one, and whether its end is a success. */
import type { Request, RequestStatus } from '@fila/sdk';
import type { Paint, Tone } from '../../output/colour.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { shortDuration } from '../../output/units.ts';

interface StatusLook {
  readonly glyph: string;
  readonly tone: Tone;
  /** How a command ends that waited for it; undefined while it is not final. */
  readonly exitCode?: ExitCode;
}

const LOOKS: Record<RequestStatus, StatusLook> = {
  pending: { glyph: '○', tone: 'dim' },
  processing: { glyph: '◐', tone: 'busy' },
  completed: { glyph: '✔', tone: 'ok', exitCode: EXIT.ok },
  failed: { glyph: '✖', tone: 'bad', exitCode: EXIT.failed },
  cancelled: { glyph: '⊘', tone: 'warn', exitCode: EXIT.conflict },
  expired: { glyph: '✖', tone: 'bad', exitCode: EXIT.failed },
};

/** Undefined while the request is not final. */
export function exitCodeOf({ status }: Request): ExitCode | undefined {
  return LOOKS[status]?.exitCode;
}

export function statusWord({ status }: Request, paint: Paint): string {
  const look = LOOKS[status];
  return paint(look?.tone, `${look?.glyph ?? '?'} ${status}`);
}

export function requestColumns(nowMs: number): Column<Request>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: (request) => ({ exact: request.id }) },
    { header: 'STATUS', cell: statusCell },
    { header: 'MODEL', yields: true, cell: modelCell },
    { header: 'QUEUE', wide: true, cell: (request) => ({ exact: request.queue }) },
    { header: 'PRIORITY', wide: true, cell: (request) => ({ exact: String(request.priority) }) },
    { header: 'TRIES', cell: (request) => ({ exact: String(request.attempts) }) },
    { header: 'TOOK', cell: tookCell },
    { header: 'TOKENS', wide: true, cell: tokensCell },
    {
      header: 'ERROR',
      wide: true,
      yields: true,
      cell: ({ error }) => ({ exact: error?.code ?? '', tone: 'bad' }),
    },
    { header: 'COMPLETED', wide: true, cell: (request) => time(request.completed_at) },
    { header: 'CREATED', cell: (request) => time(request.created_at) },
  ];
}

export function requestView(nowMs: number): View<Request> {
  const time = timeCell(nowMs);
  return {
    name: (request) => request.id,
    fields: (request) => [
      ['id', { exact: request.id }],
      ['status', statusCell(request)],
      ['model', modelCell(request)],
      ['queue', { exact: request.queue }],
      ['degraded', { exact: request.degraded ? 'yes' : '' }],
      ['priority', { exact: String(request.priority) }],
      ['position', { exact: String(request.position ?? '') }],
      ['starts', startsCell(request)],
      ['attempts', { exact: String(request.attempts) }],
      ['error', errorCell(request)],
      ['took', tookCell(request)],
      ['tokens', tokensCell(request)],
      ['finish', { exact: request.result?.finish_reason ?? '' }],
      ['metadata', { exact: request.metadata === null ? '' : JSON.stringify(request.metadata) }],
      ['not before', time(request.run_at)],
      ['deadline', time(request.deadline)],
      ['created', time(request.created_at)],
      ['started', time(request.started_at)],
      ['completed', time(request.completed_at)],
    ],
  };
}

export function statusCell({ status }: Pick<Request, 'status'>): Cell {
  const look = LOOKS[status];
  return { exact: status, shown: `${look?.glyph ?? '?'} ${status}`, tone: look?.tone };
}

/** Milliseconds in a pipe; nothing while it is not known. */
function startsCell({ eta_ms }: Request): Cell {
  if (typeof eta_ms !== 'number') return { exact: '' };
  return { exact: String(eta_ms), shown: `in about ${shortDuration(eta_ms)}` };
}

/** The fallback of its queue is named as such. */
function modelCell({ model, degraded }: Request): Cell {
  return degraded ? { exact: model, shown: `${model} (fallback)`, tone: 'warn' } : { exact: model };
}

function errorCell({ error }: Request): Cell {
  return { exact: error === null ? '' : `${error.code}: ${error.message}`, tone: 'bad' };
}

/** Milliseconds in a pipe. */
function tookCell({ processing_time }: Request): Cell {
  if (processing_time === null) return { exact: '', shown: '-', tone: 'dim' };
  return { exact: String(processing_time), shown: shortDuration(processing_time) };
}

function tokensCell({ usage }: Request): Cell {
  if (usage === null) return { exact: '', shown: '-', tone: 'dim' };
  return {
    exact: String(usage.total_tokens),
    shown: `${usage.prompt_tokens}+${usage.completion_tokens}`,
  };
}
