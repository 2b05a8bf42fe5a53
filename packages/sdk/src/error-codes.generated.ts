/** Generated from packages/php-bridge-spec by `npm run generate`. Do not edit. */

export const HTTP_ERRORS = {
  malformed_json: { status: 400, retryable: false, title: 'The body is not JSON' },
  bad_request: { status: 400, retryable: false, title: 'The call is malformed' },
  invalid_cursor: { status: 400, retryable: false, title: 'The cursor is not one of ours' },
  unauthorized: { status: 401, retryable: false, title: 'The key is missing or not accepted' },
  totp_required: { status: 401, retryable: false, title: 'A code of the second factor is needed too' },
  forbidden: { status: 403, retryable: false, title: 'This is not allowed for who calls' },
  step_up_required: { status: 403, retryable: false, title: 'A fresh proof of who calls is needed' },
  scope_missing: { status: 403, retryable: false, title: 'The key may not make this kind of call' },
  model_not_allowed: { status: 403, retryable: false, title: 'The key may not use this model' },
  queue_not_allowed: { status: 403, retryable: false, title: 'The key may not use this queue' },
  address_not_allowed: { status: 403, retryable: false, title: 'The key may not be used from here' },
  not_found: { status: 404, retryable: false, title: 'There is nothing here' },
  method_not_allowed: { status: 405, retryable: false, title: 'The method is not allowed here' },
  conflict: { status: 409, retryable: false, title: 'The present state does not allow this' },
  body_too_large: { status: 413, retryable: false, title: 'The body is too large' },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    title: 'The Content-Type is not application/json',
  },
  validation_failed: { status: 422, retryable: false, title: 'The body or a parameter is not valid' },
  idempotency_mismatch: {
    status: 422,
    retryable: false,
    title: 'The Idempotency-Key was used with another body',
  },
  rate_limited: { status: 429, retryable: true, title: 'A limit is reached' },
  blocked: { status: 429, retryable: true, title: 'Too many calls were refused' },
  headers_too_large: { status: 431, retryable: false, title: 'The headers are too large' },
  internal_error: { status: 500, retryable: true, title: 'The broker made a mistake' },
  unavailable: { status: 503, retryable: true, title: 'The broker cannot do this now' },
  queue_full: { status: 503, retryable: true, title: 'The queue is full' },
  queue_draining: { status: 503, retryable: true, title: 'The queue takes nothing new' },
  overloaded: { status: 503, retryable: true, title: 'The broker takes fewer requests now' },
} as const;

export type HttpErrorCode = keyof typeof HTTP_ERRORS;

/** Why a request failed. */
export const REQUEST_ERRORS = {
  model_not_found: { retryable: false },
  model_not_allowed: { retryable: false },
  upstream_rejected: { retryable: false },
  context_exceeded: { retryable: false },
  upstream_unreachable: { retryable: true },
  upstream_timeout: { retryable: true },
  upstream_failed: { retryable: true },
  upstream_busy: { retryable: true },
  upstream_incomplete: { retryable: true },
  upstream_invalid: { retryable: true },
  deadline_exceeded: { retryable: false },
  poison: { retryable: false },
  unreadable: { retryable: false },
  internal_error: { retryable: true },
} as const;

export type RequestErrorCode = keyof typeof REQUEST_ERRORS;
