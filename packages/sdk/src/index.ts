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
export type { Health, ReadyOptions } from './resources/health.ts';
export type { CreateKeyOptions, Keys } from './resources/keys.ts';
export type {
  CreateAndWaitOptions,
  CreateRequestOptions,
  GetRequestOptions,
  Requests,
} from './resources/requests.ts';
export type { Verify } from './resources/verify.ts';
export type { WaitOptions } from './resources/wait.ts';
export type {
  ApiKey,
  ApiKeyList,
  Authentication,
  CreateApiKey,
  CreatedApiKey,
  CreateRequest,
  ListApiKeysQuery,
  ListRequestsQuery,
  Liveness,
  Problem,
  Readiness,
  Request,
  RequestList,
  RequestStatus,
  UpdateApiKey,
  Verification,
} from './types.generated.ts';
