/** What went wrong, as a status and a sentence that any of the APIs can put into its own form. */
import type { Request } from '../../kernel/contract.generated.ts';
import type { FilaError } from '../../kernel/errors.ts';

export interface DoorError {
  readonly status: number;
  /** One of ours, from errors.json. */
  readonly code: string;
  readonly message: string;
  /** The place that is wrong, such as `temperature`. */
  readonly param?: string;
  /** False: the broker has tried all it may; the same call again would only cost again. */
  readonly isWorthRetrying: boolean;
}

/** Of a request that has failed; any other failure of a call to a model is a 502. */
const STATUS: Readonly<Record<string, number>> = {
  model_not_found: 404,
  model_not_allowed: 403,
  upstream_rejected: 400,
  context_exceeded: 400,
  upstream_unreachable: 503,
  upstream_busy: 503,
  upstream_timeout: 504,
  deadline_exceeded: 504,
  poison: 500,
  unreadable: 500,
  internal_error: 500,
};

/** These APIs know no 422. */
export function ofCall({ status, code, message, retryable, details }: FilaError): DoorError {
  const [place] = details.errors ?? [];
  const param = place && { param: place.pointer.slice(1).replaceAll('/', '.') };
  return { status: status === 422 ? 400 : status, code, message, ...param, isWorthRetrying: retryable };
}

/** Null when it was answered. */
export function ofRequest({ status, error, model }: Request): DoorError | null {
  // One whose answer cannot be decrypted any more is completed and has an error.
  if (status === 'completed' && !error) return null;
  if (status === 'cancelled')
    return { status: 499, code: 'cancelled', message: 'The request was cancelled.', isWorthRetrying: false };
  const { code, message } = error ?? { code: 'internal_error', message: `The request is ${status}.` };
  const text = code === 'model_not_found' ? `model '${model}' not found` : message;
  return { status: STATUS[code] ?? 502, code, message: text, isWorthRetrying: false };
}

export const RESTARTED: DoorError = {
  ...{ status: 502, code: 'upstream_failed', isWorthRetrying: true },
  message: 'The model failed in the middle of its answer. Send it again.',
};

export const STOPPING: DoorError = {
  ...{ status: 503, code: 'unavailable', isWorthRetrying: true },
  message: 'The broker is stopping. Send it again.',
};
