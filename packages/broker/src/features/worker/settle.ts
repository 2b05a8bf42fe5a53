/** Decides what becomes of a request after a call: the outcome, the attempts it had, and the policy in; the settlement out. */
import type { ClaimedRow, Settlement } from '../../engines/ledger/ledger.ts';
import type { RequestErrorCode } from '../../kernel/error-codes.generated.ts';
import type { RequestFailure, RequestResult } from '../requests/requests.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import { retryDelayMs, type RetryPolicy } from './retry-delay.ts';

export interface Processed {
  readonly row: ClaimedRow;
  readonly owner: string;
  readonly upstream: string;
  readonly processingMs: number;
  readonly outcome: CallOutcome;
}

export interface SettleTools {
  readonly policy: RetryPolicy;
  /** The lane of the model that is asked when this one has failed; null when there is none, or it was asked. */
  readonly fallbackLaneId?: number | null;
  readonly now: number;
  readonly random: () => number;
  readonly sealResult: (id: string, result: RequestResult) => Buffer;
  readonly sealError: (id: string, error: RequestFailure) => Buffer;
}

/** A full server is asked again soon: it costs no attempt, and the wait is short and spread. */
const BUSY_DELAY_MS = { least: 250, spread: 750 };

/** What another model may do better; the other codes are about the request, or about this house. */
const FAULTS_OF_MODEL: ReadonlySet<string> = new Set<RequestErrorCode>([
  ...(['model_not_found', 'upstream_unreachable', 'upstream_timeout'] as const),
  ...(['upstream_failed', 'upstream_incomplete', 'upstream_invalid'] as const),
]);

/** Null: nothing is to be written, because somebody else ended the request or will take it over. */
export function settle(processed: Processed, tools: SettleTools): Settlement | null {
  const { row, outcome, owner, upstream, processingMs } = processed;
  const base = { id: row.id, fence: row.fence, owner, notify: row.notify, upstream, processingMs };
  if (outcome.kind === 'cancelled') return null;
  if (outcome.kind === 'answered') {
    const { text, thinking, toolCalls, embeddings, finishReason, promptTokens, completionTokens } = outcome;
    const result = tools.sealResult(row.id, {
      text,
      ...(thinking ? { thinking } : {}),
      finish_reason: finishReason,
      ...(toolCalls ? { tool_calls: toolCalls } : {}),
      ...(embeddings ? { embeddings } : {}),
    });
    const completedAt = tools.now;
    return {
      ...base,
      to: 'completed',
      completedAt,
      countsAttempt: true,
      result,
      promptTokens,
      completionTokens,
    };
  }
  if (row.deadlineAt !== null && row.deadlineAt <= tools.now) return { ...base, ...expired(row.id, tools) };
  if (outcome.kind === 'busy') {
    const delayMs = BUSY_DELAY_MS.least + Math.floor(BUSY_DELAY_MS.spread * tools.random());
    return {
      ...base,
      to: 'delayed',
      countsAttempt: false,
      delayMs,
      error: sealed(row.id, { code: 'upstream_busy', message: outcome.message }, tools),
    };
  }
  const failure = { code: outcome.code, message: outcome.message };
  // No connection: the model never heard of the request, and the server is out of the choice until it answers again.
  const reached = outcome.phase !== 'connect';
  const attempt = row.attempts + Number(reached);
  // The fallback model is asked once.
  const isLast = row.firstLaneId === null ? attempt >= tools.policy.maxAttempts : reached;
  const { fallbackLaneId: laneId } = tools;
  if ((!outcome.retryable || isLast) && laneId && FAULTS_OF_MODEL.has(outcome.code))
    return {
      ...{ ...base, to: 'delayed', countsAttempt: reached, delayMs: 0, laneId },
      error: sealed(row.id, failure, tools),
    };
  if (!outcome.retryable || isLast)
    return {
      ...{ ...base, to: 'failed', completedAt: tools.now, countsAttempt: reached },
      error: sealed(row.id, { ...failure, policy: policyOf(tools.policy) }, tools),
    };
  const delayMs = retryDelayMs(Math.max(attempt, 1), tools.policy, tools.random());
  return {
    ...{ ...base, to: 'delayed', countsAttempt: reached, delayMs },
    error: sealed(row.id, failure, tools),
  };
}

/** Past its deadline before a call was made. */
export function settleExpired(row: ClaimedRow, owner: string, tools: SettleTools): Settlement {
  return { id: row.id, fence: row.fence, owner, notify: row.notify, ...expired(row.id, tools) };
}

/** Back to where it was, at no cost: the daemon stops, or there is no slot after all. */
export function handBack(row: ClaimedRow, owner: string): Settlement {
  return { id: row.id, fence: row.fence, owner, notify: row.notify, to: 'pending', countsAttempt: false };
}

function expired(
  id: string,
  tools: SettleTools,
): Pick<Settlement, 'to' | 'completedAt' | 'countsAttempt' | 'error'> {
  const message = 'The deadline of the request passed before it was answered.';
  return {
    to: 'expired',
    completedAt: tools.now,
    countsAttempt: false,
    error: sealed(id, { code: 'deadline_exceeded', message }, tools),
  };
}

function sealed(id: string, error: RequestFailure, tools: SettleTools): { code: string; sealed: Buffer } {
  return { code: error.code, sealed: tools.sealError(id, error) };
}

/** Kept with the failure: the settings may be others when somebody asks why. */
function policyOf({ maxAttempts, baseMs, capMs }: RetryPolicy): RequestFailure['policy'] {
  return { max_attempts: maxAttempts, retry_base_ms: baseMs, retry_cap_ms: capMs };
}
