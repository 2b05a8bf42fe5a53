/** The public names of the package, and nothing else. */
export { Fila, type FilaOptions } from './fila.ts';
export {
  Aborted,
  Conflict,
  ConnectionFailed,
  FilaError,
  InvalidRequest,
  isFilaError,
  NotAllowed,
  NotFound,
  RateLimited,
  TimedOut,
  Unavailable,
  type FilaErrorCode,
} from './errors.ts';
export type { RequestErrorCode } from './error-codes.generated.ts';
export type { FilaPromise, FilaResponse } from './fila-promise.ts';
export type { Attempt, CallOptions, FetchLike } from './http.ts';
export type { Listing } from './listing.ts';
export type { DeadLetters } from './resources/dead-letters.ts';
export type { Health, ReadyOptions } from './resources/health.ts';
export type { CreateKeyOptions, Keys } from './resources/keys.ts';
export type { Limits } from './resources/limits.ts';
export type { Models } from './resources/models.ts';
export type { Operations, WaitForOperationOptions } from './resources/operations.ts';
export type { Plans } from './resources/plans.ts';
export type { Queues } from './resources/queues.ts';
export type {
  CreateAndWaitOptions,
  CreateRequestOptions,
  GetRequestOptions,
  Requests,
} from './resources/requests.ts';
export type { Upstreams } from './resources/upstreams.ts';
export {
  InvalidWebhook,
  type InvalidWebhookReason,
  type UnwrapOptions,
  type WebhookHeaders,
} from './resources/unwrap-webhook.ts';
export type { CreateWebhookOptions, WebhookDeliveries, Webhooks } from './resources/webhooks.ts';
export type { UsageReport } from './resources/usage.ts';
export type { Verify } from './resources/verify.ts';
export type { WaitOptions } from './resources/wait.ts';
export type {
  ApiKey,
  AttemptExplanation,
  AppliedLimit,
  ApiKeyList,
  Authentication,
  CallTimer,
  CreateApiKey,
  CreatedApiKey,
  CreatePlan,
  CreateQueue,
  CreateRequest,
  DeadLetter,
  DeadLetterDetails,
  DeadLetterFilter,
  DeadLetterList,
  DeadLetterPreview,
  DeadLetterRetry,
  DiscardDeadLetter,
  ExplainLimitsQuery,
  InstalledModel,
  InstalledModelList,
  LiftedPenalty,
  LimitExplanation,
  ListApiKeysQuery,
  ListDeadLettersQuery,
  ListOperationsQuery,
  ListAllRequestsQuery,
  ListRequestsQuery,
  Liveness,
  ModelPreload,
  Operation,
  OperationList,
  Penalty,
  PenaltyList,
  Plan,
  PlanList,
  PreloadModel,
  Problem,
  Queue,
  QueueList,
  Readiness,
  Request,
  RequestEntry,
  RequestEntryList,
  RequestExplanation,
  RequestList,
  RequestStatus,
  RetryDeadLetter,
  RetryDeadLetters,
  CreateUpstream,
  SetUpstreamBreaker,
  UpdateUpstream,
  Upstream,
  UpstreamList,
  TimerTerm,
  RotateApiKeyQuery,
  RotatedApiKey,
  UpdateApiKey,
  Usage,
  UsageHour,
  UsageQuery,
  UpdatePlan,
  UpdateQueue,
  Verification,
  CreatedWebhook,
  CreateWebhook,
  EndpointDisabledEvent,
  ListWebhookDeliveriesQuery,
  ListWebhooksQuery,
  RedeliverWebhook,
  RequestEvent,
  RotateWebhookQuery,
  UpdateWebhook,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryDetails,
  WebhookDeliveryList,
  WebhookEvent,
  WebhookList,
  WebhookRedelivery,
  WebhookTestEvent,
} from './types.generated.ts';
