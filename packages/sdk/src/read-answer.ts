/** Makes data or a typed error of what came back over HTTP. */
import { errorOfStatus, FilaError } from './errors.ts';
import type { FilaResponse } from './fila-promise.ts';
import { isRetryable, parseRetryAfterMs } from './retry.ts';
import type { Problem } from './types.generated.ts';

const MAX_FOREIGN_TEXT = 200;

/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

export interface Received {
  status: number;
  headers: Headers;
  text: string;
}

/** `isData` tells of a status that is not 2xx whether its body is data all the same. */
export function readAnswer<T>(
  received: Received,
  redact: Redact,
  isData: (status: number, body: object) => boolean = () => false,
): FilaResponse<T> | FilaError {
  const { status, headers, text } = received;
  const requestId = headers.get('x-request-id') ?? undefined;
  const isGood = status >= 200 && status < 300;
  const body = parseObject(text);
  if (body && (isGood || isData(status, body))) return { data: body as T, status, headers, requestId };
  if (isGood) {
    // Nothing of the body goes into the error: it may hold an answer, or a new key.
    const detail = `The answer (${status}) is not a JSON object: is this address a Fila broker?`;
    return new FilaError({ code: 'invalid_answer', detail, retryable: false, status, requestId });
  }
  return errorOf(received, redact, requestId);
}

function errorOf({ status, headers, text }: Received, redact: Redact, requestId?: string): FilaError {
  const problem: Partial<Problem> = parseObject(text, redact) ?? {};
  const retryAfterMs =
    parseRetryAfterMs(headers.get('retry-after'), Date.now()) ??
    (typeof problem.retry_after === 'number' ? problem.retry_after * 1000 : undefined);
  if (!isText(problem.code)) {
    const code = `http_${status}`;
    const detail = foreignDetail(status, headers, redact(text));
    return errorOfStatus(status, {
      code,
      detail,
      retryable: isRetryable(status, code),
      requestId,
      retryAfterMs,
    });
  }
  return errorOfStatus(status, {
    code: problem.code,
    detail: [problem.detail, problem.title].find(isText) ?? `The broker answered ${status}.`,
    retryable: isRetryable(status, problem.code),
    requestId: requestId ?? problem.request_id,
    errors: Array.isArray(problem.errors) ? problem.errors : undefined,
    retryAfterMs,
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** For what a proxy or another server says: its text without tags, cut short. */
function foreignDetail(status: number, headers: Headers, text: string): string {
  const location = headers.get('location');
  // Following it could carry prompts to a host that nobody named.
  if (location)
    return `The server answered ${status} and points to another address; set url to the broker's own.`;
  const plain = text
    .replace(/<(script|style|head)\b[\s\S]*?<\/\1>|<[^>]*>/gi, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const short = plain.length > MAX_FOREIGN_TEXT ? `${plain.slice(0, MAX_FOREIGN_TEXT)}…` : plain;
  return `Something that is not Fila answered ${status}${short ? `: ${short}` : ''}`;
}

function parseObject(text: string, redact?: Redact): object | undefined {
  try {
    const value: unknown = JSON.parse(
      text,
      redact && ((_, inner: unknown) => (isText(inner) ? redact(inner) : inner)),
    );
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
