/** Dead letters: requests that failed for good, and what an operator does about them. A view on requests, with no store of its own. */
import type { Ledger, RequestRow } from '../../engines/ledger/ledger.ts';
import { VaultError } from '../../engines/vault/vault.ts';
import type {
  DeadLetterDetails,
  DeadLetterFilter,
  DeadLetterList,
  DeadLetterPreview,
  DeadLetterRetry,
  ListDeadLettersQuery,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { isId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { OperationWork, Task } from '../operations/operations.ts';
import type { RequestContent, Requests, RetryNote } from '../requests/requests.ts';
import { createDeadLetterView, stateOf } from './dead-letter-view.ts';
import { createScan, type Scan } from './scan-dead-letters.ts';

export interface DeadLetters {
  /** Open ones, newest first. */
  list(query: ListDeadLettersQuery): Promise<DeadLetterList>;
  /** Also of one that was retried or discarded. */
  get(id: string): Promise<DeadLetterDetails>;
  /** Conflict when it was retried or discarded before, or its prompt is gone. */
  retry(id: string, reason: string | null): Promise<DeadLetterRetry>;
  discard(id: string, reason: string): Promise<DeadLetterDetails>;
  /** What an operation with this filter would retry if it began now. */
  preview(filter: DeadLetterFilter): Promise<DeadLetterPreview>;
  /** How an operation retries what matches its filter and had failed before it began: each once, whatever happens. */
  readonly retrying: OperationWork;
}

interface DeadLettersDeps {
  readonly ledger: Ledger;
  readonly content: RequestContent;
  readonly requests: Pick<Requests, 'retry'>;
  readonly logger: Logger;
}

const DEFAULT_PAGE = 50;
/** Failed requests that one call or one step of an operation looks at. */
const LOOK_AT = 2_000;
const PREVIEW_LOOKS_AT = 100_000;
const SAMPLE = 10;
const STEPS = 200;

export function createDeadLetters({ ledger, content, requests, logger }: DeadLettersDeps): DeadLetters {
  const view = createDeadLetterView({ ledger, content });
  const scan = createScan({ ledger, messageOf: async (row) => (await view.failureOf(row)).message });

  async function list({ limit = DEFAULT_PAGE, cursor, ...filter }: ListDeadLettersQuery) {
    if (cursor !== undefined && !isId('req', cursor)) throw fail('invalid_cursor');
    const { rows, reached } = await scan({ filter, before: cursor, limit: limit + 1, lookAt: LOOK_AT });
    const items = await Promise.all(rows.slice(0, limit).map(view.summary));
    return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : reached };
  }

  async function rowOf(id: string): Promise<RequestRow> {
    const row = isId('req', id) ? await ledger.find(id) : null;
    if (row?.state !== 'failed') throw fail('not_found', { detail: 'There is no such dead letter.' });
    return row;
  }

  /** The new request's id, or null: somebody else was faster, or there is no prompt that can be read. */
  async function tryAgain(row: RequestRow, note: RetryNote): Promise<string | null> {
    try {
      return await requests.retry(row, note);
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      logger.critical({ err: error, requestId: row.id }, 'a dead letter cannot be decrypted');
      return null;
    }
  }

  async function conflict(id: string): Promise<Error> {
    const row = await rowOf(id);
    const why = {
      retried: `It was retried as ${row.retriedAs}.`,
      discarded: 'It was discarded.',
      open: 'Its prompt is gone or cannot be decrypted.',
    };
    return fail('conflict', { detail: why[stateOf(row)] });
  }

  async function retry(id: string, reason: string | null): Promise<DeadLetterRetry> {
    const row = await rowOf(id);
    const newId = stateOf(row) === 'open' ? await tryAgain(row, { reason, operation: null }) : null;
    if (newId === null) throw await conflict(id);
    logger.info({ requestId: id, retriedAs: newId }, 'dead letter retried');
    return { id: newId };
  }

  async function discard(id: string, reason: string): Promise<DeadLetterDetails> {
    await rowOf(id);
    if (!(await ledger.discard(id, content.seal('discard_reason', id, reason)))) throw await conflict(id);
    logger.info({ requestId: id }, 'dead letter discarded');
    return view.details(await rowOf(id));
  }

  async function preview({ all: _all, ...filter }: DeadLetterFilter): Promise<DeadLetterPreview> {
    const sample: string[] = [];
    let matched = 0;
    let reached: string | null = null;
    for (let looked = 0; looked < PREVIEW_LOOKS_AT; looked += STEPS) {
      const page: Scan = { filter, before: reached ?? undefined, limit: STEPS, lookAt: STEPS };
      const found = await scan(page);
      matched += found.rows.length;
      sample.push(...found.rows.slice(0, SAMPLE - sample.length).map((row) => row.id));
      reached = found.reached;
      if (reached === null) break;
    }
    return { matched, is_complete: reached === null, sample };
  }

  const isBy = async (row: RequestRow | null, task: Task): Promise<boolean> =>
    row !== null && (await view.noteOf(row))?.operation === task.id;

  async function retryFor(task: Task, row: RequestRow): Promise<boolean> {
    const newId = await tryAgain(row, { reason: task.reason, operation: task.id });
    // It may have been this operation itself: a crash can come between the retry and the note of its progress.
    return newId !== null || isBy(await ledger.find(row.id), task);
  }

  /** What fails after the operation began is not its business: a retry that fails again must not be retried for ever. */
  async function page(task: Task, after: string | null) {
    const { all: _all, ...filter } = task.filter as DeadLetterFilter;
    const isMeant = async (row: RequestRow): Promise<boolean> =>
      row.completedAt! < task.createdAt && (stateOf(row) === 'open' || (await isBy(row, task)));
    const found = await scan({ filter, before: after ?? undefined, limit: STEPS, lookAt: LOOK_AT, isMeant });
    const steps = found.rows.map((row) => ({ id: row.id, run: () => retryFor(task, row) }));
    return { steps, reached: found.reached };
  }

  return {
    list,
    get: async (id) => view.details(await rowOf(id)),
    retry,
    discard,
    preview,
    retrying: { page },
  };
}
