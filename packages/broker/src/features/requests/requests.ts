/** Requests: a call to a model, from arrival to answer. */
import { MAX_DELIVERIES, type Ledger, type RequestRow } from '../../engines/ledger/ledger.ts';
import type { ActiveLanes } from '../../engines/active-lanes/active-lanes.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type {
  CreateRequest,
  ListRequestsQuery,
  Request,
  RequestList,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { isId, newId } from '../../kernel/ids.ts';
import { bandOf, DEFAULT_QUEUE, listOf } from '../../kernel/lanes.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Stage } from '../../kernel/stage.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { Job } from '../worker/worker.ts';
import {
  requestContent,
  VaultError,
  type RequestBody,
  type RequestFailure,
  type RequestResult,
} from './request-content.ts';
import { hasEnded, statesOf, statusOf } from './request-states.ts';
import { createWaitRoom } from './wait-room.ts';

export type { RequestBody, RequestFailure, RequestResult } from './request-content.ts';

/** A request on its way in. */
export interface Arrival {
  readonly key: AcceptedKey;
  readonly input: CreateRequest;
}

export interface WaitLimit {
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

export interface Requests {
  /** The last stage of arrival: sealed, stored with fsync, and its lane made active. */
  readonly accept: Stage<Arrival, Request>;
  /** One request of this key; throws not_found also for another key's. With `limit` it waits for the end until then. */
  find(keyId: string, id: string, limit?: WaitLimit): Promise<Request>;
  list(keyId: string, query: ListRequestsQuery): Promise<RequestList>;
  /** Idempotent; conflict when the request has ended otherwise. */
  cancel(keyId: string, id: string): Promise<Request>;

  /** The stage of execution that decrypts what the model is asked. */
  readonly unseal: Stage<Job, CallOutcome>;
  sealResult(id: string, result: RequestResult): Buffer;
  sealError(id: string, error: RequestFailure): Buffer;
  poisonError(id: string): Buffer;
  /** Wakes those who wait for this request. */
  ended(id: string): void;
  onCancel(listener: (id: string) => void): void;
  /** Ends all waiting, because the daemon stops. */
  releaseWaiting(): void;
}

interface RequestsDeps {
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly defaultModel: string;
}

const MAX_METADATA_BYTES = 16 * 1024;
const DEFAULT_PRIORITY = 5;
const DEFAULT_PAGE = 50;

export function createRequests({
  ledger,
  activeLanes,
  vault,
  clock,
  logger,
  defaultModel,
}: RequestsDeps): Requests {
  const content = requestContent(vault);
  const waitRoom = createWaitRoom();
  const cancelListeners: ((id: string) => void)[] = [];

  async function accept({ key, input }: Arrival): Promise<Request> {
    const now = clock.now();
    const id = newId('req', now);
    const { metadata, priority = DEFAULT_PRIORITY, model = defaultModel } = input;
    const times = checkedTimes(input, now);
    const lane = { queue: DEFAULT_QUEUE, keyId: key.id, band: bandOf(priority), model };
    const laneId = await ledger.lanes.idOf(lane);
    await ledger.insert({
      id,
      laneId,
      keyId: key.id,
      priority,
      createdAt: now,
      ...times,
      body: content.seal('body', id, bodyOf(input)),
      metadata: metadata === undefined ? null : sealedMetadata(id, metadata),
    });
    if (times.runAt === null) await activate({ id: laneId, list: listOf(lane) });
    return newView(id, { model, priority, metadata: metadata ?? null, createdAt: now, ...times });
  }

  function sealedMetadata(id: string, metadata: Record<string, unknown>): Buffer {
    const bytes = Buffer.byteLength(JSON.stringify(metadata));
    if (bytes <= MAX_METADATA_BYTES) return content.seal('metadata', id, metadata);
    throw fail('validation_failed', {
      detail: 'metadata is too large.',
      errors: [{ pointer: '/metadata', detail: 'must have at most 16 KiB as JSON' }],
    });
  }

  /** The row is accepted already: when the active lanes are away, the sweep finds it. */
  async function activate(lane: { id: number; list: string }): Promise<void> {
    try {
      await activeLanes.activate([lane]);
    } catch (error) {
      logger.warn({ err: error, lane: lane.id }, 'a lane could not be made active; the sweep will do it');
    }
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
      await waitRoom.wait(id, look, limit);
    }
    return view(row);
  }

  async function list(keyId: string, query: ListRequestsQuery): Promise<RequestList> {
    const limit = query.limit ?? DEFAULT_PAGE;
    if (query.cursor !== undefined && !isId('req', query.cursor)) throw fail('invalid_cursor');
    const rows = await ledger.list({
      keyId,
      limit: limit + 1,
      before: query.cursor,
      states: query.status && statesOf(query.status),
      model: query.model,
      createdAfter: query.created_after === undefined ? undefined : Date.parse(query.created_after),
      createdBefore: query.created_before === undefined ? undefined : Date.parse(query.created_before),
    });
    const items = await Promise.all(rows.slice(0, limit).map(view));
    return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : null };
  }

  async function cancel(keyId: string, id: string): Promise<Request> {
    await rowOf(keyId, id);
    const cancelled = await ledger.cancel(id, keyId);
    if (cancelled) {
      for (const listener of cancelListeners) listener(id);
      waitRoom.wake(id);
    }
    const row = await rowOf(keyId, id);
    if (row.state === 'cancelled') return view(row);
    throw fail('conflict', { detail: `The request is ${statusOf(row.state)} already.` });
  }

  async function view(row: RequestRow): Promise<Request> {
    const [metadata, result, error, lane] = await Promise.all([
      row.metadata && content.open('metadata', row.id, row.metadata),
      row.result && content.open('result', row.id, row.result),
      row.error && content.open('error', row.id, row.error),
      ledger.lanes.nameOf(row.laneId),
    ]);
    const known = { metadata, runAt: row.runAt, deadlineAt: row.deadlineAt, createdAt: row.createdAt };
    const { promptTokens, completionTokens } = row;
    return {
      ...newView(row.id, { model: lane.model, priority: row.priority, ...known }),
      status: statusOf(row.state),
      result,
      error:
        error ??
        (row.errorCode === null
          ? null
          : { code: row.errorCode, message: 'The deadline of the request passed before it was answered.' }),
      usage:
        promptTokens === null || completionTokens === null
          ? null
          : {
              prompt_tokens: promptTokens,
              completion_tokens: completionTokens,
              total_tokens: promptTokens + completionTokens,
            },
      attempts: row.attempts,
      processing_time: row.processingMs,
      started_at: iso(row.startedAt),
      completed_at: iso(row.completedAt),
    };
  }

  async function unseal(job: Job, next: (job: Job) => Promise<CallOutcome>): Promise<CallOutcome> {
    let body: RequestBody;
    try {
      body = await content.open('body', job.row.id, job.row.body);
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      logger.error({ err: error, requestId: job.row.id }, 'a stored prompt cannot be decrypted');
      const message = 'The stored prompt could not be decrypted.';
      return { kind: 'failed', code: 'unreadable', message, retryable: false, phase: 'connect' };
    }
    return next({ ...job, call: { ...body, model: job.lane.model } });
  }

  return {
    accept,
    find,
    list,
    cancel,
    unseal,
    sealResult: (id, result) => content.seal('result', id, result),
    sealError: (id, error) => content.seal('error', id, error),
    poisonError: (id) =>
      content.seal('error', id, {
        code: 'poison',
        message: `${MAX_DELIVERIES} workers died while they ran this request.`,
      }),
    ended: (id) => waitRoom.wake(id),
    onCancel: (listener) => cancelListeners.push(listener),
    releaseWaiting: () => waitRoom.close(),
  };
}

function bodyOf({ prompt, messages, system, parameters, format }: CreateRequest): RequestBody {
  return { prompt, messages, system, parameters, format };
}

function checkedTimes(
  input: CreateRequest,
  now: number,
): { runAt: number | null; deadlineAt: number | null } {
  const runAt = input.run_at === undefined ? null : Date.parse(input.run_at);
  const deadlineAt = input.deadline === undefined ? null : Date.parse(input.deadline);
  const wrong = (pointer: string, detail: string) =>
    fail('validation_failed', { detail: `${pointer.slice(1)} ${detail}.`, errors: [{ pointer, detail }] });
  if (deadlineAt !== null && deadlineAt <= now) throw wrong('/deadline', 'must be in the future');
  if (deadlineAt !== null && runAt !== null && deadlineAt <= runAt)
    throw wrong('/deadline', 'must be after run_at');
  return { runAt: runAt !== null && runAt > now ? runAt : null, deadlineAt };
}

interface Known {
  readonly model: string;
  readonly priority: number;
  readonly metadata: Record<string, unknown> | null;
  readonly createdAt: number;
  readonly runAt: number | null;
  readonly deadlineAt: number | null;
}

/** A request that was just accepted, as the client sees it. */
function newView(id: string, known: Known): Request {
  return {
    id,
    status: 'pending',
    model: known.model,
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
  };
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
