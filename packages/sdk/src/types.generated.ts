/** Generated from packages/php-bridge-spec by `npm run generate`. Do not edit. */

/**
 * Where a request is in its life. The last four are final.
 */
export type RequestStatus = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'expired';

/**
 * A new key for a client system.
 */
export interface CreateApiKey {
  /**
   * What people call the client.
   */
  name: string;
  /**
   * Requests a minute; 0 = no limit.
   */
  limit_minute?: number;
  /**
   * Requests an hour; 0 = no limit.
   */
  limit_hour?: number;
  /**
   * Requests a day; 0 = no limit.
   */
  limit_day?: number;
  /**
   * From then on the key is refused; null = never.
   */
  expires_at?: string | null;
}
/**
 * A prompt for a model. Exactly one of prompt and messages.
 */
export interface CreateRequest {
  /**
   * One text for the model.
   */
  prompt?: string;
  /**
   * A conversation for the model, oldest first.
   *
   * @minItems 1
   * @maxItems 1000
   */
  messages?: {
    role: 'system' | 'user' | 'assistant';
    content: string;
  }[];
  /**
   * System text. Only together with prompt; a conversation carries its own.
   */
  system?: string;
  /**
   * A model's name as Ollama knows it. Absent: the broker's default model.
   */
  model?: string;
  /**
   * How the model answers; names that Ollama calls otherwise are translated.
   */
  parameters?: {
    temperature?: number;
    /**
     * Tokens the answer may have. Reaches Ollama as options.num_predict.
     */
    max_tokens?: number;
    top_p?: number;
    top_k?: number;
    min_p?: number;
    seed?: number;
    /**
     * @maxItems 16
     */
    stop?: string[];
    repeat_penalty?: number;
    presence_penalty?: number;
    frequency_penalty?: number;
    /**
     * Size of the context in tokens. Another value than the loaded one makes Ollama load the model again.
     */
    num_ctx?: number;
    /**
     * Whether a thinking model thinks first. Absent: it does not.
     */
    think?: boolean | ('low' | 'medium' | 'high');
  };
  /**
   * "json", or a JSON Schema that the answer has to follow.
   */
  format?: 'json' | {};
  /**
   * Free data of the client, kept encrypted and given back unchanged. At most 16 KiB as JSON.
   */
  metadata?: {};
  /**
   * 9 goes first.
   */
  priority?: number;
  /**
   * If no answer has come by then, the request expires.
   */
  deadline?: string;
  /**
   * Not before this time.
   */
  run_at?: string;
  /**
   * Told of the end of the request by a webhook, signed with the key's webhook_secret.
   */
  callback_url?: string;
}
export interface ListApiKeysQuery {
  limit?: number;
  cursor?: string;
  status?: 'active' | 'suspended' | 'revoked';
}
export interface ListRequestsQuery {
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
  status?: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'expired';
  model?: string;
  created_after?: string;
  created_before?: string;
}
/**
 * What changes about a key; what is absent stays.
 */
export interface UpdateApiKey {
  name?: string;
  /**
   * Requests a minute; 0 = no limit.
   */
  limit_minute?: number;
  /**
   * Requests an hour; 0 = no limit.
   */
  limit_hour?: number;
  /**
   * Requests a day; 0 = no limit.
   */
  limit_day?: number;
  expires_at?: string | null;
}
export interface ApiKeyList {
  items: ApiKey[];
  next_cursor: string | null;
}
/**
 * A key, without its secrets.
 */
export interface ApiKey {
  /**
   * Time-ordered id of the key.
   */
  id: string;
  name: string;
  /**
   * First characters of the key, to recognise it by.
   */
  prefix: string;
  status: 'active' | 'suspended' | 'revoked';
  limit_minute: number;
  limit_hour: number;
  limit_day: number;
  expires_at: string | null;
  /**
   * To within a minute.
   */
  last_used_at: string | null;
  created_at: string;
  revoked_at: string | null;
}
/**
 * The key is good.
 */
export interface Authentication {
  valid: true;
  key: {
    /**
     * Time-ordered id of the key.
     */
    id: string;
    name: string;
    expires_at: string | null;
    limit_minute: number;
    limit_hour: number;
    limit_day: number;
  };
}
/**
 * A new key with its two secrets, which are shown this once.
 */
export interface CreatedApiKey {
  /**
   * Time-ordered id of the key.
   */
  id: string;
  name: string;
  /**
   * First characters of the key, to recognise it by.
   */
  prefix: string;
  status: 'active' | 'suspended' | 'revoked';
  limit_minute: number;
  limit_hour: number;
  limit_day: number;
  expires_at: string | null;
  /**
   * To within a minute.
   */
  last_used_at: string | null;
  created_at: string;
  revoked_at: string | null;
  key: string;
  webhook_secret: string;
}
export interface Liveness {
  status: 'ok';
}
/**
 * An error, as RFC 9457 application/problem+json.
 */
export interface Problem {
  /**
   * urn:fila:error:<code>
   */
  type: string;
  title: string;
  status: number;
  /**
   * One of the http codes of errors.json.
   */
  code: string;
  detail: string;
  /**
   * Also in the X-Request-Id header and in the broker's log.
   */
  request_id: string;
  /**
   * Seconds; the same as the Retry-After header.
   */
  retry_after?: number;
  errors?: {
    /**
     * JSON pointer (RFC 6901) to the place in the body, or the name of the query parameter.
     */
    pointer: string;
    detail: string;
  }[];
}
/**
 * ok: everything works; degraded: requests are accepted, something else is wrong; down: requests are not accepted.
 */
export interface Readiness {
  status: 'ok' | 'degraded' | 'down';
  /**
   * Only with ?verbose.
   */
  checks?: {
    name: string;
    status: 'ok' | 'degraded' | 'down';
    detail?: string;
    /**
     * When it became so, where that is known.
     */
    since?: string;
  }[];
}
/**
 * One page of own requests, newest first.
 */
export interface RequestList {
  items: Request[];
  /**
   * Ask for the next page with it; null = this was the last.
   */
  next_cursor: string | null;
}
/**
 * A request and, once there is one, its answer.
 */
export interface Request {
  /**
   * Time-ordered id of the request.
   */
  id: string;
  status: RequestStatus;
  model: string;
  priority: number;
  result: {
    /**
     * What the model wrote.
     */
    text: string;
    /**
     * What it thought first, if it was asked to.
     */
    thinking?: string;
    /**
     * stop: the model ended; length: max_tokens or the context was reached.
     */
    finish_reason: string;
  } | null;
  /**
   * Why the last attempt failed. On a pending request: what the next attempt is for.
   */
  error: {
    /**
     * One of the request codes of errors.json.
     */
    code: string;
    message: string;
  } | null;
  usage: {
    prompt_tokens: number;
    completion_tokens: number;
    total_tokens: number;
  } | null;
  metadata: {
    [k: string]: unknown;
  } | null;
  /**
   * How often the model has answered, well or badly.
   */
  attempts: number;
  /**
   * Milliseconds the answering call took.
   */
  processing_time: number | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  run_at: string | null;
  deadline: string | null;
  /**
   * The dead letter that this request tries again.
   */
  retry_of: string | null;
  /**
   * The request that tries this dead letter again.
   */
  retried_as: string | null;
}
/**
 * Whether everything that is stored fits together.
 */
export interface Verification {
  /**
   * inconsistent: at least one problem is still there.
   */
  status: 'consistent' | 'inconsistent';
  problems: {
    rule: string;
    about: string;
    /**
     * How many rows break the rule.
     */
    count: number;
    /**
     * Ids of the first ten.
     */
    sample: string[];
    can_fix: boolean;
    fixed: number;
  }[];
  /**
   * Lanes that had work and had lost their turn.
   */
  lanes_reactivated: number;
}
