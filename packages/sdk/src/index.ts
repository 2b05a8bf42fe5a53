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
  RequestFailed,
  TimedOut,
  Unavailable,
  type FilaErrorCode,
} from './errors.ts';
export type { RequestErrorCode } from './error-codes.generated.ts';
export type { FilaPromise, FilaResponse } from './fila-promise.ts';
export type { Attempt, CallOptions, FetchLike } from './http.ts';
export type { Listing } from './listing.ts';
export type { Me } from './resources/me.ts';
export type { Audit } from './resources/audit.ts';
export type { DeadLetters } from './resources/dead-letters.ts';
export type { EventConnection, EventKind, EventsOptions } from './resources/events.ts';
export type { Health, ReadyOptions } from './resources/health.ts';
export type { CreateKeyOptions, Keys } from './resources/keys.ts';
export type { Limits } from './resources/limits.ts';
export type { Logs } from './resources/logs.ts';
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
export type { ServiceTokens } from './resources/service-tokens.ts';
export type { Sessions } from './resources/sessions.ts';
export type { Settings } from './resources/settings.ts';
export type { StreamEvent, StreamOptions } from './resources/stream.ts';
export type { Upstreams } from './resources/upstreams.ts';
export type { Users } from './resources/users.ts';
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
  AuditCheckpoint,
  AuditCheckpointList,
  AuditList,
  AuditRow,
  AuditVerification,
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
  Event,
  ExplainLimitsQuery,
  InstalledModel,
  InstalledModelList,
  LiftedPenalty,
  LimitExplanation,
  ListAllRequestsQuery,
  ListApiKeysQuery,
  ListAuditCheckpointsQuery,
  ListAuditQuery,
  ListDeadLettersQuery,
  ListLogsQuery,
  ListOperationsQuery,
  ListRequestsQuery,
  ListSettingVersionsQuery,
  Liveness,
  LogLine,
  LogList,
  ModelPreload,
  Operation,
  OperationList,
  Overview,
  OverviewQuery,
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
  ChangePassword,
  ConfirmTotp,
  CreatedServiceToken,
  CreateServiceToken,
  CreateUser,
  EndedSessions,
  ListSessionsQuery,
  PasswordReset,
  RecoveryCodes,
  RevokeSessions,
  ServiceToken,
  ServiceTokenList,
  Session,
  SessionList,
  SetPassword,
  SetSetting,
  Setting,
  SettingList,
  SettingVersion,
  SettingVersionList,
  SetUp,
  SignedIn,
  SignIn,
  StepUp,
  SteppedUp,
  TotpEnrolment,
  UpdateUser,
  User,
  UserList,
  Whoami,
} from './types.generated.ts';
