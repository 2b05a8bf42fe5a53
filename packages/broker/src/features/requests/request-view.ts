/** A request as its client sees it. */
import type { LaneBook, RequestRow } from '../../engines/ledger/ledger.ts';
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
      sealed: Buffer | null,
    ) => {
      try {
        return sealed && (await content.open(part, row.id, sealed));
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
        logger.critical({ err: error, requestId: row.id }, `a stored ${part} cannot be decrypted`);
        unreadable = { code: 'unreadable', message: `The stored ${part} could not be decrypted.` };
        return null;
      }
    };
    const [metadata, result, error, customId, lane] = await Promise.all([
      open('metadata', row.metadata),
      open('result', row.result),
      open('error', row.error),
      open('custom_id', row.customId),
      lanes.nameOf(row.laneId),
    ]);
    const failure = error ? { code: error.code, message: error.message } : errorWithoutText(row.errorCode);
    return {
      ...newView(row.id, { ...row, model: lane.model, queue: lane.queue, metadata }),
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
      ...(row.batchId === null ? {} : { batch_id: row.batchId, custom_id: customId }),
    };
  };
}

export interface Known {
  readonly model: string;
  readonly queue: string;
  readonly priority: number;
  readonly metadata: Record<string, unknown> | null;
  readonly createdAt: number;
  readonly runAt: number | null;
  readonly deadlineAt: number | null;
  readonly retryOf: string | null;
}

/** As it is right after it was accepted. */
export function newView(id: string, known: Known): Request {
  return {
    id,
    status: 'pending',
    model: known.model,
    queue: known.queue,
    degraded: false,
    priority: known.priority,
    result: null,
    error: null,
    usage: null,
    metadata: known.metadata,
    attempts: 0,
    processing_time: null,
    created_at: new Date(known.createdAt).toISOString(),
    started_at: null,
    completed_at: null,
    run_at: iso(known.runAt),
    deadline: iso(known.deadlineAt),
    retry_of: known.retryOf,
    retried_as: null,
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
  return at === null ? null : new Date(at).toISOString();
}
