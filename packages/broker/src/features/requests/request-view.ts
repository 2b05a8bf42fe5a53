/** A request as its client sees it. */
import type { LaneBook, LaneName, RequestRow } from '../../engines/ledger/ledger.ts';
import type { Request } from '../../kernel/contract.generated.ts';
import type { Logger } from '../../kernel/logger.ts';
import { VaultError, type RequestContent } from './request-content.ts';
import { statusOf } from './request-states.ts';

export type RequestView = (row: RequestRow) => Promise<Request>;

interface ViewDeps {
  readonly content: RequestContent;
  readonly lanes: LaneBook;
  readonly logger: Logger;
}

export function createRequestView({ content, lanes, logger }: ViewDeps): RequestView {
  return async (row) => {
    let unreadable: Request['error'] = null;
    /** Null when it cannot be decrypted: the request says so itself, and no list breaks because of one of its rows. */
    const open = async <Part extends 'metadata' | 'result' | 'error' | 'custom_id'>(
      part: Part,
      sealed: Buffer,
    ) => {
      try {
        return await content.open(part, row.id, sealed);
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
        logger.critical({ err: error, requestId: row.id }, `a stored ${part} cannot be decrypted`);
        unreadable = { code: 'unreadable', message: `The stored ${part} could not be decrypted.` };
        return null;
      }
    };
    // One after the other, and only what there is: deciphering gains nothing from being begun together.
    const metadata = row.metadata && (await open('metadata', row.metadata));
    const result = row.result && (await open('result', row.result));
    const error = row.error && (await open('error', row.error));
    const customId = row.customId && (await open('custom_id', row.customId));
    const lane = await lanes.nameOf(row.laneId);
    const failure = error ? { code: error.code, message: error.message } : errorWithoutText(row.errorCode);
    const view = viewOf(
      row,
      { lane, metadata },
      {
        degraded: row.firstLaneId !== null,
        status: statusOf(row.state),
        result,
        error: unreadable ?? failure,
        usage: usageOf(row),
        attempts: row.attempts,
        processing_time: row.processingMs,
        started_at: iso(row.startedAt),
        completed_at: iso(row.completedAt),
        retried_as: row.retriedAs,
      },
    );
    return row.batchId === null ? view : { ...view, batch_id: row.batchId, custom_id: customId };
  };
}

/** What never changes. */
type Known = Pick<RequestRow, 'id' | 'priority' | 'createdAt' | 'runAt' | 'deadlineAt' | 'retryOf'>;

interface Beside {
  readonly lane: Pick<LaneName, 'model' | 'queue'>;
  readonly metadata: Record<string, unknown> | null;
}

/** How far it has come. */
type Progress = Pick<
  Request,
  | 'status'
  | 'degraded'
  | 'result'
  | 'error'
  | 'usage'
  | 'attempts'
  | 'processing_time'
  | 'started_at'
  | 'completed_at'
  | 'retried_as'
>;

const JUST_ACCEPTED: Progress = {
  status: 'pending',
  degraded: false,
  result: null,
  error: null,
  usage: null,
  attempts: 0,
  processing_time: null,
  started_at: null,
  completed_at: null,
  retried_as: null,
};

/** As it is right after it was accepted. */
export function newView(known: Known, beside: Beside): Request {
  return viewOf(known, beside, JUST_ACCEPTED);
}

function viewOf(known: Known, { lane, metadata }: Beside, progress: Progress): Request {
  return {
    id: known.id,
    status: progress.status,
    model: lane.model,
    queue: lane.queue,
    degraded: progress.degraded,
    priority: known.priority,
    result: progress.result,
    error: progress.error,
    usage: progress.usage,
    metadata,
    attempts: progress.attempts,
    processing_time: progress.processing_time,
    created_at: isoOf(known.createdAt),
    started_at: progress.started_at,
    completed_at: progress.completed_at,
    run_at: iso(known.runAt),
    deadline: iso(known.deadlineAt),
    retry_of: known.retryOf,
    retried_as: progress.retried_as,
  };
}

/** What a sweep has ended carries only the code. */
function errorWithoutText(code: string | null): Request['error'] {
  return code === null
    ? null
    : { code, message: 'The deadline of the request passed before it was answered.' };
}

function usageOf({ promptTokens, completionTokens }: RequestRow): Request['usage'] {
  if (promptTokens === null || completionTokens === null) return null;
  const total = promptTokens + completionTokens;
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: total };
}

function iso(at: number | null): string | null {
  return at === null ? null : isoOf(at);
}

let lastIso = { at: Number.NaN, text: '' };

/** Requests that come together are of the same millisecond, and so are those that are looked at together. */
function isoOf(at: number): string {
  if (at !== lastIso.at) lastIso = { at, text: new Date(at).toISOString() };
  return lastIso.text;
}
