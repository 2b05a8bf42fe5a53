/** Turns what went wrong at an upstream into an outcome whose message a client may read. */
import { REQUEST_ERRORS, type RequestErrorCode } from '../../kernel/error-codes.generated.ts';

export type Phase = 'connect' | 'first_token' | 'stream';

export interface Failure {
  readonly kind: 'failed';
  readonly code: RequestErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

export interface Busy {
  readonly kind: 'busy';
  readonly message: string;
}

export function failure(
  code: RequestErrorCode,
  message: string,
  retryable: boolean = REQUEST_ERRORS[code].retryable,
): Failure {
  return { kind: 'failed', code, message, retryable };
}

interface Phrase {
  readonly pattern: RegExp;
  readonly code: RequestErrorCode;
  readonly say: string;
}

/**
 * What Ollama is known to say, first match wins. Its own words never reach a client, because they may quote the
 * prompt, an address or a path: only our sentence does, with single words ($1, $2) taken over.
 */
const PHRASES: readonly Phrase[] = [
  {
    pattern: /option "(\w{1,40})" must be of type (\w{1,20})/,
    code: 'upstream_rejected',
    say: 'The option $1 must be of type $2.',
  },
  {
    pattern:
      /(?:exceed(?:s|ed)?|longer than|larger than)\b.{0,40}\bcontext (?:length|size|window)|context (?:length|size|window)\b.{0,20}\bexceeded/i,
    code: 'context_exceeded',
    say: "The prompt is longer than the model's context.",
  },
  {
    pattern: /does not support (\w{1,20})/,
    code: 'upstream_rejected',
    say: 'The model does not support $1.',
  },
  {
    pattern: /\bcloud\b.{0,80}\bdisabled|\bdisabled\b.{0,80}\bcloud\b/i,
    code: 'model_not_allowed',
    say: 'The model runs in the cloud, which is switched off at the upstream.',
  },
  {
    pattern: /requires more (?:system |GPU )?memory|out of memory|insufficient memory|cudaMalloc/i,
    code: 'upstream_failed',
    say: 'The upstream does not have enough memory for the model.',
  },
  {
    pattern: /terminated: (?:exit status|signal:) (\w{1,20})/,
    code: 'upstream_failed',
    say: "The model's runner ended unexpectedly ($1).",
  },
  {
    pattern: /runner has unexpectedly stopped|runner process (?:has terminated|no longer running)/i,
    code: 'upstream_failed',
    say: "The model's runner ended unexpectedly, perhaps for lack of memory.",
  },
  {
    pattern: /timed out waiting for/i,
    code: 'upstream_failed',
    say: 'The model took too long to load at the upstream.',
  },
  {
    pattern: /an error was encountered while running the model/,
    code: 'upstream_failed',
    say: 'The model met an error while it ran.',
  },
  {
    pattern: /(?:unable to load|failed to load|error loading) (?:the )?model/i,
    code: 'upstream_failed',
    say: 'The upstream could not load the model.',
  },
  {
    pattern: /(?:request|context) cancell?ed/i,
    code: 'upstream_failed',
    say: 'The upstream gave the request up.',
  },
];

/** Statuses that mean the same whatever the body says; 403 and 405 come without one. */
const ANY_BODY: Readonly<Record<number, Failure>> = {
  403: failure('upstream_rejected', 'The upstream does not accept requests from this broker (status 403).'),
  405: failure('upstream_rejected', 'The upstream does not know this kind of request (status 405).'),
  413: failure('upstream_rejected', 'The request is too large for the upstream (status 413).'),
};

const CLOUD_REFUSED = failure(
  'model_not_allowed',
  'The model runs outside this house, and what runs it refused the request.',
);

/** Statuses of an answer that is Ollama's own: `{"error": "…"}`. */
const OLLAMA_SAYS: Readonly<Record<number, Failure | Busy>> = {
  401: CLOUD_REFUSED,
  404: failure('model_not_found', 'The upstream does not have the model.'),
  429: CLOUD_REFUSED,
  502: CLOUD_REFUSED,
  503: { kind: 'busy', message: 'The queue of the upstream is full.' },
};

/** Statuses of an answer that is not Ollama's: something stands between it and us. */
const PROXY_SAYS: Readonly<Record<number, Failure | Busy>> = {
  408: failure('upstream_timeout', 'Something in front of the upstream waited too long (status 408).'),
  502: failure('upstream_unreachable', 'Something in front of the upstream cannot reach it (status 502).'),
  503: failure('upstream_unreachable', 'Something in front of the upstream cannot reach it (status 503).'),
  504: failure('upstream_timeout', 'Something in front of the upstream waited too long (status 504).'),
  429: {
    kind: 'busy',
    message: 'Something in front of the upstream lets no more calls through (status 429).',
  },
};

/** What an answer other than 200 means. */
export function judgeAnswer(status: number, body: string): Failure | Busy {
  const text = errorText(body);
  const known = text === undefined ? undefined : knownPhrase(text);
  if (status === 403 && known?.code === 'model_not_allowed') return known;
  const always = ANY_BODY[status];
  if (always) return always;
  if (text === undefined) return judgeForeignAnswer(status);
  const fixed = OLLAMA_SAYS[status];
  if (fixed) return fixed;
  if (status < 400) return failure('upstream_invalid', `The upstream answered with status ${status}.`);
  if (status >= 500 || status === 499) {
    return known ?? failure('upstream_failed', `The upstream failed (status ${status}).`);
  }
  // What Ollama calls a bad request stays one, whatever its words remind us of.
  if (known && !known.retryable) return known;
  return failure('upstream_rejected', `The upstream refused the request (status ${status}).`);
}

/** What a line `{"error": "…"}` inside a 200 means. */
export function judgeErrorLine(text: string): Failure {
  return knownPhrase(text) ?? failure('upstream_failed', 'The upstream failed while it answered.');
}

/** What a connection that failed or broke means. */
export function judgeBrokenConnection(error: object, phase: Phase): Failure {
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW')
    return failure('upstream_invalid', 'What the upstream sent is not HTTP.');
  if (phase === 'first_token')
    return failure('upstream_unreachable', 'The connection to the upstream broke before the answer began.');
  if (phase === 'stream')
    return failure(
      'upstream_unreachable',
      'The connection to the upstream broke before the answer was complete.',
    );
  if (code === 'ECONNREFUSED') return failure('upstream_unreachable', 'The upstream refused the connection.');
  return failure('upstream_unreachable', 'There is no connection to the upstream.');
}

const TIMEOUTS = {
  connect: 'The upstream accepted no connection',
  first_token: 'The upstream sent no first token, loading the model included,',
  gap: 'The upstream sent nothing more',
  total: 'The upstream did not finish the answer',
} as const;

export type TimerName = keyof typeof TIMEOUTS;

export function judgeTimeout(timer: TimerName, ms: number): Failure {
  return failure('upstream_timeout', `${TIMEOUTS[timer]} within ${ms} ms (${timer} timer).`);
}

function judgeForeignAnswer(status: number): Failure | Busy {
  const known = PROXY_SAYS[status];
  if (known) return known;
  if (status >= 500) return failure('upstream_failed', `The upstream failed (status ${status}).`);
  return failure('upstream_invalid', `The upstream answered with status ${status}, and not as Ollama does.`);
}

function knownPhrase(text: string): Failure | undefined {
  for (const { pattern, code, say } of PHRASES) {
    const match = pattern.exec(text);
    if (match)
      return failure(
        code,
        say.replace(/\$(\d)/g, (_, group: string) => match[Number(group)] ?? ''),
      );
  }
  return undefined;
}

function errorText(body: string): string | undefined {
  try {
    const error = (JSON.parse(body) as { error?: unknown } | null)?.error;
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
