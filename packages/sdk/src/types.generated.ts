/** Generated from packages/php-bridge-spec by `npm run generate`. Do not edit. */

/**
 * Where a request is in its life. The last four are final.
 */
export type RequestStatus = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'expired';
/**
 * The body that a receiver gets (Standard Webhooks).
 */
export type WebhookEvent = RequestEvent | EndpointDisabledEvent | WebhookTestEvent;

/**
 * One line of an upload: a request, and the client's own name for it.
 */
export interface BatchLine {
  /**
   * The client's name for this request, once in an upload; kept encrypted, and given back with its result.
   */
  custom_id: string;
  request: CreateRequest;
}
/**
 * A prompt for a model, or texts to embed. Exactly one of prompt, messages and input.
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
    role: 'system' | 'user' | 'assistant' | 'tool';
    content: string;
    /**
     * What the model had thought before it said this.
     */
    thinking?: string;
    /**
     * Images in base64, for models that see.
     *
     * @maxItems 16
     */
    images?: string[];
    /**
     * What the model had asked its tools for, as its result said.
     *
     * @maxItems 128
     */
    tool_calls?: ToolCall[];
    /**
     * With role tool: which call this answers.
     */
    tool_call_id?: string;
    /**
     * With role tool: the tool that answers.
     */
    tool_name?: string;
  }[];
  /**
   * One text, or several, that an embedding model turns into vectors.
   */
  input?: string | string[];
  /**
   * How long each vector is. Only together with input, for models that can shorten theirs.
   */
  dimensions?: number;
  /**
   * Whether a text longer than the context is cut rather than refused. Only together with input. Absent: refused.
   */
  truncate?: boolean;
  /**
   * Images in base64, for models that see. Only together with prompt; messages carry their own.
   *
   * @maxItems 16
   */
  images?: string[];
  /**
   * What the model may ask for in tool_calls of its result. Only together with messages.
   *
   * @maxItems 128
   */
  tools?: {
    type: 'function';
    function: {
      name: string;
      description?: string;
      /**
       * A JSON Schema.
       */
      parameters?: {
        [k: string]: unknown;
      };
    };
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
    typical_p?: number;
    seed?: number;
    /**
     * @maxItems 16
     */
    stop?: string[];
    repeat_penalty?: number;
    repeat_last_n?: number;
    presence_penalty?: number;
    frequency_penalty?: number;
    /**
     * Size of the context in tokens. Another value than the loaded one makes Ollama load the model again.
     */
    num_ctx?: number;
    /**
     * Whether a thinking model thinks first. Absent: it does not.
     */
    think?: boolean | ('low' | 'medium' | 'high' | 'max');
  };
  /**
   * "json", or a JSON Schema that the answer has to follow.
   */
  format?: 'json' | {};
  /**
   * Free data of the client, kept encrypted and given back unchanged. At most 16 KiB as JSON. Requests with the same session_id (text) go to the same upstream while it is well.
   */
  metadata?: {};
  /**
   * 9 goes first. Absent: as the queue says, which says 5 unless an operator changed it.
   */
  priority?: number;
  /**
   * The queue it waits in; operators make them.
   */
  queue?: string;
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
/**
 * What a model asks a tool for.
 */
export interface ToolCall {
  id?: string;
  function: {
    index?: number;
    name: string;
    arguments: {
      [k: string]: unknown;
    };
  };
}
/**
 * Which lines of a batch's results or errors.
 */
export interface BatchLinesQuery {
  /**
   * request_id of the last line that was read: the lines after it. Read on so until there are none.
   */
  after?: string;
}
/**
 * The own password, anew.
 */
export interface ChangePassword {
  /**
   * The password.
   */
  current_password: string;
  /**
   * 12 to 128 characters, neither common words nor the own name.
   */
  new_password: string;
}
/**
 * The first code of a new authenticator.
 */
export interface ConfirmTotp {
  /**
   * 6 digits.
   */
  code: string;
}
/**
 * A new key for a client system.
 */
export interface CreateApiKey {
  /**
   * What people call the client.
   */
  name: string;
  /**
   * Name of the plan whose limits the key has; null = none.
   */
  plan?: string | null;
  /**
   * Requests in any 60 seconds; 0 = no limit, null = as the plan says.
   */
  limit_minute?: number | null;
  /**
   * Requests in any hour; 0 = no limit, null = as the plan says.
   */
  limit_hour?: number | null;
  /**
   * Requests in any 24 hours; 0 = no limit, null = as the plan says.
   */
  limit_day?: number | null;
  /**
   * Requests at once above the even rate of the shortest limit; 0 = no limit, null = as the plan says.
   */
  limit_burst?: number | null;
  /**
   * Tokens of prompts and answers in any 24 hours; 0 = no limit, null = as the plan says.
   */
  limit_tokens_day?: number | null;
  /**
   * Requests that have not ended; 0 = no limit, null = as the plan says.
   */
  max_queued?: number | null;
  /**
   * Requests that run at once; 0 = no limit, null = as the plan says.
   */
  max_concurrent?: number | null;
  /**
   * Its share of a model's slots beside other keys that wait: twice the weight gets twice the time; 0 = 1, null = as the plan says.
   */
  weight?: number | null;
  /**
   * Kinds of calls that the key may make; null = all.
   *
   * @minItems 1
   * @maxItems 5
   */
  scopes?:
    | (
        | 'requests:write'
        | 'requests:read'
        | 'models:read'
        | 'models:write'
        | 'webhooks:write'
        | 'webhooks:read'
      )[]
    | null;
  /**
   * Models that its requests may use; a name that ends in * stands for all that begin so; null = any.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_models?: string[] | null;
  /**
   * Queues that its requests may name; null = any. Who names none uses the queue default.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_queues?: string[] | null;
  /**
   * Addresses and networks (203.0.113.7, 10.0.0.0/8, 2001:db8::/32) that the key may be used from; null = anywhere.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_ips?: string[] | null;
  /**
   * Until then the key is refused; null = it is good at once.
   */
  not_before?: string | null;
  /**
   * From then on the key is refused; null = never.
   */
  expires_at?: string | null;
}
/**
 * A new set of limits for keys. What is absent is no limit.
 */
export interface CreatePlan {
  /**
   * What it is called.
   */
  name: string;
  /**
   * Requests in any 60 seconds; 0 = no limit.
   */
  limit_minute?: number;
  /**
   * Requests in any hour; 0 = no limit.
   */
  limit_hour?: number;
  /**
   * Requests in any 24 hours; 0 = no limit.
   */
  limit_day?: number;
  /**
   * Requests at once above the even rate of the shortest limit; 0 = no limit.
   */
  limit_burst?: number;
  /**
   * Tokens of prompts and answers in any 24 hours; 0 = no limit.
   */
  limit_tokens_day?: number;
  /**
   * Requests that have not ended; 0 = no limit.
   */
  max_queued?: number;
  /**
   * Requests that run at once; 0 = no limit.
   */
  max_concurrent?: number;
  /**
   * Its share of a model's slots beside other keys that wait: twice the weight gets twice the time; 0 = 1.
   */
  weight?: number;
}
/**
 * A new queue. What is absent or null is as the daemon's settings say.
 */
export interface CreateQueue {
  /**
   * What requests name it by.
   */
  name: string;
  /**
   * How many of its requests run at once, on each broker that dispatches; 0 or null = no cap of its own.
   */
  concurrency?: number | null;
  /**
   * Attempts before a request has failed; null = FILA_MAX_ATTEMPTS.
   */
  max_attempts?: number | null;
  /**
   * Upper bound of the wait before the second attempt; doubles with each further one; null = FILA_RETRY_BASE_MS.
   */
  retry_base_ms?: number | null;
  /**
   * Longest wait between two attempts; null = FILA_RETRY_CAP_MS.
   */
  retry_cap_ms?: number | null;
  /**
   * Time of one call to a model; null = FILA_TOTAL_TIMEOUT_MS.
   */
  total_timeout_ms?: number | null;
  /**
   * Largest prompt, system text and messages together, in bytes of UTF-8; null = only FILA_MAX_BODY_BYTES.
   */
  max_prompt_bytes?: number | null;
  /**
   * Requests that have not ended; more are refused with queue_full. 0 or null = no limit of its own.
   */
  max_queued?: number | null;
  /**
   * Asked once when the model has failed for good or kept its timers waiting; the request is then degraded. null = none.
   */
  fallback_model?: string | null;
  /**
   * Priority of requests that name none; null = 5.
   */
  default_priority?: number | null;
}
/**
 * A token for a program, which may do what its scopes name and ends by itself.
 */
export interface CreateServiceToken {
  /**
   * What people call the program.
   */
  name: string;
  /**
   * Permissions, such as keys.read.
   *
   * @minItems 1
   * @maxItems 64
   */
  scopes: string[];
  /**
   * From when on it is refused; at most 366 days from now.
   */
  expires_at: string;
}
/**
 * An Ollama server to add.
 */
export interface CreateUpstream {
  /**
   * http://host:port or https://host:port, without a user, a password or a path.
   */
  url: string;
  /**
   * Calls of one model that run there at once, as its OLLAMA_NUM_PARALLEL says; auto, which it is unless given: 1 to 16, as many as it turns out to carry.
   */
  slots?: number | 'auto';
}
/**
 * A person who may administer the broker.
 */
export interface CreateUser {
  /**
   * Who it is: lower-case letters, digits and . _ @ -
   */
  name: string;
  /**
   * What the person may do; each may do what the one before may.
   */
  role: 'viewer' | 'operator' | 'admin' | 'super-admin';
}
/**
 * An endpoint that hears when requests of the key end.
 */
export interface CreateWebhook {
  /**
   * http or https, without a user; private addresses only where the operator allows them.
   */
  url: string;
  /**
   * What is sent to it; null or absent = everything.
   *
   * @minItems 1
   * @maxItems 5
   */
  events?:
    | (
        'request.completed' | 'request.failed' | 'request.cancelled' | 'request.expired' | 'endpoint.disabled'
      )[]
    | null;
}
/**
 * Which dead letters; all conditions hold at once. At least one of them, or all: true alone.
 */
export interface DeadLetterFilter {
  /**
   * A request code of errors.json.
   */
  error_code?: string;
  /**
   * Of one key.
   */
  key_id?: string;
  model?: string;
  /**
   * Of requests made at this time or later.
   */
  created_after?: string;
  /**
   * Of requests made before this time.
   */
  created_before?: string;
  /**
   * Found in the error's message, whatever its case.
   */
  text?: string;
  /**
   * Every dead letter there is.
   */
  all?: true;
}
/**
 * Giving a dead letter up.
 */
export interface DiscardDeadLetter {
  /**
   * Kept with the dead letter, encrypted.
   */
  reason: string;
}
export interface EventsQuery {
  /**
   * Which kinds of events, separated by commas. Absent: all but overview.
   */
  kinds?: string;
  /**
   * What is more than this is left out, and counted in a gap event.
   */
  most_per_second?: number;
  /**
   * Time between two overview events.
   */
  overview_ms?: number;
  /**
   * As of the overview.
   */
  busiest?: number;
}
/**
 * Whose limits, for which kind of call.
 */
export interface ExplainLimitsQuery {
  /**
   * Id of the key.
   */
  key: string;
  /**
   * Sending a request (the default), another call that changes something, one that only reads.
   */
  class?: 'request' | 'write' | 'read';
  /**
   * Also the limits of this address.
   */
  address?: string;
}
/**
 * Whose block ends now and is forgotten.
 */
export interface LiftPenalty {
  /**
   * Id of the key, or the address.
   */
  id: string;
}
export interface ListAllRequestsQuery {
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
  /**
   * Only those of one key.
   */
  key?: string;
  status?: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'expired';
  model?: string;
  /**
   * Only those of one queue.
   */
  queue?: string;
  created_after?: string;
  created_before?: string;
}
export interface ListApiKeysQuery {
  limit?: number;
  cursor?: string;
  status?: 'active' | 'suspended' | 'revoked';
}
/**
 * Which checkpoints.
 */
export interface ListAuditCheckpointsQuery {
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
}
/**
 * Which rows of the audit trail.
 */
export interface ListAuditQuery {
  limit?: number;
  /**
   * next_cursor of the page before, or the seq of a row to go on from.
   */
  cursor?: string;
  /**
   * Which comes first.
   */
  order?: 'newest' | 'oldest';
  /**
   * Not before.
   */
  since?: string;
  /**
   * Before.
   */
  until?: string;
  /**
   * Kind, id or name of who did it.
   */
  actor?: string;
  /**
   * keys.create, or keys for all that begins so.
   */
  act?: string;
  /**
   * Kind or id of what it was done to.
   */
  target?: string;
  outcome?: 'done' | 'refused' | 'failed' | 'intended';
}
/**
 * Which batches.
 */
export interface ListBatchesQuery {
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
}
/**
 * Which dead letters; all conditions hold at once.
 */
export interface ListDeadLettersQuery {
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
  /**
   * A request code of errors.json.
   */
  error_code?: string;
  /**
   * Of one key.
   */
  key_id?: string;
  model?: string;
  /**
   * Of requests made at this time or later.
   */
  created_after?: string;
  /**
   * Of requests made before this time.
   */
  created_before?: string;
  /**
   * Found in the error's message, whatever its case.
   */
  text?: string;
}
/**
 * Which lines of the log.
 */
export interface ListLogsQuery {
  limit?: number;
  /**
   * next_cursor of the page before, or the id of a line to go on from.
   */
  cursor?: string;
  /**
   * Which comes first.
   */
  order?: 'newest' | 'oldest';
  /**
   * Not before.
   */
  since?: string;
  /**
   * Before.
   */
  until?: string;
  /**
   * This level and worse.
   */
  level?: 'warning' | 'error' | 'critical' | 'emergency';
  /**
   * In the message or a field, in any case of letters.
   */
  text?: string;
  request_id?: string;
  key_id?: string;
}
/**
 * Which operations.
 */
export interface ListOperationsQuery {
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
  state?: 'running' | 'completed' | 'cancelled';
}
export interface ListRequestsQuery {
  /**
   * At most so many. A page ends sooner when its answers come to 8 MiB; there is more while next_cursor is not null.
   */
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
  status?: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled' | 'expired';
  model?: string;
  /**
   * Only those of one queue.
   */
  queue?: string;
  created_after?: string;
  created_before?: string;
}
/**
 * Whose sessions.
 */
export interface ListSessionsQuery {
  /**
   * Id of a person; absent: of everybody.
   */
  user?: string;
}
/**
 * Which versions of the settings, newest first.
 */
export interface ListSettingVersionsQuery {
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
}
/**
 * Which deliveries; all conditions hold at once.
 */
export interface ListWebhookDeliveriesQuery {
  limit?: number;
  /**
   * next_cursor of the page before.
   */
  cursor?: string;
  status?: 'pending' | 'delivered' | 'failed';
  /**
   * To one endpoint, or callback: to the callback_url of requests.
   */
  endpoint_id?: string;
  /**
   * Of one request.
   */
  request_id?: string;
  /**
   * Of one type, such as request.completed.
   */
  event?: string;
}
export interface ListWebhooksQuery {
  limit?: number;
  cursor?: string;
}
export interface OverviewQuery {
  /**
   * How many lanes and keys are named, those with most waiting first.
   */
  busiest?: number;
}
/**
 * A model to load before the first request needs it.
 */
export interface PreloadModel {
  /**
   * Its name, as Ollama lists it.
   */
  model: string;
  /**
   * host:port of the upstream that loads it. Absent: every one that is up and has it.
   */
  upstream?: string;
  /**
   * How long it stays loaded without a call, such as 30m; -1s: until another one needs the place. Absent: as the upstream is set up.
   */
  keep_alive?: string;
}
/**
 * Sends again what an endpoint did not take.
 */
export interface RedeliverWebhook {
  /**
   * Everything made at this time or later whose last delivery failed.
   */
  since: string;
}
/**
 * Trying one dead letter again.
 */
export interface RetryDeadLetter {
  /**
   * Kept with the dead letter, encrypted.
   */
  reason?: string;
}
/**
 * Trying many dead letters again.
 */
export interface RetryDeadLetters {
  filter: DeadLetterFilter;
  /**
   * Kept with the operation and each dead letter, encrypted.
   */
  reason?: string;
  /**
   * Retries a second.
   */
  rate?: number;
  /**
   * Only count what matches.
   */
  dry_run?: boolean;
}
/**
 * Whose sessions end.
 */
export interface RevokeSessions {
  /**
   * Id of a person; absent: of everybody.
   */
  user?: string;
}
export interface RotateApiKeyQuery {
  /**
   * How long the secret before is accepted as well.
   */
  overlap_seconds?: number;
  /**
   * From then on the new secret is accepted and the overlap runs; at most 90 days ahead. Absent: at once.
   */
  at?: string;
}
export interface RotateWebhookQuery {
  /**
   * How long calls are also signed with the secret before.
   */
  overlap_seconds?: number;
}
/**
 * The model that an alias stands for.
 */
export interface SetModelAlias {
  /**
   * A model, never another alias.
   */
  model: string;
  /**
   * Kept in the audit trail.
   */
  reason?: string;
}
/**
 * A first or a new password, with the token that a super-admin handed over.
 */
export interface SetPassword {
  /**
   * fila_reset_…, good once.
   */
  reset_token: string;
  /**
   * 12 to 128 characters, neither common words nor the own name.
   */
  password: string;
}
/**
 * A value of a live setting.
 */
export interface SetSetting {
  /**
   * As its variable would have it; numbers and true or false also as such.
   */
  value: string | number | boolean;
  /**
   * Kept with the version and in the audit trail.
   */
  reason?: string;
}
/**
 * The first super-admin.
 */
export interface SetUp {
  /**
   * Who it is: lower-case letters, digits and . _ @ -
   */
  name: string;
  /**
   * 12 to 128 characters, neither common words nor the own name.
   */
  password: string;
}
/**
 * How the circuit breakers of an upstream behave, for all its models.
 */
export interface SetUpstreamBreaker {
  /**
   * open: no call starts; closed: calls start whatever happens; auto: they judge by themselves, anew.
   */
  state: 'open' | 'closed' | 'auto';
}
/**
 * Who signs in, and how that is shown.
 */
export interface SignIn {
  /**
   * Who it is. Capitals do not matter.
   */
  name: string;
  /**
   * The password.
   */
  password: string;
  /**
   * 6 digits of the authenticator, or a recovery code.
   */
  code?: string;
  /**
   * What the session is called on the list.
   */
  client?: string;
}
/**
 * Shows again that the person of the session is there: with a code where a second factor is on, else with the password.
 */
export interface StepUp {
  /**
   * The password.
   */
  password?: string;
  /**
   * 6 digits of the authenticator, or a recovery code.
   */
  code?: string;
}
/**
 * What changes about a key; what is absent stays.
 */
export interface UpdateApiKey {
  name?: string;
  /**
   * Name of the plan whose limits the key has; null = none.
   */
  plan?: string | null;
  /**
   * Requests in any 60 seconds; 0 = no limit, null = as the plan says.
   */
  limit_minute?: number | null;
  /**
   * Requests in any hour; 0 = no limit, null = as the plan says.
   */
  limit_hour?: number | null;
  /**
   * Requests in any 24 hours; 0 = no limit, null = as the plan says.
   */
  limit_day?: number | null;
  /**
   * Requests at once above the even rate of the shortest limit; 0 = no limit, null = as the plan says.
   */
  limit_burst?: number | null;
  /**
   * Tokens of prompts and answers in any 24 hours; 0 = no limit, null = as the plan says.
   */
  limit_tokens_day?: number | null;
  /**
   * Requests that have not ended; 0 = no limit, null = as the plan says.
   */
  max_queued?: number | null;
  /**
   * Requests that run at once; 0 = no limit, null = as the plan says.
   */
  max_concurrent?: number | null;
  /**
   * Its share of a model's slots beside other keys that wait: twice the weight gets twice the time; 0 = 1, null = as the plan says.
   */
  weight?: number | null;
  /**
   * Kinds of calls that the key may make; null = all.
   *
   * @minItems 1
   * @maxItems 5
   */
  scopes?:
    | (
        | 'requests:write'
        | 'requests:read'
        | 'models:read'
        | 'models:write'
        | 'webhooks:write'
        | 'webhooks:read'
      )[]
    | null;
  /**
   * Models that its requests may use; a name that ends in * stands for all that begin so; null = any.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_models?: string[] | null;
  /**
   * Queues that its requests may name; null = any. Who names none uses the queue default.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_queues?: string[] | null;
  /**
   * Addresses and networks (203.0.113.7, 10.0.0.0/8, 2001:db8::/32) that the key may be used from; null = anywhere.
   *
   * @minItems 1
   * @maxItems 100
   */
  allowed_ips?: string[] | null;
  /**
   * Until then the key is refused; null = it is good at once.
   */
  not_before?: string | null;
  expires_at?: string | null;
}
/**
 * What changes about a plan; what is absent stays.
 */
export interface UpdatePlan {
  /**
   * Requests in any 60 seconds; 0 = no limit.
   */
  limit_minute?: number;
  /**
   * Requests in any hour; 0 = no limit.
   */
  limit_hour?: number;
  /**
   * Requests in any 24 hours; 0 = no limit.
   */
  limit_day?: number;
  /**
   * Requests at once above the even rate of the shortest limit; 0 = no limit.
   */
  limit_burst?: number;
  /**
   * Tokens of prompts and answers in any 24 hours; 0 = no limit.
   */
  limit_tokens_day?: number;
  /**
   * Requests that have not ended; 0 = no limit.
   */
  max_queued?: number;
  /**
   * Requests that run at once; 0 = no limit.
   */
  max_concurrent?: number;
  /**
   * Its share of a model's slots beside other keys that wait: twice the weight gets twice the time; 0 = 1.
   */
  weight?: number;
}
/**
 * What changes about a queue; what is absent stays, null is as the daemon's settings say.
 */
export interface UpdateQueue {
  /**
   * How many of its requests run at once, on each broker that dispatches; 0 or null = no cap of its own.
   */
  concurrency?: number | null;
  /**
   * Attempts before a request has failed; null = FILA_MAX_ATTEMPTS.
   */
  max_attempts?: number | null;
  /**
   * Upper bound of the wait before the second attempt; doubles with each further one; null = FILA_RETRY_BASE_MS.
   */
  retry_base_ms?: number | null;
  /**
   * Longest wait between two attempts; null = FILA_RETRY_CAP_MS.
   */
  retry_cap_ms?: number | null;
  /**
   * Time of one call to a model; null = FILA_TOTAL_TIMEOUT_MS.
   */
  total_timeout_ms?: number | null;
  /**
   * Largest prompt, system text and messages together, in bytes of UTF-8; null = only FILA_MAX_BODY_BYTES.
   */
  max_prompt_bytes?: number | null;
  /**
   * Requests that have not ended; more are refused with queue_full. 0 or null = no limit of its own.
   */
  max_queued?: number | null;
  /**
   * Asked once when the model has failed for good or kept its timers waiting; the request is then degraded. null = none.
   */
  fallback_model?: string | null;
  /**
   * Priority of requests that name none; null = 5.
   */
  default_priority?: number | null;
}
/**
 * What changes about an upstream that was added at run time.
 */
export interface UpdateUpstream {
  /**
   * Calls of one model that run there at once; auto: 1 to 16, as many as it turns out to carry.
   */
  slots: number | 'auto';
}
/**
 * What changes about a person; what is absent stays.
 */
export interface UpdateUser {
  /**
   * What the person may do; each may do what the one before may.
   */
  role?: 'viewer' | 'operator' | 'admin' | 'super-admin';
  status?: 'active' | 'suspended';
}
/**
 * What changes about an endpoint; what is absent stays.
 */
export interface UpdateWebhook {
  /**
   * http or https, without a user; private addresses only where the operator allows them.
   */
  url?: string;
  /**
   * What is sent to it; null = everything.
   *
   * @minItems 1
   * @maxItems 5
   */
  events?:
    | (
        'request.completed' | 'request.failed' | 'request.cancelled' | 'request.expired' | 'endpoint.disabled'
      )[]
    | null;
}
export interface UsageQuery {
  /**
   * Only those of one key.
   */
  key?: string;
  /**
   * Default: 24 hours ago. 31 days at most.
   */
  since?: string;
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
  /**
   * Name of its plan.
   */
  plan: string | null;
  /**
   * Requests in any 60 seconds, as in force; 0 = no limit.
   */
  limit_minute: number;
  /**
   * Requests in any hour, as in force; 0 = no limit.
   */
  limit_hour: number;
  /**
   * Requests in any 24 hours, as in force; 0 = no limit.
   */
  limit_day: number;
  /**
   * Requests at once above the even rate of the shortest limit, as in force; 0 = no limit.
   */
  limit_burst: number;
  /**
   * Tokens of prompts and answers in any 24 hours, as in force; 0 = no limit.
   */
  limit_tokens_day: number;
  /**
   * Requests that have not ended, as in force; 0 = no limit.
   */
  max_queued: number;
  /**
   * Requests that run at once, as in force; 0 = no limit.
   */
  max_concurrent: number;
  /**
   * Its share of a model's slots beside other keys that wait, as in force: twice the weight gets twice the time; 0 = 1.
   */
  weight: number;
  /**
   * Names of those limits that the key does not set itself: they are the plan's, or none.
   */
  inherited: string[];
  /**
   * Kinds of calls that the key may make; null = all.
   */
  scopes: string[] | null;
  /**
   * Models that its requests may use; a name that ends in * stands for all that begin so; null = any.
   */
  allowed_models: string[] | null;
  /**
   * Queues that its requests may name; null = any. Who names none uses the queue default.
   */
  allowed_queues: string[] | null;
  /**
   * Addresses and networks (203.0.113.7, 10.0.0.0/8, 2001:db8::/32) that the key may be used from; null = anywhere.
   */
  allowed_ips: string[] | null;
  /**
   * Until then the key is refused; null = it is good at once.
   */
  not_before: string | null;
  expires_at: string | null;
  /**
   * To within a minute.
   */
  last_used_at: string | null;
  created_at: string;
  revoked_at: string | null;
  /**
   * Until then the secret before the last rotation is accepted as well; null = there is none.
   */
  previous_secret_until?: string | null;
  /**
   * From then on the newest secret is accepted; null = it is already.
   */
  secret_valid_from?: string | null;
}
export interface AppliedLimit {
  /**
   * As RateLimit-Policy names it.
   */
  name: string;
  /**
   * Whose calls are counted together: broker = everybody's.
   */
  scope: 'key' | 'address' | 'broker';
  /**
   * Where the limit comes from.
   */
  source: 'key' | 'plan' | 'setting';
  limit: number;
  /**
   * null: what counts is how many there are at once.
   */
  window_seconds: number | null;
  used: number;
  left: number;
  /**
   * Seconds until some of it comes back, or all of a burst.
   */
  reset_after: number;
  /**
   * Whether it would refuse a call now.
   */
  refuses: boolean;
}
/**
 * One attempt, made or to be made: where, and how long it may take.
 */
export interface AttemptExplanation {
  /**
   * host:port; null: none takes calls of the model now.
   */
  upstream: string | null;
  /**
   * Why this upstream would be chosen now: its breaker waits for a call that shows whether it works; no other can take it; it should answer first; among equals it has the model loaded, has fewer calls of it, or it is its turn. no_free_slot: the request waits for a slot. null for an attempt that was made.
   */
  reason:
    | 'breaker_probe'
    | 'only_one'
    | 'answers_first'
    | 'model_loaded'
    | 'fewest_calls'
    | 'next_in_turn'
    | 'no_free_slot'
    | 'none_up'
    | null;
  /**
   * null for an attempt to come, and when this broker does not know.
   */
  began_at: string | null;
  /**
   * running, answered, busy, cancelled, or the code of the error. null for an attempt to come.
   */
  outcome: string | null;
  took_ms: number | null;
  /**
   * Until the first token; null when there was none.
   */
  first_token_ms: number | null;
  /**
   * Empty when this broker does not know them any more.
   */
  timers: CallTimer[];
  terms: TimerTerm[];
}
/**
 * One of the four timers of a call to a model.
 */
export interface CallTimer {
  /**
   * connect: to the server; first_token: from there; gap: between two tokens; total: everything.
   */
  name: 'connect' | 'first_token' | 'gap' | 'total';
  /**
   * When it runs out.
   */
  ms: number;
  /**
   * estimate: what the terms come to; floor: never less; ceiling: the setting, also while too little is known; time_left: until the deadline of the request, or of its attempt.
   */
  decided_by: 'estimate' | 'floor' | 'ceiling' | 'time_left';
  /**
   * What the terms come to; null while too little is known.
   */
  estimate_ms: number | null;
  floor_ms: number;
  /**
   * Of the settings.
   */
  ceiling_ms: number;
}
/**
 * One thing that the timers of a call are made of.
 */
export interface TimerTerm {
  /**
   * prompt_tokens, max_tokens, connect, wait, prompt_token, token, gap, load_allowance, calls, slots, calls_measured, crowding, margin.
   */
  name: string;
  /**
   * null: not known.
   */
  value: number | null;
  unit: 'ms' | 'tokens' | 'calls' | 'times';
  /**
   * measured: the longest lately, of as many calls as samples says; now: how the upstream is.
   */
  source: 'request' | 'setting' | 'measured' | 'default' | 'now';
  /**
   * null for what is not measured.
   */
  samples: number | null;
}
/**
 * One page of checkpoints, oldest first.
 */
export interface AuditCheckpointList {
  items: AuditCheckpoint[];
  /**
   * Ask for the next page with it; null = this was the last.
   */
  next_cursor: string | null;
}
/**
 * The end of the audit trail at one moment, signed with Ed25519 over the canonical JSON of {kind: fila.audit.checkpoint.v1, seq, hash, at, public_key}.
 */
export interface AuditCheckpoint {
  /**
   * The last row then.
   */
  seq: number;
  /**
   * The hash of that row.
   */
  hash: string;
  at: string;
  /**
   * base64 of the 32 bytes of the Ed25519 key.
   */
  public_key: string;
  /**
   * base64.
   */
  signature: string;
}
/**
 * One page of the audit trail.
 */
export interface AuditList {
  items: AuditRow[];
  /**
   * Ask for the next page with it; null = this was the last.
   */
  next_cursor: string | null;
}
/**
 * One act of an operator, or of a key's owner on its webhooks. Its hash is the SHA-256 of the canonical JSON (RFC 8785) of all fields but hash and reason.
 */
export interface AuditRow {
  /**
   * 1, 2, 3 and so on, without a gap.
   */
  seq: number;
  at: string;
  actor: {
    /**
     * admin_token, user, service_token, key, system; anyone: nobody who is known; others may come.
     */
    kind: string;
    id: string | null;
    name: string | null;
  };
  /**
   * Such as keys.create.
   */
  act: string;
  target: {
    kind: string;
    id: string | null;
  };
  /**
   * intended: it was about to be done; a row whose `of` names this one says what came of it.
   */
  outcome: 'done' | 'refused' | 'failed' | 'intended';
  /**
   * The row that said that this was intended.
   */
  of: number | null;
  /**
   * Why it was refused or failed: a code of an error.
   */
  code: string | null;
  /**
   * SHA-256 of the canonical JSON of the target as it was; null: there was none.
   */
  before: string | null;
  /**
   * SHA-256 of the canonical JSON of the target as it is now; null: there is none.
   */
  after: string | null;
  /**
   * Names of the fields that changed.
   */
  changed: string[];
  /**
   * In the words of whoever did it; null: none was given, or the words cannot be read any more.
   */
  reason: string | null;
  /**
   * SHA-256 of the canonical JSON of {at, reason, seq}.
   */
  reason_digest: string | null;
  /**
   * Where the call came from.
   */
  ip: string | null;
  /**
   * X-Request-Id of the call, as in the log.
   */
  request_id: string | null;
  /**
   * The hash of the row before; 64 zeros for the first.
   */
  previous: string;
  hash: string;
}
/**
 * Whether the audit trail is as it was written.
 */
export interface AuditVerification {
  status: 'intact' | 'broken';
  /**
   * How many were read.
   */
  rows: number;
  first_seq: number | null;
  last_seq: number | null;
  /**
   * The hash of the last row.
   */
  hash: string | null;
  /**
   * How many with a good signature were compared.
   */
  checkpoints: number;
  /**
   * At most 100.
   */
  problems: {
    /**
     * The row, or the first of several.
     */
    seq: number;
    /**
     * The last of them.
     */
    through: number;
    kind: 'changed' | 'missing' | 'checkpoint';
    detail: string;
  }[];
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
    plan: string | null;
    limit_minute: number;
    limit_hour: number;
    limit_day: number;
    limit_burst: number;
    limit_tokens_day: number;
    max_queued: number;
    max_concurrent: number;
    weight: number;
    /**
     * Kinds of calls that the key may make; null = all.
     */
    scopes: string[] | null;
    /**
     * Models that its requests may use; a name that ends in * stands for all that begin so; null = any.
     */
    allowed_models: string[] | null;
    /**
     * Queues that its requests may name; null = any. Who names none uses the queue default.
     */
    allowed_queues: string[] | null;
  };
}
/**
 * One page of batches, newest first.
 */
export interface BatchList {
  items: Batch[];
  /**
   * Ask for the next page with it; null = this was the last.
   */
  next_cursor: string | null;
}
/**
 * Requests that were uploaded together, and how far they are.
 */
export interface Batch {
  /**
   * Time-ordered id of the batch.
   */
  id: string;
  /**
   * completed: each of its requests has ended, well or badly. cancelled: it was cancelled, and each has ended.
   */
  status: 'in_progress' | 'completed' | 'cancelling' | 'cancelled';
  /**
   * How many requests it has.
   */
  total: number;
  /**
   * How many of its requests have each status.
   */
  counts: {
    pending: number;
    processing: number;
    completed: number;
    failed: number;
    cancelled: number;
    expired: number;
  };
  /**
   * The share of its requests that have ended.
   */
  progress: number;
  created_at: string;
  /**
   * When the last of its requests ended.
   */
  completed_at: string | null;
  /**
   * When it was cancelled first.
   */
  cancelled_at: string | null;
}
/**
 * What one request of a batch came to: a line of its results or of its errors.
 */
export interface BatchResult {
  /**
   * As it was uploaded; null when it can no longer be decrypted.
   */
  custom_id: string | null;
  request_id: string;
  status: RequestStatus;
  result: RequestResult | null;
  /**
   * Why there is no result; null also when it was cancelled.
   */
  error: RequestError | null;
  usage: RequestUsage | null;
}
/**
 * What the model answered.
 */
export interface RequestResult {
  /**
   * What the model wrote. Empty for embeddings, and for a model that only asks its tools.
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
  /**
   * What the model asks of the tools it was given: call them, and send a conversation with their answers.
   */
  tool_calls?: ToolCall[];
  /**
   * A vector for each text of input, in the same order.
   */
  embeddings?: number[][];
}
/**
 * Why an attempt failed.
 */
export interface RequestError {
  /**
   * One of the request codes of errors.json.
   */
  code: string;
  message: string;
}
/**
 * The tokens that a request took.
 */
export interface RequestUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
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
  /**
   * Name of its plan.
   */
  plan: string | null;
  /**
   * Requests in any 60 seconds, as in force; 0 = no limit.
   */
  limit_minute: number;
  /**
   * Requests in any hour, as in force; 0 = no limit.
   */
  limit_hour: number;
  /**
   * Requests in any 24 hours, as in force; 0 = no limit.
   */
  limit_day: number;
  /**
   * Requests at once above the even rate of the shortest limit, as in force; 0 = no limit.
   */
  limit_burst: number;
  /**
   * Tokens of prompts and answers in any 24 hours, as in force; 0 = no limit.
   */
  limit_tokens_day: number;
  /**
   * Requests that have not ended, as in force; 0 = no limit.
   */
  max_queued: number;
  /**
   * Requests that run at once, as in force; 0 = no limit.
   */
  max_concurrent: number;
  /**
   * Its share of a model's slots beside other keys that wait: twice the weight gets twice the time; 0 = 1.
   */
  weight: number;
  /**
   * Names of those limits that the key does not set itself: they are the plan's, or none.
   */
  inherited: string[];
  /**
   * Kinds of calls that the key may make; null = all.
   */
  scopes: string[] | null;
  /**
   * Models that its requests may use; a name that ends in * stands for all that begin so; null = any.
   */
  allowed_models: string[] | null;
  /**
   * Queues that its requests may name; null = any. Who names none uses the queue default.
   */
  allowed_queues: string[] | null;
  /**
   * Addresses and networks (203.0.113.7, 10.0.0.0/8, 2001:db8::/32) that the key may be used from; null = anywhere.
   */
  allowed_ips: string[] | null;
  /**
   * Until then the key is refused; null = it is good at once.
   */
  not_before: string | null;
  expires_at: string | null;
  /**
   * To within a minute.
   */
  last_used_at: string | null;
  created_at: string;
  revoked_at: string | null;
  /**
   * Until then the secret before the last rotation is accepted as well; null = there is none.
   */
  previous_secret_until?: string | null;
  /**
   * From then on the newest secret is accepted; null = it is already.
   */
  secret_valid_from?: string | null;
  key: string;
  webhook_secret: string;
}
/**
 * A new token, shown this once.
 */
export interface CreatedServiceToken {
  /**
   * Time-ordered id of the token.
   */
  id: string;
  name: string;
  /**
   * First characters of the token, to recognise it by.
   */
  prefix: string;
  scopes: string[];
  /**
   * Name of who made it.
   */
  created_by: string;
  expires_at: string;
  /**
   * To within a minute.
   */
  last_used_at: string | null;
  created_at: string;
  revoked_at: string | null;
  token: string;
}
/**
 * An endpoint with its new secret, which is shown this once.
 */
export interface CreatedWebhook {
  /**
   * Time-ordered id of the endpoint.
   */
  id: string;
  url: string;
  /**
   * What is sent to it; null = everything.
   */
  events: string[] | null;
  status: 'enabled' | 'disabled';
  /**
   * gone: it answered 410; failing: nothing but failures for five days.
   */
  disabled_reason: 'gone' | 'failing' | null;
  disabled_at: string | null;
  /**
   * Since then every attempt has failed; null = the last one succeeded, or there was none.
   */
  failing_since: string | null;
  /**
   * Until then calls are also signed with the secret before the last rotation.
   */
  previous_secret_until: string | null;
  created_at: string;
  updated_at: string;
  secret: string;
}
/**
 * All that is known of a dead letter, without prompt and result.
 */
export interface DeadLetterDetails {
  /**
   * Id of the request that failed.
   */
  id: string;
  /**
   * Only open ones are on the list, and only these can be retried or discarded.
   */
  state: 'open' | 'retried' | 'discarded';
  /**
   * Whose request it was.
   */
  key_id: string;
  model: string;
  priority: number;
  /**
   * Why it failed for good.
   */
  error: {
    /**
     * One of the request codes of errors.json.
     */
    code: string;
    message: string;
  };
  /**
   * How often the model had answered, well or badly.
   */
  attempts: number;
  /**
   * Where it ran last.
   */
  upstream: string | null;
  /**
   * As the client sent it; null also when it cannot be decrypted.
   */
  metadata: {
    [k: string]: unknown;
  } | null;
  /**
   * When it was accepted.
   */
  created_at: string;
  /**
   * When it failed for good.
   */
  failed_at: string;
  /**
   * The dead letter that this request tried again.
   */
  retry_of: string | null;
  /**
   * The request that tries this one again.
   */
  retried_as: string | null;
  /**
   * How often a worker had died with it.
   */
  deliveries: number;
  /**
   * The rule by which this failure was the last one, as it was then; null when it was not kept.
   */
  policy: {
    /**
     * Attempts a request had.
     */
    max_attempts?: number;
    /**
     * Upper bound of the first wait between attempts.
     */
    retry_base_ms?: number;
    /**
     * Longest wait between attempts.
     */
    retry_cap_ms?: number;
    /**
     * Deaths of workers a request had.
     */
    max_deliveries?: number;
  } | null;
  /**
   * Every attempt that failed, oldest first.
   */
  history: {
    /**
     * Number of the claim; grows with each.
     */
    fence: number;
    upstream: string | null;
    error: {
      /**
       * One of the request codes of errors.json.
       */
      code: string;
      message: string;
    };
    ended_at: string;
  }[];
  /**
   * When its last attempt began.
   */
  started_at: string | null;
  /**
   * Why it was tried again.
   */
  retry_reason: string | null;
  /**
   * The operation that tried it again.
   */
  retry_operation: string | null;
  /**
   * When it was given up.
   */
  discarded_at: string | null;
  /**
   * Why it was given up.
   */
  discard_reason: string | null;
}
/**
 * One page of open dead letters, newest first. With text a page may be short or empty and the list go on all the same.
 */
export interface DeadLetterList {
  items: DeadLetter[];
  /**
   * Ask for the next page with it; null = this was the last.
   */
  next_cursor: string | null;
}
/**
 * A request that failed for good. Never holds the prompt.
 */
export interface DeadLetter {
  /**
   * Id of the request that failed.
   */
  id: string;
  /**
   * Only open ones are on the list, and only these can be retried or discarded.
   */
  state: 'open' | 'retried' | 'discarded';
  /**
   * Whose request it was.
   */
  key_id: string;
  model: string;
  priority: number;
  /**
   * Why it failed for good.
   */
  error: {
    /**
     * One of the request codes of errors.json.
     */
    code: string;
    message: string;
  };
  /**
   * How often the model had answered, well or badly.
   */
  attempts: number;
  /**
   * Where it ran last.
   */
  upstream: string | null;
  /**
   * As the client sent it; null also when it cannot be decrypted.
   */
  metadata: {
    [k: string]: unknown;
  } | null;
  /**
   * When it was accepted.
   */
  created_at: string;
  /**
   * When it failed for good.
   */
  failed_at: string;
  /**
   * The dead letter that this request tried again.
   */
  retry_of: string | null;
  /**
   * The request that tries this one again.
   */
  retried_as: string | null;
}
/**
 * What a retry of many would touch now.
 */
export interface DeadLetterPreview {
  matched: number;
  /**
   * False: there are more than could be looked at in one call.
   */
  is_complete: boolean;
  /**
   * Ids of the newest of them.
   */
  sample: string[];
}
/**
 * A dead letter is tried again.
 */
export interface DeadLetterRetry {
  /**
   * The new request.
   */
  id: string;
}
/**
 * How many sessions were ended.
 */
export interface EndedSessions {
  ended: number;
}
/**
 * An endpoint of the same key gets nothing any more.
 */
export interface EndpointDisabledEvent {
  type: 'endpoint.disabled';
  /**
   * When it happened; the same in every attempt.
   */
  timestamp: string;
  data: {
    /**
     * Id of the endpoint.
     */
    id: string;
    host: string;
    reason: 'gone' | 'failing';
    disabled_at: string;
  };
}
/**
 * Something that happened, without content. Fields that do not apply are absent.
 */
export interface Event {
  /**
   * For Last-Event-ID.
   */
  id: string;
  /**
   * request.accepted, request.started, request.completed, request.failed, request.retrying, request.returned, request.cancelled, request.expired, request.ended; upstream.up, upstream.down, upstream.changed, upstream.removed; limit.refused; key.expiring; webhook.delivered, webhook.retrying, webhook.failed; broker.joined, broker.left; overview; gap. There may be more later.
   */
  type: string;
  at: string;
  /**
   * The run of the broker where it happened.
   */
  broker?: string;
  request_id?: string;
  key_id?: string;
  model?: string;
  queue?: string;
  band?: number;
  upstream?: string;
  error_code?: string;
  attempts?: number;
  processing_ms?: number;
  /**
   * Of prompt and answer.
   */
  tokens?: number;
  /**
   * Until the next attempt.
   */
  delay_ms?: number;
  /**
   * Of an upstream.
   */
  status?: string;
  detail?: string;
  delivery_id?: string;
  host?: string;
  http_status?: number;
  /**
   * How many times since the last event that says so, or brokers.
   */
  count?: number;
  /**
   * Of a gap: events that were not sent.
   */
  missed?: number;
  overview?: Overview;
}
/**
 * How everything is, in one cheap answer. Counts are of the whole queue; rates are of the broker that answers.
 */
export interface Overview {
  /**
   * When this was put together.
   */
  at: string;
  broker: {
    /**
     * This run of it.
     */
    id: string;
    /**
     * How many share the queue, as far as known.
     */
    brokers: number;
    uptime_ms: number;
    /**
     * Memory of the process.
     */
    rss_bytes: number;
  };
  requests: {
    /**
     * Wait for a slot.
     */
    pending: number;
    /**
     * Claimed: they run, or are next.
     */
    processing: number;
    /**
     * Wait for their time or their next attempt.
     */
    delayed: number;
    /**
     * When the rows were counted: less often when there are many.
     */
    counted_at: string;
    /**
     * How long the oldest pending one has waited.
     */
    oldest_wait_ms: number | null;
    /**
     * How fast the backlog grows; negative when it shrinks, null until it is known.
     */
    change_per_second: number | null;
    dead_letters: number;
    /**
     * False: there are more than were counted.
     */
    dead_letters_is_complete: boolean;
  };
  flow: {
    /**
     * Of the last ten seconds, as all of these.
     */
    accepted_per_second: number;
    completed_per_second: number;
    failed_per_second: number;
    retried_per_second: number;
    /**
     * Cancelled or expired.
     */
    cancelled_per_second: number;
    /**
     * Calls refused by limits.
     */
    refused_per_second: number;
    /**
     * Written by models.
     */
    tokens_per_second: number;
    /**
     * Counts of each of the last 60 full seconds, oldest first.
     */
    seconds: {
      accepted: number[];
      completed: number[];
      failed: number[];
      refused: number[];
    };
  };
  limits: {
    /**
     * Calls refused in the last minute.
     */
    refused_minute: number;
    /**
     * Since the broker started.
     */
    reasons: {
      code: string;
      count: number;
    }[];
  };
  /**
   * Lanes with requests that have not ended.
   */
  lanes_total: number;
  /**
   * The busiest.
   */
  lanes: {
    queue: string;
    key_id: string;
    /**
     * Null when the key is gone.
     */
    key_name: string | null;
    band: number;
    model: string;
    /**
     * Wait for a slot.
     */
    pending: number;
    /**
     * Claimed: they run, or are next.
     */
    processing: number;
    /**
     * Wait for their time or their next attempt.
     */
    delayed: number;
    /**
     * How long the oldest pending one has waited.
     */
    oldest_wait_ms: number | null;
    /**
     * In the last minute, at the broker that answers.
     */
    accepted_per_minute: number;
    /**
     * In the last minute, at the broker that answers.
     */
    ended_per_minute: number;
  }[];
  /**
   * The busiest.
   */
  keys: {
    key_id: string;
    key_name: string | null;
    /**
     * Wait for a slot.
     */
    pending: number;
    /**
     * Claimed: they run, or are next.
     */
    processing: number;
    /**
     * Wait for their time or their next attempt.
     */
    delayed: number;
    /**
     * How long the oldest pending one has waited.
     */
    oldest_wait_ms: number | null;
    /**
     * In the last minute, at the broker that answers.
     */
    accepted_per_minute: number;
    /**
     * In the last minute, at the broker that answers.
     */
    ended_per_minute: number;
  }[];
  models: {
    model: string;
    /**
     * Wait for a slot.
     */
    pending: number;
    /**
     * Claimed: they run, or are next.
     */
    processing: number;
    /**
     * Wait for their time or their next attempt.
     */
    delayed: number;
    /**
     * How long the oldest pending one has waited.
     */
    oldest_wait_ms: number | null;
    /**
     * In the last minute, at the broker that answers.
     */
    accepted_per_minute: number;
    /**
     * In the last minute, at the broker that answers.
     */
    ended_per_minute: number;
  }[];
  upstreams: {
    id: string;
    status: 'unknown' | 'up' | 'down';
    since: string | null;
    last_error: string | null;
    enabled: boolean;
    draining: boolean;
    /**
     * So many calls of one model run at once.
     */
    slots: number;
    running: number;
    /**
     * Slots that are free for the model that uses most of them.
     */
    free: number;
    /**
     * Installed.
     */
    models: number;
    version: string | null;
    /**
     * Models whose breaker is not closed.
     */
    open_breakers: string[];
  }[];
  webhooks: {
    /**
     * Deliveries that have not ended.
     */
    pending: number;
    /**
     * Those whose time has come.
     */
    due: number;
    oldest_due_ms: number | null;
    endpoints: number;
    /**
     * Endpoints whose last attempts failed.
     */
    failing: number;
    /**
     * Endpoints that were given up.
     */
    disabled: number;
    /**
     * Failing and disabled ones, fifty at most.
     */
    troubled: {
      id: string;
      key_id: string;
      host: string;
      status: 'enabled' | 'disabled';
      failing_since: string | null;
      disabled_reason: string | null;
    }[];
  };
}
/**
 * The models of all upstreams that are up, by name.
 */
export interface InstalledModelList {
  items: InstalledModel[];
  /**
   * There is always one page.
   */
  next_cursor: null;
}
/**
 * A model at an upstream.
 */
export interface InstalledModel {
  /**
   * Its name, as the upstream lists it.
   */
  model: string;
  /**
   * host:port
   */
  upstream: string;
  /**
   * loaded: calls start at once; loading: one call loads it, the others wait; installed: the next call loads it.
   */
  state: 'installed' | 'loading' | 'loaded';
  /**
   * Calls of it that run there now.
   */
  running: number;
}
/**
 * The block is over and forgotten.
 */
export interface LiftedPenalty {
  id: string;
  kind: 'key' | 'address';
  lifted: true;
}
/**
 * All limits of a call of this key, and which decides now.
 */
export interface LimitExplanation {
  key: string;
  plan: string | null;
  /**
   * Whether a call would pass now.
   */
  allowed: boolean;
  /**
   * The limit that would refuse it; when it passes, the one with the least left. null: there is none.
   */
  decided_by: string | null;
  /**
   * Seconds; null when it would pass.
   */
  retry_after: number | null;
  /**
   * How many share the counters; while Redis is away each allows its part.
   */
  brokers: number;
  limits: AppliedLimit[];
  /**
   * Which part of the requests is accepted while they wait too long; 1 = all.
   */
  admission: number;
}
export interface Liveness {
  status: 'ok';
}
/**
 * One line of the log, of level warning or worse.
 */
export interface LogLine {
  id: number;
  time: string;
  level: 'warning' | 'error' | 'critical' | 'emergency';
  message: string;
  /**
   * The request or the call that it is about.
   */
  request_id: string | null;
  /**
   * The key that it is about.
   */
  key_id: string | null;
  /**
   * The run of the daemon that wrote it.
   */
  run: string;
  /**
   * What else it says: context, attempt, err; masked.
   */
  fields: {
    [k: string]: unknown;
  };
}
/**
 * One page of the log.
 */
export interface LogList {
  items: LogLine[];
  /**
   * Ask for the next page with it; null = this was the last.
   */
  next_cursor: string | null;
}
export interface ModelAliasList {
  items: ModelAlias[];
  next_cursor: string | null;
}
/**
 * Another name of a model, which clients may ask for.
 */
export interface ModelAlias {
  /**
   * What clients ask for.
   */
  alias: string;
  /**
   * What they get; requests and answers name it.
   */
  model: string;
  created_at: string;
}
/**
 * What came of loading a model.
 */
export interface ModelPreload {
  model: string;
  /**
   * One for each upstream that was asked.
   */
  items: {
    /**
     * host:port
     */
    upstream: string;
    status: 'loaded' | 'failed';
    /**
     * How long it took, waiting for another load included; next to nothing when it was loaded.
     */
    took_ms: number;
    /**
     * Why it failed.
     */
    error: string | null;
  }[];
}
/**
 * One page of operations, newest first.
 */
export interface OperationList {
  items: Operation[];
  /**
   * Ask for the next page with it; null = this was the last.
   */
  next_cursor: string | null;
}
/**
 * One thing done to many, in the background; a restart of the broker does not end it.
 */
export interface Operation {
  /**
   * Time-ordered id of the operation.
   */
  id: string;
  /**
   * retry_dead_letters; others may come.
   */
  kind: string;
  state: 'running' | 'completed' | 'cancelled';
  /**
   * As it was asked for.
   */
  filter: {
    [k: string]: unknown;
  };
  reason: string | null;
  /**
   * Things a second.
   */
  rate: number;
  /**
   * How many things it is about; null until they are counted.
   */
  matched: number | null;
  done: number;
  /**
   * What matched and was left alone: somebody else was faster, or it cannot be decrypted.
   */
  skipped: number;
  /**
   * When it began.
   */
  created_at: string;
  /**
   * When it was completed or cancelled.
   */
  ended_at: string | null;
}
/**
 * A person without a password, and the token with which they set one.
 */
export interface PasswordReset {
  user: User;
  /**
   * Shown this once, good once.
   */
  reset_token: string;
  expires_at: string;
}
/**
 * A person who may administer the broker.
 */
export interface User {
  /**
   * Time-ordered id of the person.
   */
  id: string;
  name: string;
  /**
   * What the person may do; each may do what the one before may.
   */
  role: 'viewer' | 'operator' | 'admin' | 'super-admin';
  status: 'active' | 'suspended';
  /**
   * False until the first one is set, or after a reset.
   */
  has_password: boolean;
  /**
   * Whether a second factor is on.
   */
  totp: boolean;
  last_login_at: string | null;
  created_at: string;
}
export interface PenaltyList {
  items: Penalty[];
  next_cursor: string | null;
}
/**
 * Who is blocked, or was of late.
 */
export interface Penalty {
  /**
   * Id of the key, or the address (IPv6: the /64 network).
   */
  id: string;
  kind: 'key' | 'address';
  /**
   * Blocks of late, 1 to 4: the next takes 5, 15, 60, 60 minutes. One is forgotten with each hour without a block.
   */
  level: number;
  blocked: boolean;
  blocked_until: string;
}
export interface PlanList {
  items: Plan[];
  next_cursor: string | null;
}
/**
 * A set of limits that keys have by its name.
 */
export interface Plan {
  name: string;
  /**
   * Requests in any 60 seconds; 0 = no limit.
   */
  limit_minute: number;
  /**
   * Requests in any hour; 0 = no limit.
   */
  limit_hour: number;
  /**
   * Requests in any 24 hours; 0 = no limit.
   */
  limit_day: number;
  /**
   * Requests at once above the even rate of the shortest limit; 0 = no limit.
   */
  limit_burst: number;
  /**
   * Tokens of prompts and answers in any 24 hours; 0 = no limit.
   */
  limit_tokens_day: number;
  /**
   * Requests that have not ended; 0 = no limit.
   */
  max_queued: number;
  /**
   * Requests that run at once; 0 = no limit.
   */
  max_concurrent: number;
  /**
   * Its share of a model's slots beside other keys that wait: twice the weight gets twice the time; 0 = 1.
   */
  weight: number;
  created_at: string;
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
    /**
     * Of an upload: which line it is about. The pointer is into that line.
     */
    line?: number;
    /**
     * The custom_id of that line, where it has one.
     */
    custom_id?: string;
  }[];
  /**
   * Which limit refused the call, as RateLimit-Policy names it.
   */
  limit?: string;
}
export interface QueueList {
  items: Queue[];
  next_cursor: string | null;
}
/**
 * A named queue: its policy, its state, and what is in it.
 */
export interface Queue {
  name: string;
  /**
   * paused: running requests end, none start, accepting goes on. draining: nothing new is accepted, the rest is processed.
   */
  state: 'active' | 'paused' | 'draining';
  /**
   * How many of its requests run at once, on each broker that dispatches; 0 or null = no cap of its own.
   */
  concurrency: number | null;
  /**
   * Attempts before a request has failed; null = FILA_MAX_ATTEMPTS.
   */
  max_attempts: number | null;
  /**
   * Upper bound of the wait before the second attempt; doubles with each further one; null = FILA_RETRY_BASE_MS.
   */
  retry_base_ms: number | null;
  /**
   * Longest wait between two attempts; null = FILA_RETRY_CAP_MS.
   */
  retry_cap_ms: number | null;
  /**
   * Time of one call to a model; null = FILA_TOTAL_TIMEOUT_MS.
   */
  total_timeout_ms: number | null;
  /**
   * Largest prompt, system text and messages together, in bytes of UTF-8; null = only FILA_MAX_BODY_BYTES.
   */
  max_prompt_bytes: number | null;
  /**
   * Requests that have not ended; more are refused with queue_full. 0 or null = no limit of its own.
   */
  max_queued: number | null;
  /**
   * Asked once when the model has failed for good or kept its timers waiting; the request is then degraded. null = none.
   */
  fallback_model: string | null;
  /**
   * Priority of requests that name none; null = 5.
   */
  default_priority: number | null;
  /**
   * Requests that may start now. At counts_up_to: that many or more.
   */
  pending: number;
  /**
   * Requests that wait for their time or their next attempt. At counts_up_to: that many or more.
   */
  delayed: number;
  /**
   * Requests that a broker has taken. At counts_up_to: that many or more.
   */
  running: number;
  /**
   * Counting stops here, so that it stays cheap.
   */
  counts_up_to: number;
  /**
   * How long the pending request has waited that waits longest, of the first of each lane; null: none is pending.
   */
  oldest_wait_ms: number | null;
  created_at: string;
}
/**
 * ok: everything works; degraded: requests are accepted, something else is wrong; down: requests are not accepted.
 */
export interface Readiness {
  status: 'ok' | 'degraded' | 'down';
  /**
   * Of the daemon; only with ?verbose.
   */
  version?: string;
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
 * Codes instead of the authenticator, each good once, shown this once.
 */
export interface RecoveryCodes {
  codes: string[];
}
/**
 * One page of the requests of all keys, newest first.
 */
export interface RequestEntryList {
  items: RequestEntry[];
  /**
   * Ask for the next page with it; null = this was the last.
   */
  next_cursor: string | null;
}
/**
 * A request of any key as an operator sees it: nothing of what was asked, answered or noted with it.
 */
export interface RequestEntry {
  id: string;
  key_id: string;
  /**
   * What people call the key.
   */
  key_name: string | null;
  status: RequestStatus;
  model: string;
  queue: string;
  priority: number;
  /**
   * Whether the fallback model of its queue answered, or is asked.
   */
  degraded: boolean;
  attempts: number;
  /**
   * Where its last attempt ran.
   */
  upstream: string | null;
  error_code: string | null;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  /**
   * Milliseconds.
   */
  processing_time: number | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  run_at: string | null;
  deadline: string | null;
  retry_of: string | null;
  retried_as: string | null;
  /**
   * The batch it was uploaded with; absent when it came alone.
   */
  batch_id?: string;
}
/**
 * A request has ended. Neither its prompt nor its answer is in here.
 */
export interface RequestEvent {
  type: 'request.completed' | 'request.failed' | 'request.cancelled' | 'request.expired';
  /**
   * When it happened; the same in every attempt.
   */
  timestamp: string;
  data: {
    /**
     * Id of the request; its answer is read with GET /api/v1/requests/{id}.
     */
    id: string;
    status: 'completed' | 'failed' | 'cancelled' | 'expired';
    model: string;
    attempts: number;
    error: {
      /**
       * One of the request codes of errors.json.
       */
      code: string;
    } | null;
    created_at: string;
    completed_at: string | null;
    /**
     * As the client gave it; absent when there is none.
     */
    metadata?: {
      [k: string]: unknown;
    };
  };
}
/**
 * Why a request is where it is: its last attempt, and the next one if it was made now. Nothing of its prompt but its size.
 */
export interface RequestExplanation {
  id: string;
  status: RequestStatus;
  model: string;
  attempts: number;
  /**
   * The one that runs now, or ran last. null: there was none.
   */
  last_attempt: AttemptExplanation | null;
  /**
   * As it would be now. null: the request has ended, or its prompt cannot be read.
   */
  next_attempt: AttemptExplanation | null;
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
  /**
   * The model that answers it, or has.
   */
  model: string;
  /**
   * The queue it was sent to.
   */
  queue: string;
  /**
   * true: the model it was sent for has failed, and model is now the fallback of its queue.
   */
  degraded: boolean;
  priority: number;
  /**
   * How many start before it as things stand, and it: 1 is next. Only where one pending request is looked at; absent while more than 1,000 of its own kind wait before it.
   */
  position?: number;
  /**
   * Estimated milliseconds until it starts; there with position. null: not known yet, or nothing can start now.
   */
  eta_ms?: number | null;
  result: RequestResult | null;
  /**
   * Why the last attempt failed. On a pending request: what the next attempt is for.
   */
  error: RequestError | null;
  usage: RequestUsage | null;
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
  /**
   * The batch it was uploaded with; absent when it came alone.
   */
  batch_id?: string;
  /**
   * The client's name for it in that batch; null when it can no longer be decrypted.
   */
  custom_id?: string | null;
}
/**
 * What happened to a request, oldest first. An attempt that was cut off by a crash leaves no step, and old rows are forgotten in time.
 */
export interface RequestTrace {
  id: string;
  key_id: string;
  status: RequestStatus;
  model: string;
  queue: string;
  /**
   * Whether all webhook deliveries and acts are told; otherwise the newest 50 and the oldest 200.
   */
  complete: boolean;
  steps: TraceStep[];
}
/**
 * One thing that happened to a request.
 */
export interface TraceStep {
  /**
   * By the clock of the database or of a broker: they may differ a little.
   */
  at: string;
  /**
   * due: it was not to start before. claimed: by a worker, the last time. webhook: a delivery was made. act: an operator did something to it.
   */
  step:
    | 'accepted'
    | 'due'
    | 'claimed'
    | 'attempt_failed'
    | 'completed'
    | 'failed'
    | 'expired'
    | 'cancelled'
    | 'retried'
    | 'discarded'
    | 'webhook'
    | 'webhook_attempt'
    | 'act';
  /**
   * In words.
   */
  detail: string | null;
  /**
   * Where it ran: host:port.
   */
  upstream: string | null;
  /**
   * What went wrong.
   */
  code: string | null;
  took_ms: number | null;
  /**
   * Who did it, of an act.
   */
  actor: string | null;
  /**
   * Id of the delivery, of the other request, or the number of the row in the audit trail.
   */
  ref: string | null;
}
/**
 * A key with its new secret, which is shown this once. Its webhook secret stays.
 */
export interface RotatedApiKey {
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
  /**
   * Name of its plan.
   */
  plan: string | null;
  /**
   * Requests in any 60 seconds, as in force; 0 = no limit.
   */
  limit_minute: number;
  /**
   * Requests in any hour, as in force; 0 = no limit.
   */
  limit_hour: number;
  /**
   * Requests in any 24 hours, as in force; 0 = no limit.
   */
  limit_day: number;
  /**
   * Requests at once above the even rate of the shortest limit, as in force; 0 = no limit.
   */
  limit_burst: number;
  /**
   * Tokens of prompts and answers in any 24 hours, as in force; 0 = no limit.
   */
  limit_tokens_day: number;
  /**
   * Requests that have not ended, as in force; 0 = no limit.
   */
  max_queued: number;
  /**
   * Requests that run at once, as in force; 0 = no limit.
   */
  max_concurrent: number;
  /**
   * Its share of a model's slots beside other keys that wait: twice the weight gets twice the time; 0 = 1.
   */
  weight: number;
  /**
   * Names of those limits that the key does not set itself: they are the plan's, or none.
   */
  inherited: string[];
  /**
   * Kinds of calls that the key may make; null = all.
   */
  scopes: string[] | null;
  /**
   * Models that its requests may use; a name that ends in * stands for all that begin so; null = any.
   */
  allowed_models: string[] | null;
  /**
   * Queues that its requests may name; null = any. Who names none uses the queue default.
   */
  allowed_queues: string[] | null;
  /**
   * Addresses and networks (203.0.113.7, 10.0.0.0/8, 2001:db8::/32) that the key may be used from; null = anywhere.
   */
  allowed_ips: string[] | null;
  /**
   * Until then the key is refused; null = it is good at once.
   */
  not_before: string | null;
  expires_at: string | null;
  /**
   * To within a minute.
   */
  last_used_at: string | null;
  created_at: string;
  revoked_at: string | null;
  /**
   * Until then the secret before the last rotation is accepted as well; null = there is none.
   */
  previous_secret_until?: string | null;
  /**
   * From then on the newest secret is accepted; null = it is already.
   */
  secret_valid_from?: string | null;
  key: string;
}
export interface ServiceTokenList {
  items: ServiceToken[];
  next_cursor: string | null;
}
/**
 * A token for a program.
 */
export interface ServiceToken {
  /**
   * Time-ordered id of the token.
   */
  id: string;
  name: string;
  /**
   * First characters of the token, to recognise it by.
   */
  prefix: string;
  scopes: string[];
  /**
   * Name of who made it.
   */
  created_by: string;
  expires_at: string;
  /**
   * To within a minute.
   */
  last_used_at: string | null;
  created_at: string;
  revoked_at: string | null;
}
export interface SessionList {
  items: Session[];
  next_cursor: string | null;
}
/**
 * One sign-in of a person.
 */
export interface Session {
  /**
   * Time-ordered id of the session.
   */
  id: string;
  user_id: string;
  /**
   * Name of the person.
   */
  user: string;
  /**
   * What the client calls itself.
   */
  client: string;
  /**
   * Where it signed in from.
   */
  address: string;
  created_at: string;
  /**
   * To within ten seconds.
   */
  last_used_at: string;
  /**
   * When it ends unless it is used before.
   */
  idle_until: string;
  /**
   * When it ends in any case.
   */
  expires_at: string;
  /**
   * Whether it is the session of this call.
   */
  is_current: boolean;
}
export interface SettingList {
  items: Setting[];
  /**
   * The last change that is in force here; 0: none was ever made.
   */
  version: number;
  next_cursor: string | null;
}
/**
 * A setting of the daemon, with the value that is in force on the broker that answers.
 */
export interface Setting {
  /**
   * Such as maxQueued: the name in fila.config.json.
   */
  name: string;
  /**
   * The environment variable.
   */
  variable: string;
  /**
   * What is in force on the broker that answers, as its variable would have it; secrets are masked, empty is none.
   */
  value: string;
  /**
   * Where the value comes from. database: it was set while brokers ran.
   */
  source: 'default' | 'file' | 'environment' | 'flag' | 'database';
  /**
   * What this broker was started with.
   */
  start_value: string;
  start_source: 'default' | 'file' | 'environment' | 'flag';
  /**
   * What holds when nobody says anything.
   */
  default_value: string;
  /**
   * Empty when it has none.
   */
  unit: string;
  /**
   * Whether it can be changed while brokers run. Otherwise: set the variable and start again.
   */
  live: boolean;
  secret: boolean;
  /**
   * What a valid value looks like, in words.
   */
  expects: string;
  about: string;
}
export interface SettingVersionList {
  items: SettingVersion[];
  next_cursor: string | null;
}
/**
 * One change of settings while brokers run: who, when, why, and what was before and after.
 */
export interface SettingVersion {
  /**
   * 1, 2, 3 and so on.
   */
  version: number;
  at: string;
  act: 'set' | 'unset' | 'restore';
  /**
   * The version that was brought back, with restore.
   */
  restored_version: number | null;
  actor: {
    kind: string;
    id: string | null;
    name: string | null;
  };
  reason: string | null;
  changes: {
    name: string;
    /**
     * null: as the start says.
     */
    before: string | null;
    /**
     * null: as the start says.
     */
    after: string | null;
  }[];
  /**
   * All that is overridden from this version on, by name.
   */
  overrides: {
    [k: string]: string;
  };
}
/**
 * A new session, with its token, which is shown this once.
 */
export interface SignedIn {
  token: string;
  session: Session;
  user: User;
}
/**
 * Until when dangerous things are allowed.
 */
export interface SteppedUp {
  proved_until: string;
}
/**
 * A secret for an authenticator; it counts once a code of it was sent.
 */
export interface TotpEnrolment {
  /**
   * Base32, to be typed in.
   */
  secret: string;
  /**
   * otpauth://…, for a QR code.
   */
  uri: string;
}
/**
 * All upstreams, those of the settings first.
 */
export interface UpstreamList {
  items: Upstream[];
  /**
   * There is always one page.
   */
  next_cursor: null;
}
/**
 * An Ollama server and how it is, as the broker that answers sees it.
 */
export interface Upstream {
  /**
   * host:port of the server.
   */
  id: string;
  url: string;
  /**
   * settings: named in FILA_OLLAMA_URLS; database: added at run time.
   */
  source: 'settings' | 'database';
  status: 'unknown' | 'up' | 'down';
  /**
   * When status last changed.
   */
  since: string | null;
  /**
   * When it was last probed.
   */
  checked_at: string | null;
  /**
   * Why it is down.
   */
  last_error: string | null;
  /**
   * Of Ollama.
   */
  version: string | null;
  /**
   * What is installed there.
   */
  models: string[];
  /**
   * Calls of one model that run there at once; while slots_auto, of the model that has most.
   */
  slots: number;
  /**
   * Whether the slots of each model are as many as it turns out to carry; false: an operator fixed them.
   */
  slots_auto: boolean;
  /**
   * Calls that this broker has there now, of all models.
   */
  running: number;
  /**
   * false: it is not chosen; requests that only it could answer wait.
   */
  enabled: boolean;
  /**
   * true: running calls end, none start; also while it is being removed.
   */
  draining: boolean;
  /**
   * The broker that starts calls there; the others accept and answer. null: none does now.
   */
  dispatched_by: {
    /**
     * Id of the run of that broker.
     */
    run: string;
    /**
     * Name of its machine.
     */
    host: string;
    /**
     * It is the broker that answers.
     */
    here: boolean;
  } | null;
  /**
   * Forced by an operator, or auto.
   */
  breaker: 'auto' | 'open' | 'closed';
  /**
   * The circuit breaker and the slots of each model that was asked for there.
   */
  breakers: {
    model: string;
    running: number;
    /**
     * Calls of this model that may run there at once.
     */
    slots: number;
    /**
     * The last change; null: none yet, or they are fixed.
     */
    slots_changed: {
      at: string;
      from: number;
      to: number;
      /**
       * trial: whether one more brings more tokens a second; more_tokens: the one before did, and another is tried; no_more_tokens: it did not; first_token_late: calls began to wait for it; calls_slow: each got far slower; busy: the server said that it is full.
       */
      reason: 'trial' | 'more_tokens' | 'no_more_tokens' | 'first_token_late' | 'calls_slow' | 'busy';
    } | null;
    /**
     * half_open: one call at a time shows whether it works again.
     */
    state: 'closed' | 'open' | 'half_open';
    /**
     * When it last opened or closed.
     */
    since: string;
    /**
     * The last failure that counted.
     */
    last_error: string | null;
  }[];
  /**
   * null for those of the settings.
   */
  created_at: string | null;
}
/**
 * What the requests of one hour came to.
 */
export interface UsageHour {
  /**
   * Its beginning, in UTC.
   */
  hour: string;
  /**
   * Created in this hour.
   */
  requests: number;
  completed: number;
  failed: number;
  cancelled: number;
  expired: number;
  prompt_tokens: number;
  completion_tokens: number;
}
/**
 * Requests by the hour in which they were created, oldest first; every hour is there.
 */
export interface Usage {
  /**
   * The beginning of the first hour.
   */
  since: string;
  until: string;
  /**
   * Whose they are; null = of all keys.
   */
  key: string | null;
  hours: UsageHour[];
  total: {
    /**
     * Created in this hour.
     */
    requests: number;
    completed: number;
    failed: number;
    cancelled: number;
    expired: number;
    prompt_tokens: number;
    completion_tokens: number;
  };
}
export interface UserList {
  items: User[];
  next_cursor: string | null;
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
     * The first ten: an id, or id/part where a part of it is missing or broken.
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
/**
 * A delivery with all of its attempts.
 */
export interface WebhookDeliveryDetails {
  /**
   * Time-ordered id of the delivery.
   */
  id: string;
  /**
   * The webhook-id header: the same in every attempt and every redelivery of one event to one receiver.
   */
  message_id: string;
  /**
   * The endpoint; null = the callback_url of the request.
   */
  webhook_id: string | null;
  /**
   * Such as request.completed.
   */
  type: string;
  /**
   * The request it tells of.
   */
  request_id: string | null;
  status: 'pending' | 'delivered' | 'failed';
  /**
   * Attempts begun.
   */
  attempts: number;
  /**
   * While it is pending.
   */
  next_attempt_at: string | null;
  /**
   * HTTP status of the last answer; null = none came.
   */
  response_status: number | null;
  /**
   * Milliseconds the last attempt took.
   */
  latency_ms: number | null;
  /**
   * Why the last attempt failed: status, redirect, timeout, unreachable, address_refused, endpoint_disabled, endpoint_deleted, unreadable.
   */
  error: string | null;
  /**
   * The beginning of the last answer, at most 1 KiB.
   */
  response_excerpt: string | null;
  /**
   * The delivery that this one repeats.
   */
  replayed_from: string | null;
  created_at: string;
  last_attempt_at: string | null;
  completed_at: string | null;
  /**
   * Every attempt that has ended, oldest first; of one whose broker died nothing is known.
   */
  history: {
    /**
     * Counts from 1.
     */
    attempt: number;
    ended_at: string;
    /**
     * HTTP status of the answer; null = none came.
     */
    response_status: number | null;
    /**
     * Milliseconds it took; null = it was not made.
     */
    latency_ms: number | null;
    /**
     * Why it failed; null = it did not.
     */
    error: string | null;
  }[];
}
/**
 * One page of deliveries, newest first.
 */
export interface WebhookDeliveryList {
  items: WebhookDelivery[];
  next_cursor: string | null;
}
/**
 * One event on its way to one receiver.
 */
export interface WebhookDelivery {
  /**
   * Time-ordered id of the delivery.
   */
  id: string;
  /**
   * The webhook-id header: the same in every attempt and every redelivery of one event to one receiver.
   */
  message_id: string;
  /**
   * The endpoint; null = the callback_url of the request.
   */
  webhook_id: string | null;
  /**
   * Such as request.completed.
   */
  type: string;
  /**
   * The request it tells of.
   */
  request_id: string | null;
  status: 'pending' | 'delivered' | 'failed';
  /**
   * Attempts begun.
   */
  attempts: number;
  /**
   * While it is pending.
   */
  next_attempt_at: string | null;
  /**
   * HTTP status of the last answer; null = none came.
   */
  response_status: number | null;
  /**
   * Milliseconds the last attempt took.
   */
  latency_ms: number | null;
  /**
   * Why the last attempt failed: status, redirect, timeout, unreachable, address_refused, endpoint_disabled, endpoint_deleted, unreadable.
   */
  error: string | null;
  /**
   * The beginning of the last answer, at most 1 KiB.
   */
  response_excerpt: string | null;
  /**
   * The delivery that this one repeats.
   */
  replayed_from: string | null;
  created_at: string;
  last_attempt_at: string | null;
  completed_at: string | null;
}
/**
 * Sent on demand, to try an endpoint.
 */
export interface WebhookTestEvent {
  type: 'webhook.test';
  /**
   * When it happened; the same in every attempt.
   */
  timestamp: string;
  data: {
    /**
     * Id of the endpoint.
     */
    id: string;
  };
}
/**
 * One page of own endpoints, newest first.
 */
export interface WebhookList {
  items: Webhook[];
  next_cursor: string | null;
}
/**
 * An endpoint of a key, without its secret.
 */
export interface Webhook {
  /**
   * Time-ordered id of the endpoint.
   */
  id: string;
  url: string;
  /**
   * What is sent to it; null = everything.
   */
  events: string[] | null;
  status: 'enabled' | 'disabled';
  /**
   * gone: it answered 410; failing: nothing but failures for five days.
   */
  disabled_reason: 'gone' | 'failing' | null;
  disabled_at: string | null;
  /**
   * Since then every attempt has failed; null = the last one succeeded, or there was none.
   */
  failing_since: string | null;
  /**
   * Until then calls are also signed with the secret before the last rotation.
   */
  previous_secret_until: string | null;
  created_at: string;
  updated_at: string;
}
/**
 * How many deliveries were made anew.
 */
export interface WebhookRedelivery {
  count: number;
}
/**
 * Who calls, and what they may do.
 */
export interface Whoami {
  kind: 'admin_token' | 'user' | 'service_token';
  id: string | null;
  name: string;
  /**
   * Null for service tokens.
   */
  role: string | null;
  permissions: string[];
  /**
   * Whether a second factor is on: what a step-up asks for.
   */
  totp: boolean;
  session: Session | null;
  /**
   * Until then what is dangerous asks for no second proof.
   */
  proved_until: string | null;
  /**
   * Nothing else is allowed until a second factor is on.
   */
  must_enrol_totp: boolean;
}
