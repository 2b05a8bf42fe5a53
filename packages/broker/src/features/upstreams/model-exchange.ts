/** One call on one connection: keeps to four deadlines, collects the answer and settles once. */
import { errors, type Dispatcher } from 'undici';
import { failpointSync } from '../../kernel/failpoints.ts';
import type { ToolCall } from '../../kernel/contract.generated.ts';
import { CallDeadlines } from './call-deadlines.ts';
import type { CallOptions, CallOutcome, ModelCall } from './ollama-client.ts';
import {
  failure,
  judgeAnswer,
  judgeBrokenConnection,
  judgeErrorLine,
  judgeTimeout,
  type Busy,
  type Failure,
  type Phase,
  type TimerName,
} from './ollama-errors.ts';
import { LineSplitter, readAnswerLine, readEmbeddings, type AnswerLine } from './ollama-stream.ts';

/** The last line may carry the whole context as token numbers, so a line may be far longer than its text. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
const MAX_ERROR_BODY_BYTES = 64 * 1024;
/** How long a finished answer waits for the end of its HTTP body, to keep the connection. */
const END_GRACE_MS = 1_000;
const LINE_TOO_LONG = failure('upstream_invalid', 'A line of the answer is too long.');

/** One of the two is called, once. */
export interface ExchangeEnds {
  /** `isRead` says that the HTTP answer was read to its end and the connection can carry the next call. */
  onSettled(outcome: CallOutcome, isRead: boolean): void;
  /** We are at fault, not the upstream. */
  onDefect(error: unknown): void;
}

type Answered = Extract<CallOutcome, { kind: 'answered' }>;

/** A class because one is made for every call; undici calls its on… methods, the others are its own. */
export class ModelExchange implements Dispatcher.DispatchHandler {
  readonly #options: CallOptions;
  readonly #ends: ExchangeEnds;
  readonly #isEmbedding: boolean;
  readonly #lines: LineSplitter;
  readonly #read: (line: string | null) => AnswerLine;
  readonly #onLine = (line: string | null): boolean => this.#readLine(line);
  readonly #onAbort = (): void => this.#end({ kind: 'cancelled' });
  readonly #deadlines: CallDeadlines;
  #phase: Phase = 'connect';
  #status = 0;
  #errorBody: Buffer[] = [];
  #errorBytes = 0;
  #text = '';
  #thinking = '';
  readonly #toolCalls: ToolCall[] = [];
  #answerBytes = 0;
  /** What `onProgress` has not been told yet. */
  #newText = '';
  #newThinking = '';
  #hasNews = false;
  #answer: Answered | undefined;
  #isSettled = false;

  constructor({ input }: ModelCall, options: CallOptions, ends: ExchangeEnds) {
    const { connectMs, totalMs } = options.timers;
    const texts = [input ?? []].flat().length;
    this.#isEmbedding = texts > 0;
    this.#read = this.#isEmbedding ? (line) => readEmbeddings(line, texts) : readAnswerLine;
    this.#lines = new LineSplitter(this.#isEmbedding ? options.maxAnswerBytes : MAX_LINE_BYTES);
    this.#options = options;
    this.#ends = ends;
    this.#deadlines = new CallDeadlines(totalMs, (isTotal) => this.#late(isTotal));
    this.#deadlines.begin(connectMs);
    options.signal?.addEventListener('abort', this.#onAbort);
  }

  /** The connection stands and the request is being written. */
  onRequestStart(): void {
    this.#options.onConnected?.();
    this.#enter('first_token', this.#options.timers.firstTokenMs);
  }

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  /** undici would take what is thrown here for a broken connection. */
  onResponseData(_controller: unknown, chunk: Buffer): void {
    try {
      this.#readChunk(chunk);
    } catch (error) {
      this.break(error);
    }
  }

  #readChunk(chunk: Buffer): void {
    if (this.#isSettled || this.#answer) return;
    if (this.#status !== 200) return this.#readErrorBody(chunk);
    const isFine = this.#lines.push(chunk, this.#onLine);
    if (this.#isSettled) return;
    this.#tellProgress();
    if (this.#answer) this.#deadlines.begin(END_GRACE_MS);
    else if (!isFine) this.#fail(this.#isEmbedding ? this.#tooLarge() : LINE_TOO_LONG);
    else if (this.#phase === 'stream') this.#deadlines.begin(this.#options.timers.gapMs);
  }

  onResponseEnd(): void {
    try {
      this.#readEnd();
    } catch (error) {
      this.break(error);
    }
  }

  /** Something of ours threw: an answer that is already complete stands. */
  break(error: unknown): void {
    if (this.#answer) this.#settle(this.#answer, false);
    else if (this.#finish()) this.#ends.onDefect(error);
  }

  #readEnd(): void {
    if (this.#isSettled) return;
    if (this.#status !== 200) return this.#settle(this.#judgeErrorBody(), true);
    const rest = this.#answer ? '' : this.#lines.rest();
    if (rest !== '') {
      this.#readLine(rest);
      if (this.#isSettled) return;
      this.#tellProgress();
    }
    const incomplete = failure(
      'upstream_incomplete',
      'The upstream ended the answer before it was complete.',
    );
    this.#settle(this.#answer ?? this.#failed(incomplete), true);
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (error instanceof errors.ClientDestroyedError) this.#end({ kind: 'cancelled' });
    else this.#end(this.#failed(judgeBrokenConnection(error, this.#phase)));
  }

  /** False stops the reading: the answer is complete or the call has failed. */
  #readLine(line: string | null): boolean {
    const read = this.#read(line);
    if (read.kind === 'error') return this.#fail(judgeErrorLine(read.error));
    if (read.kind === 'invalid')
      return this.#fail(failure('upstream_invalid', "The answer is not of the shape of Ollama's."));
    if (this.#phase === 'first_token') {
      failpointSync('upstream.first_token');
      this.#enter('stream', this.#options.timers.gapMs);
    }
    this.#text += read.text;
    this.#thinking += read.thinking;
    if (this.#options.onProgress) {
      this.#newText += read.text;
      this.#newThinking += read.thinking;
      this.#hasNews ||= read.text !== '' || read.thinking !== '' || read.toolCalls.length > 0;
    }
    this.#answerBytes += Buffer.byteLength(read.text) + Buffer.byteLength(read.thinking);
    if (read.toolCalls.length > 0) {
      this.#toolCalls.push(...read.toolCalls);
      this.#answerBytes += Buffer.byteLength(JSON.stringify(read.toolCalls));
    }
    if (this.#answerBytes > this.#options.maxAnswerBytes) return this.#fail(this.#tooLarge());
    if (read.kind === 'delta') return true;
    const { finishReason, promptTokens, completionTokens, durations, embeddings } = read;
    this.#answer = {
      kind: 'answered',
      text: this.#text,
      ...(this.#thinking === '' ? {} : { thinking: this.#thinking }),
      ...(this.#toolCalls.length === 0 ? {} : { toolCalls: this.#toolCalls }),
      ...(embeddings && { embeddings }),
      finishReason,
      promptTokens,
      completionTokens,
      durations,
    };
    failpointSync('upstream.after_answer');
    return false;
  }

  #enter(phase: Phase, ms: number): void {
    this.#phase = phase;
    this.#deadlines.begin(ms);
  }

  /** Once per chunk rather than per line: what arrived together is told together. */
  #tellProgress(): void {
    const { onProgress } = this.#options;
    if (!onProgress || !this.#hasNews) return;
    const text = this.#newText;
    const thinking = this.#newThinking;
    this.#hasNews = false;
    this.#newText = '';
    this.#newThinking = '';
    onProgress({ text, thinking });
  }

  #readErrorBody(chunk: Buffer): void {
    this.#errorBody.push(chunk);
    this.#errorBytes += chunk.length;
    if (this.#errorBytes > MAX_ERROR_BODY_BYTES) this.#settle(this.#judgeErrorBody(), false);
  }

  #judgeErrorBody(): CallOutcome {
    return this.#failed(judgeAnswer(this.#status, Buffer.concat(this.#errorBody).toString('utf8')));
  }

  #late(isTotal: boolean): void {
    const { connectMs, firstTokenMs, gapMs, totalMs } = this.#options.timers;
    if (isTotal) this.#timeOut('total', totalMs);
    else if (this.#phase === 'connect') this.#timeOut('connect', connectMs);
    else if (this.#phase === 'first_token') this.#timeOut('first_token', firstTokenMs);
    else this.#timeOut('gap', gapMs);
  }

  #timeOut(timer: TimerName, ms: number): void {
    this.#end({ ...this.#failed(judgeTimeout(timer, ms)), timer } as CallOutcome);
  }

  #fail(verdict: Failure): false {
    this.#settle(this.#failed(verdict), false);
    return false;
  }

  /** It would be as large the next time. */
  #tooLarge(): Failure {
    const { maxAnswerBytes } = this.#options;
    const message = `The answer is larger than the ${maxAnswerBytes} bytes allowed.`;
    return failure('upstream_invalid', message, false);
  }

  #failed(verdict: Failure | Busy): CallOutcome {
    if (verdict.kind === 'busy') return verdict;
    return { ...verdict, phase: this.#phase, ...(this.#status === 0 ? {} : { status: this.#status }) };
  }

  /** Nothing more will come: an answer that is already complete stands. */
  #end(outcome: CallOutcome): void {
    this.#settle(this.#answer ?? outcome, false);
  }

  #settle(outcome: CallOutcome, isRead: boolean): void {
    if (this.#finish()) this.#ends.onSettled(outcome, isRead);
  }

  /** Whether this was the end: the first one. */
  #finish(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#deadlines.stop();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
