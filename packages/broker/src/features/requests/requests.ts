/** Requests: a call to a model, from arrival to answer. */
import {
  LedgerUnavailable,
  MAX_DELIVERIES,
  type ClaimedRow,
  type FactsRow,
  type RequestRow,
  type Settlement,
} from '../../engines/ledger/ledger.ts';
import type {
  CreateRequest,
  ListRequestsQuery,
  Request,
  RequestList,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { isId } from '../../kernel/ids.ts';
import { modelInFull } from '../../kernel/lanes.ts';
import type { Stage } from '../../kernel/stage.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { Job, WaitEstimate } from '../worker/worker.ts';
import type { Checks } from '../verify/verify.ts';
import { createAcceptance, type AcceptDeps, type Prepared, type StoredRow } from './accept-request.ts';
import { createRequestChecks } from './request-checks.ts';
import {
  requestContent,
  VaultError,
  type RequestBody,
  type RequestFailure,
  type RequestResult,
  type RetryNote,
} from './request-content.ts';
import { hasEnded, statesOf, statusOf } from './request-states.ts';
import { createRequestView, type RequestView } from './request-view.ts';
import { createWaitRoom } from './wait-room.ts';

export type { Prepared } from './accept-request.ts';
export type {
  RequestBody,
  RequestContent,
  RequestFailure,
  RequestResult,
  RetryNote,
} from './request-content.ts';

/** A request on its way in. */
export interface Arrival {
  readonly key: AcceptedKey;
  readonly input: CreateRequest;
  /** The model that is meant, where the client named an alias. What the client wrote stays as it is. */
  readonly model?: string;
  /** The client's own name for this call: the same again within 24 hours is the same request. */
  readonly idempotencyKey: string | null;
  /** As its queue says; absent or null as everywhere else. */
  readonly defaultPriority?: number | null;
}

export interface Accepted {
  readonly request: Request;
  /** It had been accepted before, under the same idempotency key. */
  readonly isRepeated: boolean;
  /** It was started while the disk was waited for: it may have ended since, and nobody listened. */
  readonly isUnderWay?: boolean;
}

/** What may be told of a request without its content. */
export interface RequestSummary {
  readonly keyId: string;
  readonly status: Request['status'];
  readonly model: string;
  readonly attempts: number;
  readonly errorCode: string | null;
  readonly createdAt: number;
  readonly completedAt: number | null;
  readonly metadata: Record<string, unknown> | null;
  readonly callback: Callback | null;
}

/** Where a request wants to be told of its end, and the same as it is kept. */
export interface Callback {
  readonly url: string;
  readonly sealed: Buffer;
}

/** What whoever ended a request knows of it anyway. */
export interface EndedFacts {
  readonly keyId: string;
  readonly queue?: string;
  /** Of prompt and answer. */
  readonly tokens: number;
  /** Nobody has to look for whom to tell: that was written with the end. */
  readonly isTold?: boolean;
  /** As it was written, where a call here waits for it. */
  readonly row?: RequestRow;
}

export interface WaitLimit {
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

export interface Requests {
  /** The last stage of arrival: sealed, stored with fsync, and its lane made active. */
  readonly accept: Stage<Arrival, Accepted>;
  /** The last stage of a line of a batch: sealed, not stored. */
  readonly prepare: Stage<Arrival, Prepared>;
  /** For rows that were stored together: makes their lanes active. */
  stored(rows: readonly StoredRow[]): Promise<void>;
  /** A batch's own name for one of its requests. */
  sealCustomId(id: string, customId: string): Buffer;
  /** One request of this key; throws not_found also for another key's. With `limit` it waits for the end until then. */
  find(keyId: string, id: string, limit?: WaitLimit): Promise<Request>;
  /** As `find`, with the number of the claim that its result is of. */
  findRun(keyId: string, id: string): Promise<{ request: Request; fence: number }>;
  /** Waits for the end of one that was just accepted; what goes wrong meanwhile cannot unaccept it. */
  follow(keyId: string, accepted: Accepted, limit: WaitLimit): Promise<Request>;
  list(keyId: string, query: ListRequestsQuery): Promise<RequestList>;
  /** Idempotent; conflict when the request has ended otherwise. */
  cancel(keyId: string, id: string): Promise<Request>;

  /** The stage of execution that decrypts what the model is asked. */
  readonly unseal: Stage<Job, CallOutcome>;
  /** Decrypts it before a row has its slot, unless it is large. */
  openAhead(row: ClaimedRow): void;
  sealResult(id: string, result: RequestResult): Buffer;
  sealError(id: string, error: RequestFailure): Buffer;
  poisonError(id: string): Buffer;
  /** Whether a call here waits for the end of this request: then it wants its row. */
  awaits(id: string): boolean;
  /** Wakes those who wait for this request, and tells who listens. */
  ended(id: string, facts?: EndedFacts): void;
  /** Told of every request that this process has seen end. */
  onEnded(listener: (id: string, facts?: EndedFacts) => void): void;
  /** What a webhook says of requests; an error instead where one cannot be told, nothing where one is gone. */
  describe(ids: readonly string[]): Promise<Map<string, RequestSummary | Error>>;
  /** The same of one whose end is about to be written. Rejects when it cannot be told. */
  describeEnd(row: ClaimedRow, end: Settlement, model: string): Promise<RequestSummary>;
  /** Opens a callback as it is kept. Rejects with VaultError. */
  openCallback(id: string, sealed: Buffer): Promise<string>;
  /** Tries a dead letter again as a new request; its id, or null when somebody else was faster. */
  retry(dead: RequestRow, note?: RetryNote): Promise<string | null>;
  readonly view: RequestView;
  onCancel(listener: (id: string) => void): void;
  readonly checks: Checks;
  /** Ends all waiting, because the daemon stops. */
  releaseWaiting(): void;
}

type RequestsDeps = Omit<AcceptDeps, 'content' | 'view' | 'carry'> & {
  /** Where a pending request stands, and when it should start; null when that is not known. */
  readonly estimateWait?: (row: RequestRow) => Promise<WaitEstimate | null>;
};

const DEFAULT_PAGE = 50;
/** Of results: a page of the largest answers would be hundreds of megabytes. */
const PAGE_BYTES = 8 * 1_048_576;
/** As long as an end that another broker has brought about may go unheard at first. */
const LISTEN_MS = 50;
/** Some hundred rows may be open at once. */
const MOST_OPENED_AHEAD_BYTES = 65_536;

export function createRequests(deps: RequestsDeps): Requests {
  const { ledger, vault, logger } = deps;
  const content = requestContent(vault);
  const view = createRequestView({ content, lanes: ledger.lanes, logger });
  const { accept, prepare, stored, retry } = createAcceptance({
    ...{ ...deps, content, view },
    carry: (row, body) => void opened.set(row, body),
  });
  const waitRoom = createWaitRoom<RequestRow>();
  /** Bodies of rows that have not started, as long as the row is in memory. */
  const opened = new WeakMap<ClaimedRow, RequestBody | Promise<RequestBody>>();
  const cancelListeners: ((id: string) => void)[] = [];
  const endListeners: ((id: string, facts?: EndedFacts) => void)[] = [];

  function ended(id: string, facts?: EndedFacts): void {
    waitRoom.wake(id, facts?.row);
    for (const listener of endListeners) listener(id, facts);
  }

  async function rowOf(keyId: string, id: string): Promise<RequestRow> {
    const row = isId('req', id) ? await ledger.find(id) : null;
    if (row?.keyId !== keyId) throw fail('not_found', { detail: 'There is no such request.' });
    return row;
  }

  async function find(keyId: string, id: string, limit?: WaitLimit): Promise<Request> {
    let row = await rowOf(keyId, id);
    if (limit && limit.waitMs > 0 && !hasEnded(row.state)) {
      const look = async (): Promise<RequestRow | null> => {
        row = await rowOf(keyId, id);
        return hasEnded(row.state) ? row : null;
      };
      row = (await waitRoom.wait(id, look, limit)) ?? row;
    }
    const request = await view(row);
    const standing = row.state === 'pending' ? await standingOf(row) : null;
    return standing ? { ...request, position: standing.position, eta_ms: standing.etaMs } : request;
  }

  /** Nobody's answer fails because an estimate could not be made. */
  async function standingOf(row: RequestRow): Promise<WaitEstimate | null> {
    return (await deps.estimateWait?.(row).catch(() => null)) ?? null;
  }

  async function findRun(keyId: string, id: string): Promise<{ request: Request; fence: number }> {
    const row = await rowOf(keyId, id);
    return { request: await view(row), fence: row.fence };
  }

  async function follow(keyId: string, accepted: Accepted, limit: WaitLimit): Promise<Request> {
    const { request, isRepeated, isUnderWay } = accepted;
    const { waitMs, signal } = limit;
    const startedMs = performance.now();
    try {
      // Of a new one nothing is to be read before its end, which is heard if it comes soon.
      const listening = { waitMs: Math.min(waitMs, LISTEN_MS), signal };
      const mayHaveEnded = isRepeated || isUnderWay;
      const row = mayHaveEnded ? null : await waitRoom.hear(request.id, listening);
      if (row) return await view(row);
      const leftMs = Math.max(0, waitMs - (performance.now() - startedMs));
      return await find(keyId, request.id, { ...limit, waitMs: leftMs });
    } catch (error) {
      // That the database is away was said by those who watch it.
      if (!(error instanceof LedgerUnavailable))
        logger.error({ err: error, requestId: request.id }, 'a call could not wait for its request');
      return request;
    }
  }

  async function list(keyId: string, query: ListRequestsQuery): Promise<RequestList> {
    const limit = query.limit ?? DEFAULT_PAGE;
    if (query.cursor !== undefined && !isId('req', query.cursor)) throw fail('invalid_cursor');
    const rows = await ledger.list({
      keyId,
      limit: limit + 1,
      maxBytes: PAGE_BYTES,
      before: query.cursor,
      states: query.status && statesOf(query.status),
      model: query.model && modelInFull(query.model),
      queue: query.queue,
      createdAfter: query.created_after === undefined ? undefined : Date.parse(query.created_after),
      createdBefore: query.created_before === undefined ? undefined : Date.parse(query.created_before),
    });
    const items = await Promise.all(rows.slice(0, limit).map(view));
    const bytes = rows.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
    const isCut = rows.length > limit || bytes >= PAGE_BYTES;
    return { items, next_cursor: isCut ? items.at(-1)!.id : null };
  }

  async function cancel(keyId: string, id: string): Promise<Request> {
    const { laneId } = await rowOf(keyId, id);
    const { queue } = await ledger.lanes.nameOf(laneId);
    await failpoint('cancel.before_write');
    const cancelled = await ledger.cancel(id, keyId);
    await failpoint('cancel.after_write');
    if (cancelled) {
      deps.told?.cancelled(id, keyId);
      tellCancelled(id, { keyId, queue, tokens: 0 });
    }
    const row = await rowOf(keyId, id);
    if (row.state !== 'cancelled')
      throw fail('conflict', { detail: `The request is ${statusOf(row.state)} already.` });
    // Who wrote it before may have failed before it could tell.
    if (!cancelled) tellCancelled(id);
    return view(row);
  }

  /** `used` once: it is counted. */
  function tellCancelled(id: string, used?: EndedFacts): void {
    for (const listener of cancelListeners) listener(id);
    ended(id, used);
  }

  async function describe(ids: readonly string[]): Promise<Map<string, RequestSummary | Error>> {
    const described = new Map<string, RequestSummary | Error>();
    for (const row of await ledger.facts(ids))
      described.set(row.id, await summaryOf(row).catch((error: Error) => error));
    return described;
  }

  async function summaryOf({ id, state, laneId, ...row }: FactsRow): Promise<RequestSummary> {
    const { model } = await ledger.lanes.nameOf(laneId);
    return { ...row, ...(await openedFacts(id, row)), status: statusOf(state), model };
  }

  async function describeEnd(row: ClaimedRow, end: Settlement, model: string): Promise<RequestSummary> {
    const { keyId, attempts, createdAt } = row;
    return {
      ...{ keyId, createdAt, model, status: statusOf(end.to), completedAt: end.completedAt ?? null },
      attempts: attempts + Number(end.countsAttempt),
      errorCode: end.error?.code ?? null,
      ...(await openedFacts(row.id, row)),
    };
  }

  async function openedFacts(
    id: string,
    row: Pick<FactsRow, 'metadata' | 'callback'>,
  ): Promise<Pick<RequestSummary, 'metadata' | 'callback'>> {
    const metadata = row.metadata && (await content.open('metadata', id, row.metadata));
    const sealed = row.callback;
    return { metadata, callback: sealed && { url: await content.open('callback', id, sealed), sealed } };
  }

  function openAhead(row: ClaimedRow): void {
    if (row.body.length > MOST_OPENED_AHEAD_BYTES || opened.has(row)) return;
    const opening = content.open('body', row.id, row.body);
    opened.set(row, opening);
    // Whoever runs the row hears of it.
    opening.catch(() => undefined);
  }

  async function unseal(job: Job, next: (job: Job) => Promise<CallOutcome>): Promise<CallOutcome> {
    let body: RequestBody;
    const held = failpoint('job.before_unseal');
    if (held) await held;
    try {
      body = await (opened.get(job.row) ?? content.open('body', job.row.id, job.row.body));
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      logger.critical({ err: error, requestId: job.row.id }, 'a stored prompt cannot be decrypted');
      const message = 'The stored prompt could not be decrypted.';
      return { kind: 'failed', code: 'unreadable', message, retryable: false, phase: 'connect' };
    }
    // A promise that is returned without `await` takes two more turns of the microtask queue.
    return await next({ ...job, call: { ...body, model: job.lane.model } });
  }

  return {
    accept,
    prepare,
    stored,
    sealCustomId: (id, customId) => content.seal('custom_id', id, customId),
    find,
    findRun,
    follow,
    list,
    cancel,
    ...{ unseal, openAhead },
    sealResult: (id, result) => content.seal('result', id, result),
    sealError: (id, error) => content.seal('error', id, error),
    poisonError: (id) =>
      content.seal('error', id, {
        code: 'poison',
        message: `${MAX_DELIVERIES} workers died while they ran this request.`,
        policy: { max_deliveries: MAX_DELIVERIES },
      }),
    awaits: (id) => waitRoom.awaits(id),
    ended,
    onEnded: (listener) => endListeners.push(listener),
    describe,
    describeEnd,
    openCallback: (id, sealed) => content.open('callback', id, sealed),
    retry,
    view,
    onCancel: (listener) => cancelListeners.push(listener),
    checks: createRequestChecks(ledger, vault),
    releaseWaiting: () => waitRoom.close(),
  };
}
