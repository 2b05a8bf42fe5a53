/** Batches: up to 10,000 requests that are uploaded together, all of them or none. */
import type { State } from '../../engines/ledger/ledger.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import type { Batch, BatchList, BatchResult, ListBatchesQuery } from '../../kernel/contract.generated.ts';
import { fail, FilaError } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { Limits } from '../limits/limits.ts';
import type { Queues } from '../queues/queues.ts';
import type { Requests } from '../requests/requests.ts';
import type { Checks } from '../verify/verify.ts';
import type { BatchStore, Idempotency, StoredBatch } from './batch-store.ts';
import { batchOnWire, resultOnWire, standingOf, type Standing } from './batch-view.ts';
import { stageUpload, type StageDeps, type Staged } from './stage-upload.ts';
import { createUploadPrints } from './upload-print.ts';

export interface Upload {
  readonly key: AcceptedKey;
  readonly body: AsyncIterable<Buffer>;
  /** The same again with the same bytes within 24 hours is the same batch. */
  readonly idempotencyKey: string | null;
}

/** Which lines: of requests that completed, or of those that ended otherwise. */
export type Outcome = 'results' | 'errors';

export interface Which {
  readonly outcome: Outcome;
  /** Id of a request of the batch. */
  readonly after?: string;
}

/** Also the service that finishes what a broker that died has begun. */
export interface Batches extends Service {
  /** Resolves when each of its requests has a row; throws, with nothing stored, when any line is wrong. */
  create(upload: Upload): Promise<{ readonly batch: Batch; readonly isRepeated: boolean }>;
  get(keyId: string, id: string): Promise<Batch>;
  /** Newest first. */
  list(keyId: string, query: ListBatchesQuery): Promise<BatchList>;
  /** What has ended stays as it is. Cancelling twice is no error; a completed one is a conflict. */
  cancel(keyId: string, id: string): Promise<Batch>;
  /** In the order of the upload, those after a request or all; a few are held at a time. */
  lines(keyId: string, id: string, which: Which): Promise<AsyncGenerator<BatchResult, void>>;
  readonly checks: Checks;
  /** What came to nothing, and keys that have served their time. */
  readonly leftovers: readonly { readonly what: string; forget(): Promise<number> }[];
}

interface BatchesDeps {
  readonly store: BatchStore;
  readonly vault: Vault;
  readonly requests: Pick<Requests, 'find' | 'cancel' | 'stored' | 'sealCustomId'>;
  readonly queues: Pick<Queues, 'takePlaces'>;
  readonly limits: Pick<Limits, 'admitTogether' | 'giveBack'>;
  readonly stage: Omit<StageDeps, 'sealCustomId'>;
  readonly logger: Logger;
  readonly timings?: Partial<typeof TIMINGS>;
}

const TIMINGS = {
  finishEveryMs: 2_000,
  /** One that was not touched for so long is nobody's. */
  idleMs: 10_000,
  /** Longer than any upload may take. */
  abandonedMs: 600_000,
};
const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;
const DEFAULT_PAGE = 20;
const LINES_AT_ONCE = 50;
const CANCELS_AT_ONCE = 100;
const UNENDED: readonly State[] = ['pending', 'delayed', 'processing'];
const STATES: Readonly<Record<Outcome, readonly State[]>> = {
  results: ['completed'],
  errors: ['failed', 'cancelled', 'expired'],
};

/**
 * Why an upload is there whole or not at all, whenever a broker dies: its lines are first put down beside the requests,
 * where nothing runs and nobody looks. One small write (`accept`) then makes it a batch, its idempotency key included.
 * Before that write there is nothing, and a clean-up deletes the lines. After it the rows of requests are made, some at a
 * time, each together with the note that it was made; the client is answered when all are. Who finds a batch that was
 * accepted and lies idle goes on from those notes, on whatever broker, so that it becomes whole also when its own died.
 */
export function createBatches(deps: BatchesDeps): Batches {
  const { store, requests, queues, limits, logger } = deps;
  const prints = createUploadPrints(deps.vault);
  const timings = { ...TIMINGS, ...deps.timings };
  const stage: StageDeps = { ...deps.stage, sealCustomId: requests.sealCustomId };

  async function create({ key, body, idempotencyKey }: Upload) {
    const print = prints.begin();
    const chunks = print.through(body);
    const digest = idempotencyKey === null ? null : prints.digestOf(idempotencyKey);
    const earlier = digest && (await store.byDigest(key.id, digest));
    if (earlier) {
      await stageNothing(chunks);
      return repeated(earlier, print.fingerprint());
    }
    const id = newId('bat');
    await store.begin(id, key.id);
    let isAccepted = false;
    let fingerprint: Buffer;
    try {
      const staged = await stageUpload(stage, key, chunks, (lines) => store.addLines(id, lines));
      fingerprint = print.fingerprint();
      isAccepted = await accept(id, key, staged, digest && { digest, fingerprint });
    } finally {
      // The clean-up deletes what is left when this cannot. What was accepted after all is not touched by it.
      if (!isAccepted) await store.forgetUpload(id).catch(() => undefined);
    }
    const faster = isAccepted || !digest ? null : await store.byDigest(key.id, digest);
    if (faster) return repeated(faster, fingerprint);
    if (!isAccepted) throw fail('unavailable', { detail: 'The upload took too long. Nothing was accepted.' });
    const batch = (await store.byId(id))!;
    logger.info({ batch: id, requests: batch.total }, 'batch accepted');
    return { batch: batchOnWire(batch, standingOf(batch, [])), isRepeated: false };
  }

  /** Only its fingerprint is of interest. */
  async function stageNothing(chunks: AsyncIterable<Buffer>): Promise<void> {
    let bytes = 0;
    for await (const chunk of chunks)
      if ((bytes += chunk.length) > stage.limits.maxBytes) throw fail('body_too_large');
  }

  /** False when the idempotency key is taken: another upload was faster. */
  async function accept(
    id: string,
    key: AcceptedKey,
    { total, queues: counts }: Staged,
    idempotency: Idempotency | null,
  ): Promise<boolean> {
    return queues.takePlaces(counts, async () => {
      const refusal = await limits.admitTogether(key, total);
      if (refusal) throw refusal;
      let isNew = false;
      try {
        isNew = await store.accept(id, total, idempotency);
        // The places are kept until the rows are there: who counts rows meanwhile would give them to others.
        if (isNew) await pour(id);
        return { isNew, answer: isNew };
      } finally {
        if (!isNew) limits.giveBack(key, total);
      }
    });
  }

  async function repeated(batch: StoredBatch, fingerprint: Buffer) {
    if (!batch.fingerprint?.equals(fingerprint))
      throw fail('idempotency_mismatch', {
        detail: 'The Idempotency-Key was used for another upload before.',
      });
    if (batch.state === 'accepted') await pour(batch.id);
    return { batch: await view(batch), isRepeated: true };
  }

  async function pour(id: string): Promise<void> {
    for (let after = 0; ;) {
      const rows = await store.pour(id, after);
      if (rows.length === 0) break;
      await requests.stored(rows);
      after = rows.at(-1)!.line;
    }
    await store.stored(id);
  }

  async function rowOf(keyId: string, id: string): Promise<StoredBatch> {
    const row = isId('bat', id) ? await store.byId(id) : null;
    if (row?.keyId !== keyId) throw fail('not_found', { detail: 'There is no such batch.' });
    return row;
  }

  async function standing(batch: StoredBatch): Promise<Standing> {
    const { id, state, completedAt, counts } = batch;
    if (state === 'ended') return { counts: { pending: 0, processing: 0, ...counts }, completedAt };
    const now = standingOf(batch, await store.counts(id, batch.total));
    if (now.completedAt !== null) await store.ended(id, now.counts, now.completedAt);
    return now;
  }

  async function view(batch: StoredBatch): Promise<Batch> {
    return batchOnWire(batch, await standing(batch));
  }

  async function cancel(keyId: string, id: string): Promise<Batch> {
    const batch = await view(await rowOf(keyId, id));
    if (batch.status === 'completed')
      throw fail('conflict', { detail: 'Each request of the batch has ended already.' });
    if (batch.status === 'cancelled') return batch;
    await store.cancel(id);
    await finish(await rowOf(keyId, id));
    logger.info({ batch: id }, 'batch cancelled');
    return view(await rowOf(keyId, id));
  }

  /** What a batch still needs done; done twice, by two, it is done once. */
  async function finish({ id, keyId, state, cancelledAt }: StoredBatch): Promise<void> {
    if (state === 'accepted') await pour(id);
    if (cancelledAt === null) return;
    for (let after = 0; ;) {
      const lines = await store.linesIn(id, UNENDED, after, CANCELS_AT_ONCE);
      if (lines.length === 0) break;
      await Promise.all(lines.map(({ requestId }) => cancelOne(keyId, requestId)));
      after = lines.at(-1)!.line;
    }
  }

  /** One that has ended meanwhile stays as it is. */
  async function cancelOne(keyId: string, requestId: string): Promise<void> {
    await requests.cancel(keyId, requestId).catch((error: unknown) => {
      if (!(error instanceof FilaError && error.code === 'conflict')) throw error;
    });
  }

  async function finishWhole(batch: StoredBatch): Promise<void> {
    await finish(batch);
    const row = await store.byId(batch.id);
    const isWhole =
      row !== null && (batch.state === 'accepted' || (await standing(row)).completedAt !== null);
    if (isWhole) logger.info({ batch: batch.id }, 'a batch that was left half done is finished');
  }

  /** One that fails keeps no other from its turn. */
  async function finishIdle(): Promise<void> {
    const errors: unknown[] = [];
    for (const batch of await store.unfinished(timings.idleMs))
      await finishWhole(batch).catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }

  async function lineOf(id: string, after: string | undefined): Promise<number> {
    if (after === undefined) return 0;
    const line = isId('req', after) ? await store.lineOf(id, after) : null;
    if (line === null) throw fail('invalid_cursor', { detail: 'after is no request of this batch.' });
    return line;
  }

  async function* linesOf(
    keyId: string,
    id: string,
    { outcome, from }: { outcome: Outcome; from: number },
  ): AsyncGenerator<BatchResult, void> {
    for (let after = from; ;) {
      const lines = await store.linesIn(id, STATES[outcome], after, LINES_AT_ONCE);
      if (lines.length === 0) return;
      const found = await Promise.all(lines.map(({ requestId }) => requests.find(keyId, requestId)));
      for (const request of found) yield resultOnWire(request);
      after = lines.at(-1)!.line;
    }
  }

  const ticker = every('finish batches', timings.finishEveryMs, finishIdle, (error) =>
    logger.warn({ err: error }, 'finishing batches failed; it is tried again'),
  );

  return {
    name: 'batches',
    start: () => ticker.start(),
    stop: () => ticker.stop(),
    create,
    get: async (keyId, id) => view(await rowOf(keyId, id)),
    list: async (keyId, { limit = DEFAULT_PAGE, cursor }) => {
      if (cursor !== undefined && !isId('bat', cursor)) throw fail('invalid_cursor');
      const rows = await store.list(keyId, limit + 1, cursor);
      const items: Batch[] = [];
      for (const row of rows.slice(0, limit)) items.push(await view(row));
      return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : null };
    },
    cancel,
    lines: async (keyId, id, { outcome, after }) => {
      await rowOf(keyId, id);
      return linesOf(keyId, id, { outcome, from: await lineOf(id, after) });
    },
    checks: {
      find: async () => {
        const { count, sample } = await store.lostLines();
        const about = 'requests of a batch that do not exist';
        return count === 0 ? [] : [{ rule: 'batch-is-whole', about, count, sample, remedy: null }];
      },
      mend: async () => 0,
    },
    leftovers: [
      { what: 'uploads that came to nothing', forget: () => store.forgetAbandoned(timings.abandonedMs) },
      { what: 'idempotency keys of batches', forget: () => store.forgetKeys(IDEMPOTENCY_KEPT_MS) },
    ],
  };
}
