/** The one error class for calls that cannot be answered; its codes come from the contract's errors.json. */
import { HTTP_ERRORS, type HttpErrorCode } from './error-codes.generated.ts';

export interface ErrorDetails {
  /** What a person reads: what is wrong with this very call. Never a stack, SQL or a host name. */
  detail?: string;
  /** Places in the body or query that are wrong. */
  errors?: readonly WrongPlace[];
  /** Seconds after which trying again makes sense. */
  retryAfter?: number;
  /** Which limit refused the call. */
  limit?: string;
  /** For the log only. */
  cause?: unknown;
}

/** `line` and `custom_id`: of an upload; the pointer is into that line. */
export interface WrongPlace {
  readonly pointer: string;
  readonly detail: string;
  readonly line?: number;
  readonly custom_id?: string;
}

export class FilaError extends Error {
  override readonly name = 'FilaError';
  readonly code: HttpErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(code: HttpErrorCode, details: ErrorDetails = {}) {
    const row = HTTP_ERRORS[code];
    super(details.detail ?? row.title, { cause: details.cause });
    this.code = code;
    this.status = row.status;
    this.retryable = row.retryable;
    this.details = details;
  }
}

/** The way to raise one: `throw fail('not_found')`. */
export function fail(code: HttpErrorCode, details?: ErrorDetails): FilaError {
  return new FilaError(code, details);
}
