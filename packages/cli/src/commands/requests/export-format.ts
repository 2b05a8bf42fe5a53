/** How exported requests are written: the beginning, pages of rows, the end. */
import type { Request, RequestEntry } from '@fila/sdk';
import { csvLine } from '../../output/csv.ts';
import { jsonLine } from '../../output/formats.ts';

export type ExportFormat = 'jsonl' | 'json' | 'csv';

type Exported = Request | RequestEntry;

interface Writing {
  readonly head: string;
  readonly rows: (items: readonly Exported[], isFirst: boolean) => string;
  readonly tail: string;
}

type Cells<T> = Readonly<Record<string, (item: T) => unknown>>;

const OWN: Cells<Request> = {
  id: ({ id }) => id,
  status: ({ status }) => status,
  model: ({ model }) => model,
  queue: ({ queue }) => queue,
  priority: ({ priority }) => priority,
  degraded: ({ degraded }) => degraded,
  attempts: ({ attempts }) => attempts,
  error_code: ({ error }) => error?.code,
  prompt_tokens: ({ usage }) => usage?.prompt_tokens,
  completion_tokens: ({ usage }) => usage?.completion_tokens,
  processing_time: ({ processing_time }) => processing_time,
  created_at: ({ created_at }) => created_at,
  started_at: ({ started_at }) => started_at,
  completed_at: ({ completed_at }) => completed_at,
  metadata: ({ metadata }) => (metadata === null ? null : JSON.stringify(metadata)),
  text: ({ result }) => result?.text,
};

const ENTRY_FIELDS = [
  ...[
    'id',
    'key_id',
    'status',
    'model',
    'queue',
    'priority',
    'degraded',
    'attempts',
    'upstream',
    'error_code',
  ],
  ...['prompt_tokens', 'completion_tokens', 'processing_time', 'created_at', 'started_at', 'completed_at'],
] as (keyof RequestEntry)[];

const ENTRY: Cells<RequestEntry> = Object.fromEntries(
  ENTRY_FIELDS.map((field) => [field, (entry: RequestEntry) => entry[field]]),
);

/** `isOwn`: requests with their answers, else rows of any key. */
export const exportFormats: Record<ExportFormat, (isOwn: boolean) => Writing> = {
  jsonl: () => ({ head: '', rows: (items) => items.map((item) => `${jsonLine(item)}\n`).join(''), tail: '' }),
  json: () => ({
    head: '[',
    rows: (items, isFirst) =>
      items.map((item, index) => `${isFirst && index === 0 ? '' : ','}\n${jsonLine(item)}`).join(''),
    tail: '\n]\n',
  }),
  csv: (isOwn) => {
    const cells = (isOwn ? OWN : ENTRY) as Cells<Exported>;
    const lineOf = (item: Exported): string =>
      `${csvLine(Object.values(cells).map((cell) => String(cell(item) ?? '')))}\n`;
    return {
      head: `${csvLine(Object.keys(cells))}\n`,
      rows: (items) => items.map(lineOf).join(''),
      tail: '',
    };
  },
};
