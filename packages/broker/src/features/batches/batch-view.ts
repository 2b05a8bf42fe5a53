/** A batch as its client sees it, and what one of its requests came to. */
import type { Batch, BatchResult, Request } from '../../kernel/contract.generated.ts';
import type { EndedCounts, StateCount, StoredBatch } from './batch-store.ts';

/** What its requests came to so far. */
export interface Standing {
  readonly counts: Batch['counts'];
  /** When the last one ended; null while any has not. */
  readonly completedAt: number | null;
}

/** Lines that have no row yet are pending. */
export function standingOf({ total }: StoredBatch, rows: readonly StateCount[]): Standing {
  const inState = (state: StateCount['state']): number =>
    rows.reduce((sum, row) => (row.state === state ? sum + row.count : sum), 0);
  const ended: EndedCounts = {
    ...{ completed: inState('completed'), failed: inState('failed') },
    ...{ cancelled: inState('cancelled'), expired: inState('expired') },
  };
  const processing = inState('processing');
  const pending = total - processing - sumOf(ended);
  const last = Math.max(...rows.map(({ lastAt }) => lastAt ?? 0));
  return { counts: { pending, processing, ...ended }, completedAt: pending + processing > 0 ? null : last };
}

export function batchOnWire(batch: StoredBatch, { counts, completedAt }: Standing): Batch {
  const { id, total, createdAt, cancelledAt } = batch;
  return {
    id,
    status: statusOf(cancelledAt !== null, completedAt !== null),
    total,
    counts,
    progress: sumOf(counts) / total,
    created_at: new Date(createdAt).toISOString(),
    completed_at: iso(completedAt),
    cancelled_at: iso(cancelledAt),
  };
}

export function resultOnWire(request: Request): BatchResult {
  const { id, custom_id = null, status, result, error, usage } = request;
  return { custom_id, request_id: id, status, result, error, usage };
}

function statusOf(isCancelled: boolean, hasEnded: boolean): Batch['status'] {
  if (isCancelled) return hasEnded ? 'cancelled' : 'cancelling';
  return hasEnded ? 'completed' : 'in_progress';
}

function sumOf({ completed, failed, cancelled, expired }: EndedCounts): number {
  return completed + failed + cancelled + expired;
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
