/** Reads Ollama's stream: bytes into lines, and a line into what it says. */
import { isUtf8 } from 'node:buffer';

/** What one line of an answer says. */
export type AnswerLine =
  | { readonly kind: 'delta'; readonly text: string; readonly thinking: string }
  | {
      readonly kind: 'done';
      readonly text: string;
      readonly thinking: string;
      readonly finishReason: string;
      readonly promptTokens: number;
      readonly completionTokens: number;
      readonly durations: CallDurations;
    }
  | { readonly kind: 'error'; readonly error: string }
  | { readonly kind: 'invalid' };

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
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (this.#partBytes + end - start > this.#maxLineBytes) return false;
      const line = this.#join(chunk.subarray(start, end));
      start = end + 1;
      if (line?.trim() !== '' && !onLine(line)) return false;
    }
    if (start === chunk.length) return true;
    this.#parts.push(start === 0 ? chunk : chunk.subarray(start));
    this.#partBytes += chunk.length - start;
    return this.#partBytes <= this.#maxLineBytes;
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
  message?: { content?: unknown; thinking?: unknown } | null;
  prompt_eval_count?: unknown;
  eval_count?: unknown;
  total_duration?: unknown;
  load_duration?: unknown;
  prompt_eval_duration?: unknown;
  eval_duration?: unknown;
}

const INVALID: AnswerLine = { kind: 'invalid' };

/** Reads one line of /api/generate or /api/chat. Fields that are absent count as 0 or empty, as Ollama means them. */
export function readAnswerLine(line: string | null): AnswerLine {
  if (line === null) return INVALID;
  let raw: RawLine | null;
  try {
    raw = JSON.parse(line) as RawLine | null;
  } catch {
    return INVALID;
  }
  if (typeof raw !== 'object' || raw === null) return INVALID;
  if (typeof raw.error === 'string') return { kind: 'error', error: raw.error };
  const { done, message } = raw;
  if (typeof done !== 'boolean') return INVALID;
  if (!done && raw.response === undefined && !message) return INVALID;
  const text = (message ? message.content : raw.response) ?? '';
  const thinking = (message ? message.thinking : raw.thinking) ?? '';
  if (typeof text !== 'string' || typeof thinking !== 'string') return INVALID;
  if (!done) return { kind: 'delta', text, thinking };
  const { done_reason: reason } = raw;
  return {
    kind: 'done',
    text,
    thinking,
    finishReason: typeof reason === 'string' && reason !== '' ? reason : 'stop',
    promptTokens: count(raw.prompt_eval_count),
    completionTokens: count(raw.eval_count),
    durations: readDurations(raw),
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
