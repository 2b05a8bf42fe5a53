/** The only door to Ollama: what we ask it, in its own HTTP, and what comes of it. */
import type { CreateRequest, ToolCall } from '../../kernel/contract.generated.ts';
import type { RequestErrorCode } from '../../kernel/error-codes.generated.ts';
import { failpointSync } from '../../kernel/failpoints.ts';
import { ModelExchange } from './model-exchange.ts';
import { createConnections } from './ollama-connections.ts';
import type { Phase, TimerName } from './ollama-errors.ts';
import { createOllamaManagement, type OllamaManagement } from './ollama-management.ts';
import { createOllamaQueries, type OllamaQueries } from './ollama-queries.ts';
import { ollamaRequest } from './ollama-request.ts';
import type { CallDurations } from './ollama-stream.ts';

export interface ModelParameters {
  readonly temperature?: number;
  readonly max_tokens?: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly min_p?: number;
  readonly typical_p?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly repeat_penalty?: number;
  readonly repeat_last_n?: number;
  readonly presence_penalty?: number;
  readonly frequency_penalty?: number;
  readonly num_ctx?: number;
  readonly think?: boolean | 'low' | 'medium' | 'high' | 'max';
}

export type Message = NonNullable<CreateRequest['messages']>[number];

/** A question to a model: a prompt, messages, or texts to embed. */
export interface ModelCall {
  readonly model: string;
  readonly prompt?: string;
  readonly messages?: readonly Message[];
  readonly images?: readonly string[];
  readonly tools?: CreateRequest['tools'];
  readonly input?: string | readonly string[];
  readonly dimensions?: number;
  /** Whether what is longer than the context is cut; of `input` only. */
  readonly truncate?: boolean;
  readonly system?: string;
  /** "json" or a JSON Schema. */
  readonly format?: 'json' | object;
  readonly parameters?: ModelParameters;
}

/** How long to wait: for a connection, from there to the first token, from token to token, for everything. */
export interface CallTimers {
  readonly connectMs: number;
  readonly firstTokenMs: number;
  readonly gapMs: number;
  readonly totalMs: number;
}

export interface CallOptions {
  /** Whose call it is: several of one request say less about the server than one each of several. */
  readonly requestId?: string;
  readonly timers: CallTimers;
  readonly signal?: AbortSignal;
  /** Text, thinking and what is asked of tools together, as UTF-8; of embeddings their JSON. */
  readonly maxAnswerBytes: number;
  /** The connection stands. Must not throw. */
  readonly onConnected?: () => void;
  /** Hears what was added since the last time. Must not throw. */
  readonly onProgress?: (delta: { text: string; thinking: string }) => void;
}

export type CallOutcome =
  | {
      readonly kind: 'answered';
      readonly text: string;
      readonly thinking?: string;
      readonly toolCalls?: ToolCall[];
      /** One for each text of the input. */
      readonly embeddings?: number[][];
      readonly finishReason: string;
      readonly promptTokens: number;
      readonly completionTokens: number;
      readonly durations: CallDurations;
    }
  | {
      readonly kind: 'failed';
      readonly code: RequestErrorCode;
      /** For a client to read: no address, no prompt, none of the upstream's own words. */
      readonly message: string;
      readonly retryable: boolean;
      readonly phase: Phase;
      readonly status?: number;
      /** Which timer of ours ran out. */
      readonly timer?: TimerName;
      /** Another model's answer would be of no use. */
      readonly isOfThisModelOnly?: boolean;
    }
  /** Ollama's own queue is full. This was no attempt. */
  | { readonly kind: 'busy'; readonly message: string }
  /** Our signal ended it. */
  | { readonly kind: 'cancelled' };

export interface OllamaClient extends OllamaQueries, OllamaManagement {
  /**
   * Rejects for a defect of ours only. Settles once the answer was read to its end or the socket is closed, so that whoever counts slots
   * may free one then; closing takes 5 s at most.
   */
  run(call: ModelCall, options: CallOptions): Promise<CallOutcome>;
  /** Ends the calls under way and closes every socket. */
  close(): Promise<void>;
}

export interface OllamaClientOptions {
  /** Tokens an answer may have when the call does not say. */
  readonly defaultMaxTokens?: number;
  /** How long the model stays loaded after a call, such as "10m". Absent: as the upstream is set up. */
  readonly keepAlive?: string | number;
}

/** Not `blocking`: undici would look for more to send with every answer, though a connection carries one call at a time. */
const POST = { method: 'POST', headers: { 'content-type': 'application/json' }, blocking: false } as const;

export function createOllamaClient(url: string, options: OllamaClientOptions = {}): OllamaClient {
  const { origin, pathname } = new URL(url);
  const basePath = pathname.replace(/\/+$/, '');
  const connections = createConnections(origin);

  function run(call: ModelCall, callOptions: CallOptions): Promise<CallOutcome> {
    if (callOptions.signal?.aborted) return Promise.resolve({ kind: 'cancelled' });
    const { path, body } = ollamaRequest(call, options);
    return new Promise((resolve, reject) => {
      const connection = connections.take();
      const exchange = new ModelExchange(call, callOptions, {
        onSettled: (outcome, isRead) => {
          if (!isRead) return void connection.destroy().then(() => resolve(outcome));
          connections.giveBack(connection);
          resolve(outcome);
        },
        onDefect: (error) => void connection.destroy().then(() => reject(error)),
      });
      try {
        connection.client.dispatch({ ...POST, path: basePath + path, body }, exchange);
        failpointSync('upstream.after_dispatch');
      } catch (error) {
        exchange.break(error);
      }
    });
  }

  return {
    run,
    ...createOllamaQueries(connections, basePath),
    ...createOllamaManagement(connections, basePath),
    close: () => connections.close(),
  };
}
