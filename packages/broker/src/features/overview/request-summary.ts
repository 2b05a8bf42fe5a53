/** A request as an operator sees it in lists: everything but its content. */
import type { RequestStatus, RequestSummary } from '../../kernel/contract.generated.ts';
import type { SummaryRow } from './overview-store.ts';

export function summaryOnWire(row: SummaryRow, keyName: string | null): RequestSummary {
  const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  const status: RequestStatus = row.state === 'delayed' ? 'pending' : row.state;
  return {
    ...{ id: row.id, status, key_id: row.keyId, key_name: keyName, model: row.model },
    ...{ priority: row.priority, attempts: row.attempts, upstream: row.upstream, error_code: row.errorCode },
    tokens: row.tokens,
    processing_time: row.processingMs,
    created_at: new Date(row.createdAt).toISOString(),
    started_at: iso(row.startedAt),
    completed_at: iso(row.completedAt),
    run_at: iso(row.runAt),
    deadline: iso(row.deadlineAt),
  };
}
