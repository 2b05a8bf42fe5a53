/** Reads Ollama's stream: bytes into lines, and a line into what it says. */
import { isUtf8 } from 'node:buffer';
import type { ToolCall } from '../../kernel/contract.generated.ts';

/** What one line of an answer says. */
export type AnswerLine =
  | ({ readonly kind: 'delta' } & Said)
  | ({
      readonly kind: 'done';
      readonly embeddings?: number[][];
      readonly finishReason: string;
      readonly promptTokens: number;
      readonly completionTokens: number;
      readonly durations: CallDurations;
    } & Said)
  | { readonly kind: 'error'; readonly error: string }
  | { readonly kind: 'invalid' };

interface Said {
  readonly text: string;
  readonly thinking: string;
  readonly toolCalls: readonly ToolCall[];
}

export interface CallDurations {
  readonly totalMs: number;
  readonly loadMs: number;
  readonly promptMs: number;
  readonly evalMs: number;
  /** Time the call waited inside Ollama for a slot: near 0 as long as we send no more than it has. */
  readonly hiddenQueueMs: number;
}

const NEWLINE = 0x0a;

/**
 * Cuts bytes into lines. Only whole lines are decoded, so a character whose bytes arrive in different chunks stays
 * whole. A line that is not UTF-8 is null: decoded all the same, it would be a wrong answer that looks right. A line
 * longer than `maxLineBytes` stops it for good.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Hands over each line that `chunk` completes until `onLine` says false; false too when a line is too long. */
  push(chunk: Buffer, onLine: (line: string | null) => boolean): boolean {
    const end = chunk.lastIndexOf(NEWLINE);
    if (end !== -1 && !this.#tell(chunk.subarray(0, end), onLine)) return false;
    if (end === chunk.length - 1) return true;
    this.#parts.push(chunk.subarray(end + 1));
    this.#partBytes += chunk.length - end - 1;
    return this.#partBytes <= this.#maxLineBytes;
  }

  /** Lines that came together are decoded together, when nothing speaks against it. */
  #tell(lines: Buffer, onLine: (line: string | null) => boolean): boolean {
    if (this.#partBytes > 0 || lines.length > this.#maxLineBytes || !isUtf8(lines))
      return this.#tellEach(lines, onLine);
    const text = lines.toString('utf8');
    for (let start = 0, end = 0; start <= text.length; start = end + 1) {
      end = text.indexOf('\n', start);
      if (end === -1) end = text.length;
      const line = text.slice(start, end);
      if (line.trim() !== '' && !onLine(line)) return false;
    }
    return true;
  }

  #tellEach(lines: Buffer, onLine: (line: string | null) => boolean): boolean {
    for (let start = 0, end = 0; start <= lines.length; start = end + 1) {
      end = lines.indexOf(NEWLINE, start);
      if (end === -1) end = lines.length;
      if (this.#partBytes + end - start > this.#maxLineBytes) return false;
      const line = this.#join(lines.subarray(start, end));
      if (line?.trim() !== '' && !onLine(line)) return false;
    }
    return true;
  }

  /** The last line, when it came without a newline. */
  rest(): string | null {
    const line = this.#join(Buffer.alloc(0));
    return line === null ? null : line.trim();
  }

  #join(last: Buffer): string | null {
    const bytes = this.#partBytes > 0 ? Buffer.concat([...this.#parts, last]) : last;
    this.#parts = [];
    this.#partBytes = 0;
    return isUtf8(bytes) ? bytes.toString('utf8') : null;
  }
}

interface RawLine {
  error?: unknown;
  done?: unknown;
  done_reason?: unknown;
  response?: unknown;
  thinking?: unknown;
  message?: { content?: unknown; thinking?: unknown; tool_calls?: unknown } | null;
  embeddings?: unknown;
  prompt_eval_count?: unknown;
  eval_count?: unknown;
  total_duration?: unknown;
  load_duration?: unknown;
  prompt_eval_duration?: unknown;
  eval_duration?: unknown;
}

const INVALID: AnswerLine = { kind: 'invalid' };
const NO_CALLS: readonly ToolCall[] = [];

/** Reads one line of /api/generate or /api/chat. Fields that are absent count as 0 or empty, as Ollama means them. */
export function readAnswerLine(line: string | null): AnswerLine {
  const raw = readObject(line);
  if (raw === null) return INVALID;
  if (typeof raw.error === 'string') return { kind: 'error', error: raw.error };
  const { done, message } = raw;
  if (typeof done !== 'boolean') return INVALID;
  if (!done && raw.response === undefined && !message) return INVALID;
  const text = (message ? message.content : raw.response) ?? '';
  const thinking = (message ? message.thinking : raw.thinking) ?? '';
  if (typeof text !== 'string' || typeof thinking !== 'string') return INVALID;
  const toolCalls = readToolCalls(message?.tool_calls);
  if (toolCalls === null) return INVALID;
  if (!done) return { kind: 'delta', text, thinking, toolCalls };
  const { done_reason: reason } = raw;
  return {
    kind: 'done',
    text,
    thinking,
    toolCalls,
    finishReason: typeof reason === 'string' && reason !== '' ? reason : 'stop',
    promptTokens: count(raw.prompt_eval_count),
    completionTokens: count(raw.eval_count),
    durations: readDurations(raw),
  };
}

/** Reads the one object that /api/embed answers with, whose vectors must be as many as the texts. */
export function readEmbeddings(line: string | null, texts: number): AnswerLine {
  const raw = readObject(line);
  if (raw === null) return INVALID;
  const { error, embeddings } = raw;
  if (typeof error === 'string') return { kind: 'error', error };
  if (!Array.isArray(embeddings) || embeddings.length !== texts || !embeddings.every(isVector))
    return INVALID;
  return {
    ...{ kind: 'done', text: '', thinking: '', toolCalls: [], embeddings },
    ...{ finishReason: 'stop', promptTokens: count(raw.prompt_eval_count), completionTokens: 0 },
    durations: durationsOfReading(raw),
  };
}

/** Ollama tells no more than the whole and the load: the rest is taken for reading, not for waiting. */
function durationsOfReading(raw: RawLine): CallDurations {
  const durations = readDurations(raw);
  return { ...durations, promptMs: Math.max(0, durations.totalMs - durations.loadMs), hiddenQueueMs: 0 };
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number');
}

function readObject(line: string | null): RawLine | null {
  if (line === null) return null;
  try {
    const raw = JSON.parse(line) as RawLine | null;
    return typeof raw === 'object' ? raw : null;
  } catch {
    return null;
  }
}

/** Null when they are not of the shape of Ollama's; nothing else of them is passed on. */
function readToolCalls(given: unknown): readonly ToolCall[] | null {
  if (given === undefined || given === null) return NO_CALLS;
  if (!Array.isArray(given)) return null;
  const calls = (given as Partial<ToolCall>[]).map(readToolCall);
  return calls.includes(null) ? null : (calls as ToolCall[]);
}

function readToolCall(given: Partial<ToolCall> | null): ToolCall | null {
  const { id, function: asked } = given ?? {};
  const args: unknown = asked?.arguments ?? {};
  if (typeof asked?.name !== 'string' || asked.name === '') return null;
  if (typeof args !== 'object' || Array.isArray(args)) return null;
  return {
    ...(typeof id === 'string' && id !== '' ? { id } : {}),
    function: {
      ...(typeof asked.index === 'number' ? { index: asked.index } : {}),
      ...{ name: asked.name, arguments: args as ToolCall['function']['arguments'] },
    },
  };
}

function readDurations(raw: RawLine): CallDurations {
  const totalMs = milliseconds(raw.total_duration);
  const loadMs = milliseconds(raw.load_duration);
  const promptMs = milliseconds(raw.prompt_eval_duration);
  const evalMs = milliseconds(raw.eval_duration);
  return {
    totalMs,
    loadMs,
    promptMs,
    evalMs,
    hiddenQueueMs: Math.max(0, totalMs - loadMs - promptMs - evalMs),
  };
}

/** Ollama counts time in nanoseconds. */
function milliseconds(nanoseconds: unknown): number {
  return count(nanoseconds) / 1e6;
}

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0;
}
