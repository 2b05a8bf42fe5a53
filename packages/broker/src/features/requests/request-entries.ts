/** Requests of all keys as an operator sees them: what a row says of itself, and nothing that is sealed. */
import type { Ledger, RequestRow } from '../../engines/ledger/ledger.ts';
import type {
  ListAllRequestsQuery,
  RequestEntry,
  RequestEntryList,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { firstIdAt, isId } from '../../kernel/ids.ts';
import { modelInFull } from '../../kernel/lanes.ts';
import { statesOf, statusOf } from './request-states.ts';

export type ListEntries = (query: ListAllRequestsQuery) => Promise<RequestEntryList>;

const DEFAULT_PAGE = 50;
/** An id may be a little older or newer than its request's creation; within this it is found. */
const ID_SLACK_MS = 60_000;

export function createListEntries(ledger: Pick<Ledger, 'list' | 'lanes'>): ListEntries {
  async function entryOf(row: RequestRow): Promise<RequestEntry> {
    const { model, queue } = await ledger.lanes.nameOf(row.laneId);
    return {
      id: row.id,
      key_id: row.keyId,
      status: statusOf(row.state),
      ...{ model, queue, priority: row.priority, degraded: row.firstLaneId !== null },
      ...{ attempts: row.attempts, upstream: row.upstream, error_code: row.errorCode },
      prompt_tokens: row.promptTokens,
      completion_tokens: row.completionTokens,
      processing_time: row.processingMs,
      created_at: new Date(row.createdAt).toISOString(),
      ...{ started_at: iso(row.startedAt), completed_at: iso(row.completedAt) },
      ...{ run_at: iso(row.runAt), deadline: iso(row.deadlineAt) },
      ...{ retry_of: row.retryOf, retried_as: row.retriedAs },
    };
  }

  return async ({ limit = DEFAULT_PAGE, cursor, ...query }) => {
    if (cursor !== undefined && !isId('req', cursor)) throw fail('invalid_cursor');
    const [after, before] = [timeOf(query.created_after), timeOf(query.created_before)];
    const rows = await ledger.list({
      isBare: true,
      keyId: query.key,
      limit: limit + 1,
      before: earlier(cursor, before === undefined ? undefined : firstIdAt('req', before + ID_SLACK_MS)),
      from: after === undefined ? undefined : firstIdAt('req', Math.max(0, after - ID_SLACK_MS)),
      states: query.status && statesOf(query.status),
      model: query.model && modelInFull(query.model),
      queue: query.queue,
      createdAfter: after,
      createdBefore: before,
    });
    const items = await Promise.all(rows.slice(0, limit).map(entryOf));
    return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : null };
  };
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

function earlier(one: string | undefined, other: string | undefined): string | undefined {
  return one === undefined || (other !== undefined && other < one) ? other : one;
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
