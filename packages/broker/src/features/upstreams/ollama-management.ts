/** Calls that change which models one Ollama has: they last as long as it makes progress, and tell of it line by line. */
import type { Readable } from 'node:stream';
import type { Connections } from './ollama-connections.ts';
import { judgeBrokenConnection } from './ollama-errors.ts';
import type { Json } from './ollama-queries.ts';

export interface ManagementCall {
  readonly method: 'POST' | 'DELETE' | 'HEAD';
  readonly path: string;
  readonly body?: string | Readable;
  readonly signal: AbortSignal;
}

export interface OllamaManagement {
  /** Each line of the answer as it comes; none of an empty one. Throws a Refusal, also for a line that is an error. */
  manage(call: ManagementCall): AsyncGenerator<Json, void>;
}

/** Ollama's own words: who manages models has to read them. */
export class Refusal extends Error {
  /** Of its answer; null when the error came in a line of it, or there was no answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null) {
    super(message);
    this.status = status;
  }
}

/** Checking the digest of a large layer says nothing for minutes. */
const GAP_MS = 600_000;
const LONGEST_LINE = 1_048_576;

export function createOllamaManagement(connections: Connections, basePath: string): OllamaManagement {
  async function* manage({ method, path, body, signal }: ManagementCall): AsyncGenerator<Json, void> {
    const connection = connections.take();
    const close = () => void connection.destroy();
    const gap = setTimeout(close, GAP_MS);
    signal.addEventListener('abort', close);
    let isAnswered = false;
    let isRead = false;
    try {
      signal.throwIfAborted();
      const sent = { method, path: basePath + path, body };
      const { statusCode, body: answer } = await connection.client.request(sent);
      isAnswered = true;
      const lines = linesOf(answer, () => void gap.refresh());
      if (statusCode >= 300) throw await refusalOf(statusCode, lines);
      for await (const line of lines) {
        if (typeof line['error'] === 'string') throw new Refusal(line['error'], null);
        yield line;
      }
      isRead = true;
      connections.giveBack(connection);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal(
        judgeBrokenConnection(error as Error, isAnswered ? 'stream' : 'connect').message,
        null,
      );
    } finally {
      clearTimeout(gap);
      signal.removeEventListener('abort', close);
      if (!isRead) close();
    }
  }

  return { manage };
}

async function refusalOf(status: number, lines: AsyncIterable<Json>): Promise<Refusal> {
  for await (const { error } of lines) if (typeof error === 'string') return new Refusal(error, status);
  return new Refusal(`The upstream answered with status ${status}.`, status);
}

/** What is no object is passed over. */
async function* linesOf(body: AsyncIterable<Buffer>, onPart: () => void): AsyncGenerator<Json, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const part of body) {
    onPart();
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
    rest = lines.pop()!;
    if (rest.length > LONGEST_LINE) return;
    for (const line of lines) yield* objectOf(line);
  }
  yield* objectOf(rest);
}

function objectOf(line: string): Json[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? [value as Json] : [];
  } catch {
    return [];
  }
}
