/** The errors a caller can meet: one base with the facts, and the few kinds that people catch by name. */
import type { HttpErrorCode } from './error-codes.generated.ts';
import type { Problem, Request } from './types.generated.ts';

/** Shared by all copies of this package that a program has loaded. */
const BRAND = Symbol.for('fila.error');

/** The broker's codes, those of this package, and `http_<status>` for an answer that is not the broker's. */
export type FilaErrorCode =
  | HttpErrorCode
  | 'connection_failed'
  | 'timed_out'
  | 'aborted'
  | 'invalid_answer'
  | 'invalid_argument'
  | (string & {});

export interface ErrorFacts {
  code: FilaErrorCode;
  /** What a person reads. Never holds a key. */
  detail: string;
  /** Whether the same call may succeed later. */
  retryable: boolean;
  status?: number;
  /** The broker's log has the call under this id. */
  requestId?: string;
  /** Places in the body or query that are wrong. */
  errors?: NonNullable<Problem['errors']>;
  /** How long the broker asked to stay away. */
  retryAfterMs?: number;
  cause?: unknown;
}

export class FilaError extends Error {
  declare readonly name: string;
  declare readonly code: FilaErrorCode;
  declare readonly detail: string;
  declare readonly retryable: boolean;
  declare readonly status?: number;
  declare readonly requestId?: string;
  declare readonly errors?: ErrorFacts['errors'];
  declare readonly retryAfterMs?: number;

  constructor({ cause, ...facts }: ErrorFacts) {
    super(facts.detail, cause === undefined ? undefined : { cause });
    // Only what is known becomes a property: a printed error has no "undefined" in it.
    Object.assign(this, Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined)));
  }

  get [BRAND](): true {
    return true;
  }
}

/** 401, 403: no key, or one that is not accepted. */
export class NotAllowed extends FilaError {
  declare readonly name: 'NotAllowed';
}
/** 404: nothing here, or not for this key. */
export class NotFound extends FilaError {
  declare readonly name: 'NotFound';
}
/** 409: the present state does not allow this. */
export class Conflict extends FilaError {
  declare readonly name: 'Conflict';
}
/** 400, 413, 415, 422, and arguments that this package refuses to send: the call itself is wrong. */
export class InvalidRequest extends FilaError {
  declare readonly name: 'InvalidRequest';
}
/** 429: too many calls; `retryAfterMs` says how long. */
export class RateLimited extends FilaError {
  declare readonly name: 'RateLimited';
}
/** 5xx: the broker, or a proxy before it, cannot answer now. */
export class Unavailable extends FilaError {
  declare readonly name: 'Unavailable';
}
/** No connection, or it broke before the answer was complete. */
export class ConnectionFailed extends FilaError {
  declare readonly name: 'ConnectionFailed';
}
/** No answer within `timeoutMs`. */
export class TimedOut extends FilaError {
  declare readonly name: 'TimedOut';
}
/** The caller's signal stopped the call; `cause` is the signal's reason. */
export class Aborted extends FilaError {
  declare readonly name: 'Aborted';
}

/** The request itself failed, or was cancelled, or expired; `code` says why. Thrown where only its text was asked for. */
export class RequestFailed extends FilaError {
  declare readonly name: 'RequestFailed';
  declare readonly request: Request;

  constructor(request: Request) {
    const { status, error } = request;
    super({
      code: error?.code ?? status,
      detail: error?.message ?? `The request is ${status}.`,
      retryable: false,
    });
    // Printed, it would bring prompt-related data into logs.
    Object.defineProperty(this, 'request', { value: request, enumerable: false });
  }
}

const KINDS = {
  FilaError,
  NotAllowed,
  NotFound,
  Conflict,
  InvalidRequest,
  RateLimited,
  Unavailable,
  ConnectionFailed,
  TimedOut,
  Aborted,
  RequestFailed,
};
// On the prototype, so that the first line of the stack has it, and as text, so that a minifier cannot change it.
for (const [name, kind] of Object.entries(KINDS)) {
  Object.defineProperty(kind.prototype, 'name', { value: name });
}

/** Like `instanceof FilaError`, and true as well for an error of another copy of this package. */
export function isFilaError(error: unknown): error is FilaError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}

/** The error of the kind that belongs to an HTTP status. */
export function errorOfStatus(status: number, facts: ErrorFacts): FilaError {
  const Kind = kindOfStatus(status);
  return new Kind({ ...facts, status });
}

export function invalidArgument(detail: string): FilaError {
  return new InvalidRequest({ code: 'invalid_argument', detail, retryable: false });
}

function kindOfStatus(status: number): typeof FilaError {
  if (status >= 500) return Unavailable;
  switch (status) {
    case 401:
    case 403:
      return NotAllowed;
    case 404:
      return NotFound;
    case 409:
      return Conflict;
    case 429:
      return RateLimited;
    case 400:
    case 413:
    case 415:
    case 422:
      return InvalidRequest;
    default:
      return FilaError;
  }
}
