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

export interface RequestEntries {
  list(query: ListAllRequestsQuery): Promise<RequestEntryList>;
  /** In the name of its key; as cancelling by the key itself. */
  cancel(id: string): Promise<RequestEntry>;
}

interface RequestEntriesDeps {
  readonly ledger: Pick<Ledger, 'list' | 'find' | 'lanes'>;
  readonly cancel: (keyId: string, id: string) => Promise<unknown>;
  /** What people call these keys. */
  readonly keyNames: (ids: readonly string[]) => Promise<ReadonlyMap<string, string>>;
}

const DEFAULT_PAGE = 50;
/** An id may be a little older or newer than its request's creation; within this it is found. */
const ID_SLACK_MS = 60_000;

export function createRequestEntries({ ledger, cancel, keyNames }: RequestEntriesDeps): RequestEntries {
  async function entriesOf(rows: readonly RequestRow[]): Promise<RequestEntry[]> {
    const names = await keyNames([...new Set(rows.map((row) => row.keyId))]);
    return Promise.all(rows.map((row) => entryOf(row, names.get(row.keyId) ?? null)));
  }

  async function entryOf(row: RequestRow, keyName: string | null): Promise<RequestEntry> {
    const { model, queue } = await ledger.lanes.nameOf(row.laneId);
    return {
      id: row.id,
      key_id: row.keyId,
      key_name: keyName,
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
      ...(row.batchId === null ? {} : { batch_id: row.batchId }),
    };
  }

  async function list({
    limit = DEFAULT_PAGE,
    cursor,
    ...query
  }: ListAllRequestsQuery): Promise<RequestEntryList> {
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
    const items = await entriesOf(rows.slice(0, limit));
    return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : null };
  }

  return {
    list,
    cancel: async (id) => {
      const row = isId('req', id) ? await ledger.find(id) : null;
      if (!row) throw fail('not_found', { detail: 'There is no such request.' });
      await cancel(row.keyId, id);
      const [entry] = await entriesOf([(await ledger.find(id)) ?? row]);
      return entry!;
    },
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
