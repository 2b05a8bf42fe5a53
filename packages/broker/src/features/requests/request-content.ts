/** What of a request is kept secret, and how it is sealed: body, metadata, result, error and so on, each bound to its row and column. */
import type { Vault } from '../../engines/vault/vault.ts';
import type { CreateRequest, ToolCall } from '../../kernel/contract.generated.ts';
import type { RequestErrorCode } from '../../kernel/error-codes.generated.ts';

/** What the model is given. */
export type RequestBody = Pick<
  CreateRequest,
  | 'prompt'
  | 'messages'
  | 'system'
  | 'parameters'
  | 'format'
  | 'images'
  | 'tools'
  | 'input'
  | 'dimensions'
  | 'truncate'
>;

export interface RequestResult {
  readonly text: string;
  readonly thinking?: string;
  readonly finish_reason: string;
  readonly tool_calls?: ToolCall[];
  readonly embeddings?: number[][];
}

export interface RequestFailure {
  readonly code: RequestErrorCode;
  readonly message: string;
  /** The rule that made the failure the last one, as it was then. */
  readonly policy?: FailurePolicy;
}

/** As numbers of the wire: the limit of attempts with its waits, or that of workers' deaths. */
export interface FailurePolicy {
  readonly max_attempts?: number;
  readonly retry_base_ms?: number;
  readonly retry_cap_ms?: number;
  readonly max_deliveries?: number;
}

/** Why a dead letter was tried again, and the operation that did it, if one did. */
export interface RetryNote {
  readonly reason: string | null;
  readonly operation: string | null;
}

interface Contents {
  body: RequestBody;
  metadata: Record<string, unknown>;
  result: RequestResult;
  error: RequestFailure;
  callback: string;
  discard_reason: string;
  retry_note: RetryNote;
  custom_id: string;
}

export interface RequestContent {
  seal<Column extends keyof Contents>(column: Column, id: string, value: Contents[Column]): Buffer;
  open<Column extends keyof Contents>(column: Column, id: string, sealed: Buffer): Promise<Contents[Column]>;
}

export { VaultError } from '../../engines/vault/vault.ts';

export function requestContent(vault: Vault): RequestContent {
  const place = (column: string, row: string) => ({ table: 'requests', row, column });
  const bytesOf = (column: string, id: string, sealed: Buffer) => vault.open(place(column, id), sealed);
  return {
    seal: (column, id, value) => vault.seal(place(column, id), Buffer.from(JSON.stringify(value))),
    open: async (column, id, sealed) => JSON.parse((await bytesOf(column, id, sealed)).toString('utf8')),
  };
}

export function bodyOf(request: CreateRequest): RequestBody {
  const { prompt, messages, system, parameters, format, images, tools } = request;
  const { input, dimensions, truncate } = request;
  return {
    ...{ prompt, messages, system, parameters, format, images, tools },
    ...{ input, dimensions, truncate },
  };
}
