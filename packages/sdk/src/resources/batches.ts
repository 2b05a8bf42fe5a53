/** Batches: up to 10,000 requests in one upload, and what came of each. */
import { filaPromise, type FilaPromise, type FilaResponse } from '../fila-promise.ts';
import { FilaError } from '../errors.ts';
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import { cutOff, throughCuts, type Streaming } from '../through-cuts.ts';
import { pollUntilOver } from './poll-until-over.ts';
import type { Batch, BatchLine, BatchList, BatchResult, ListBatchesQuery } from '../types.generated.ts';

const BATCHES = '/api/v1/batches';
const BATCH = `${BATCHES}/{id}`;
/** For one attempt: an upload is larger than other calls. */
const UPLOAD_TIMEOUT_MS = 120_000;
const DEFAULT_TIMEOUT_MS = 86_400_000;
const POLL_MS = 2_000;

export interface CreateBatchOptions extends CallOptions {
  /** Default: a new one for each call, the same over its retries. Your own makes a call safe to repeat later. */
  idempotencyKey?: string;
}

export interface WaitForBatchOptions extends Pick<CallOptions, 'signal' | 'headers'> {
  /** For all of it. Default: a day. The batch goes on after it. */
  timeoutMs?: number;
  /** Called with the batch as it is first seen, and when its counts have changed. */
  onChange?: (batch: Batch) => void;
}

/** `timeoutMs` is the longest silence; `maxRetries` is for connections in a row that bring nothing new, 10 unless the client says otherwise. */
export interface ReadLinesOptions extends CallOptions {
  /** The `request_id` of the last line that was read, by an earlier program perhaps. */
  after?: string;
}

export interface Batches {
  /**
   * Uploads requests, all of them or none: when any line is wrong, `errors` of the error names it. Lines, or the text of
   * a JSONL file.
   * @example const { id } = await fila.batches.create([{ custom_id: 'a', request: { prompt: 'Say hello.' } }]);
   */
  create(
    lines: Iterable<BatchLine> | AsyncIterable<BatchLine> | string,
    options?: CreateBatchOptions,
  ): FilaPromise<Batch>;
  /**
   * A batch as it is now.
   * @example const { progress, counts } = await fila.batches.get('bat_…');
   */
  get(id: string, options?: CallOptions): FilaPromise<Batch>;
  /**
   * Own batches, newest first.
   * @example for await (const { id, progress } of fila.batches.list()) console.log(id, progress);
   */
  list(query?: ListBatchesQuery, options?: CallOptions): Listing<Batch, BatchList>;
  /**
   * Cancels those of its requests that have not ended.
   * @example await fila.batches.cancel('bat_…');
   */
  cancel(id: string, options?: CallOptions): FilaPromise<Batch>;
  /**
   * Waits until each of its requests has ended. A broker that restarts meanwhile is waited for.
   * @example const { counts } = await fila.batches.wait('bat_…', { onChange: ({ progress }) => console.log(progress) });
   */
  wait(id: string, options?: WaitForBatchOptions): FilaPromise<Batch>;
  /**
   * Those that completed, in the order of the upload, each once, read as you go on through cut connections. `after` goes
   * on behind a line that was read before.
   * @example for await (const { custom_id, result } of fila.batches.results('bat_…')) console.log(custom_id, result?.text);
   */
  results(id: string, options?: ReadLinesOptions): AsyncGenerator<BatchResult, void>;
  /**
   * Those that failed, expired or were cancelled, likewise.
   * @example for await (const { custom_id, status, error } of fila.batches.errors('bat_…')) console.log(custom_id, status, error);
   */
  errors(id: string, options?: ReadLinesOptions): AsyncGenerator<BatchResult, void>;
}

export function createBatches(send: Send, streaming: Streaming): Batches {
  const { open, sleep } = streaming;

  async function create(
    given: Parameters<Batches['create']>[0],
    { idempotencyKey = crypto.randomUUID(), timeoutMs = UPLOAD_TIMEOUT_MS, ...options }: CreateBatchOptions,
  ): Promise<FilaResponse<Batch>> {
    let lines = typeof given === 'string' ? given : '';
    if (typeof given !== 'string') for await (const line of given) lines += `${JSON.stringify(line)}\n`;
    return send<Batch>(
      { method: 'POST', path: BATCHES, as: 'client', lines, idempotencyKey },
      { timeoutMs, ...options },
    ).withResponse();
  }

  function read(path: string, id: string, { after, ...options }: ReadLinesOptions = {}) {
    let last = after;
    async function* connect(isNew: () => void): AsyncGenerator<BatchResult, void> {
      // The end is an answer without lines: what stands in between may make an end of a cut.
      for (let isOver = false; !isOver;) {
        isOver = true;
        const decoder = new TextDecoder();
        let rest = '';
        const call = { method: 'GET', path, id, as: 'client', query: { after: last } } as const;
        for await (const part of open(call, options)) {
          const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
          rest = lines.pop()!;
          for (const line of lines) {
            const result = resultIn(line);
            last = result.request_id;
            isOver = false;
            isNew();
            yield result;
          }
        }
        if (rest !== '') throw cutOff('The answer ended within a line.');
      }
    }
    return throughCuts(streaming, connect, options);
  }

  return {
    create: (lines, options = {}) => filaPromise(create(lines, options)),
    get: (id, options) => send({ method: 'GET', path: BATCH, id, as: 'client' }, options),
    list: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<BatchList>({ method: 'GET', path: BATCHES, as: 'client', query: { ...query, cursor } }, options),
      ),
    cancel: (id, options) => send({ method: 'POST', path: `${BATCH}/cancel`, id, as: 'client' }, options),
    wait: (id, { timeoutMs = DEFAULT_TIMEOUT_MS, ...options } = {}) =>
      filaPromise(
        pollUntilOver<Batch>(
          {
            ...{ send, sleep, pollMs: POLL_MS, call: { method: 'GET', path: BATCH, id, as: 'client' } },
            isOver: ({ status }) => status === 'completed' || status === 'cancelled',
            changing: ({ status, counts }) => [status, counts],
          },
          { timeoutMs, ...options },
        ),
      ),
    results: (id, options) => read(`${BATCH}/results`, id, options),
    errors: (id, options) => read(`${BATCH}/errors`, id, options),
  };
}

function resultIn(line: string): BatchResult {
  try {
    return JSON.parse(line) as BatchResult;
  } catch {
    throw new FilaError({ code: 'invalid_answer', detail: 'A line is not JSON.', retryable: false });
  }
}
