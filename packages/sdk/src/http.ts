/** The only fetch: headers, timeout, retries, abort, and the hook that sees each attempt. */
import { Aborted, ConnectionFailed, FilaError, invalidArgument, NotAllowed, TimedOut } from './errors.ts';
import { filaPromise, type FilaPromise, type FilaResponse } from './fila-promise.ts';
import { readAnswer, type Redact } from './read-answer.ts';
import { isWorthTrying, retryDelayMs } from './retry.ts';
import { MAX_TIMER_MS, type Sleep } from './sleep.ts';

export const SDK_VERSION = '0.1.0';

export interface CallOptions {
  /** Stops the call at once, also between two attempts. */
  signal?: AbortSignal;
  /** For one attempt; what `waitSeconds` lets the broker take comes on top. */
  timeoutMs?: number;
  maxRetries?: number;
  /** Added to the call's own headers, and stronger than they are. */
  headers?: Record<string, string>;
}

/** What the `onAttempt` hook hears. Holds neither bodies nor keys. */
export interface Attempt {
  method: string;
  /** Without the query. */
  path: string;
  /** 1 for the first. */
  attempt: number;
  /** Absent when no answer came. */
  status?: number;
  durationMs: number;
  /** The code of the error, if it failed. */
  error?: string;
}

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpSettings {
  /** Without a slash at the end. */
  url: string;
  apiKey: string | undefined;
  adminToken: string | undefined;
  maxRetries: number;
  timeoutMs: number;
  userAgent: string | undefined;
  fetch: FetchLike;
  onAttempt: ((attempt: Attempt) => void) | undefined;
  sleep: Sleep;
  /** In [0, 1). */
  random: () => number;
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `{id}` stands for the id. */
  path: string;
  id?: string;
  /** Whose secret goes along: the API key, the admin token, none. */
  as: 'client' | 'admin' | 'anyone';
  /** `true` stands for a name without a value; undefined is left out. */
  query?: object;
  body?: unknown;
  /** Instead of a body: lines of JSON. */
  lines?: string;
  /** The same in all attempts, so that the broker does the work once. */
  idempotencyKey?: string;
  /** How long the broker may hold the call back to answer with a final request. */
  waitSeconds?: number;
  /** On the clock of performance.now(): no attempt goes on, and none begins, after it. */
  deadlineMs?: number;
  /** Says of an answer that is not 2xx whether it is data all the same. */
  isData?: (status: number, body: object) => boolean;
}

export type Send = <T>(call: Call, options?: CallOptions) => FilaPromise<T>;

/** One attempt whose answer is read as it comes; `timeoutMs` is the longest silence. Throws what `Send` would. */
export type Open = (call: Call, options?: CallOptions) => AsyncGenerator<Uint8Array, void>;

/** A call as it goes out, the same in all attempts. */
interface Prepared {
  path: string;
  url: string;
  init: RequestInit & { method: string };
  timeoutMs: number;
  deadlineMs: number;
  signal: AbortSignal | undefined;
  redact: Redact;
  isData: Call['isData'];
}

interface Outcome<T> {
  /** Known as soon as an answer began. */
  status?: number;
  result: FilaResponse<T> | FilaError;
}

/** A failure of one attempt is a value: the loop decides whether it becomes the caller's. */
export function createSend(settings: HttpSettings): Send {
  async function exchange<T>(call: Call, options: CallOptions): Promise<FilaResponse<T>> {
    const prepared = prepare(settings, call, options);
    const { signal, deadlineMs } = prepared;
    const maxRetries = options.maxRetries ?? settings.maxRetries;
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted) throw aborted(signal);
      const { result } = await watched(attempt, prepared, () => attemptOnce<T>(prepared));
      if (!(result instanceof FilaError)) return result;
      if (!result.retryable || attempt > maxRetries) throw result;
      if (!isWorthTrying(result.status, result.retryAfterMs)) throw result;
      const delayMs = retryDelayMs(attempt - 1, result.retryAfterMs, settings.random());
      if (performance.now() + delayMs >= deadlineMs) throw timedOut(prepared, result);
      await settings.sleep(delayMs, signal);
    }
  }

  async function attemptOnce<T>(prepared: Prepared): Promise<Outcome<T>> {
    const { url, init, signal, redact } = prepared;
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    const remainingMs = prepared.deadlineMs - performance.now();
    const timer = setTimeout(stop, Math.min(prepared.timeoutMs, remainingMs, MAX_TIMER_MS));
    signal?.addEventListener('abort', stop);
    let status: number | undefined;
    try {
      const response = await settings.fetch(url, { ...init, signal: controller.signal });
      status = response.status;
      const received = { status, headers: response.headers, text: await response.text() };
      return { status, result: readAnswer<T>(received, redact, prepared.isData) };
    } catch (error) {
      return { status, result: failureOf(error, { settings, prepared, isLate: controller.signal.aborted }) };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  async function watched<T>(
    attempt: number,
    { init, path }: Prepared,
    run: () => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> {
    const startedMs = performance.now();
    const outcome = await run();
    const error = outcome.result instanceof FilaError ? outcome.result.code : undefined;
    const durationMs = performance.now() - startedMs;
    tell(settings, { method: init.method, path, attempt, status: outcome.status, durationMs, error });
    return outcome;
  }

  return (call, options = {}) => filaPromise(exchange(call, options));
}

export function createOpen(settings: HttpSettings): Open {
  return async function* (call, options = {}) {
    const prepared = prepare(settings, call, options);
    const { url, init, signal, redact, path } = prepared;
    if (signal?.aborted) throw aborted(signal);
    const startedMs = performance.now();
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    const listen = (): NodeJS.Timeout => setTimeout(stop, Math.min(prepared.timeoutMs, MAX_TIMER_MS));
    let timer = listen();
    let status: number | undefined;
    let code: string | undefined;
    signal?.addEventListener('abort', stop);
    try {
      const response = await settings.fetch(url, { ...init, signal: controller.signal });
      status = response.status;
      const { headers } = response;
      if (
        !/^(text\/event-stream|application\/x-ndjson)\b/.test(headers.get('content-type') ?? '') ||
        !response.body
      )
        throw notAStream(readAnswer({ status, headers, text: await response.text() }, redact));
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(timer);
        yield part.value;
        timer = listen();
      }
    } catch (error) {
      const failed = failureOf(error, { settings, prepared, isLate: controller.signal.aborted });
      code = failed.code;
      throw failed;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      stop();
      const durationMs = performance.now() - startedMs;
      tell(settings, { method: init.method, path, attempt: 1, status, durationMs, error: code });
    }
  };
}

function notAStream(answer: FilaResponse<unknown> | FilaError): FilaError {
  if (answer instanceof FilaError) return answer;
  const { status, requestId } = answer;
  const detail = `The answer (${status}) is no stream: is this address a Fila broker?`;
  return new FilaError({ code: 'invalid_answer', detail, retryable: false, status, requestId });
}

function failureOf(
  error: unknown,
  { settings, prepared, isLate }: { settings: HttpSettings; prepared: Prepared; isLate: boolean },
): FilaError {
  if (error instanceof FilaError) return error;
  if (prepared.signal?.aborted) return aborted(prepared.signal);
  return isLate ? timedOut(prepared) : connectionFailed(settings.url, error, prepared.redact);
}

function tell(settings: HttpSettings, attempt: Attempt): void {
  try {
    settings.onAttempt?.(attempt);
  } catch {
    // Whoever only watches must not decide how the call ends.
  }
}

function prepare(settings: HttpSettings, call: Call, options: CallOptions): Prepared {
  const headers = headersOf(settings, call, options);
  const secrets = [headers.get('authorization')?.replace(/^\S+ /, ''), headers.get('x-api-key')];
  let body: string | undefined;
  try {
    body = call.body === undefined ? call.lines : JSON.stringify(call.body);
  } catch {
    throw invalidArgument('The body cannot be written as JSON.');
  }
  const path = pathOf(call);
  return {
    path,
    url: settings.url + path + queryOf(call.query),
    // A redirect would turn a POST into a GET, or carry a prompt to a host that nobody named.
    init: { method: call.method, headers, body, redirect: 'manual' },
    timeoutMs: (options.timeoutMs ?? settings.timeoutMs) + (call.waitSeconds ?? 0) * 1000,
    deadlineMs: call.deadlineMs ?? Infinity,
    signal: options.signal,
    isData: call.isData,
    redact: (text) =>
      secrets.reduce<string>((left, secret) => (secret ? left.replaceAll(secret, '[secret]') : left), text),
  };
}

function headersOf(settings: HttpSettings, call: Call, options: CallOptions): Headers {
  const headers = new Headers({
    accept: 'application/json, application/problem+json',
    'user-agent': `fila-sdk/${SDK_VERSION}${settings.userAgent ? ` ${settings.userAgent}` : ''}`,
  });
  if (call.body !== undefined) headers.set('content-type', 'application/json');
  if (call.lines !== undefined) headers.set('content-type', 'application/x-ndjson');
  if (call.waitSeconds) headers.set('prefer', `wait=${Math.ceil(call.waitSeconds)}`);
  const secret = { client: settings.apiKey, admin: settings.adminToken, anyone: undefined }[call.as];
  if (secret) headers.set('authorization', `Bearer ${secret}`);
  try {
    if (call.idempotencyKey) headers.set('idempotency-key', call.idempotencyKey);
    for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
  } catch {
    // Not passed on as the cause: it quotes the value, which may be a secret.
    throw invalidArgument('A header has a name or a value that cannot be sent.');
  }
  const isAnonymous = !headers.has('authorization') && !headers.has('x-api-key');
  if (call.as !== 'anyone' && isAnonymous) throw missingSecret(call.as);
  return headers;
}

/** Refuses an id that would make another path: an empty one addresses the list, ".." the folder above. */
function pathOf({ path, id }: Call): string {
  if (!path.includes('{id}')) return path;
  if (typeof id !== 'string' || !/^[\w-]+$/.test(id)) throw invalidArgument('This is not an id of Fila.');
  return path.replace('{id}', id);
}

function queryOf(query: object = {}): string {
  const parts = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => (value === true ? name : `${name}=${encodeURIComponent(String(value))}`));
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}

function missingSecret(as: 'client' | 'admin'): FilaError {
  const [what, option, env] =
    as === 'client' ? ['API key', 'apiKey', 'FILA_API_KEY'] : ['admin token', 'adminToken', 'FILA_TOKEN'];
  const detail = `There is no ${what}: pass ${option} to new Fila(), or set ${env}.`;
  return new NotAllowed({ code: 'unauthorized', detail, retryable: false });
}

function aborted(signal: AbortSignal): FilaError {
  const detail = 'The caller stopped the call.';
  return new Aborted({ code: 'aborted', detail, retryable: false, cause: signal.reason });
}

function timedOut({ init, path }: Prepared, cause?: FilaError): FilaError {
  const detail = `${init.method} ${path} had no answer in time.`;
  return new TimedOut({ code: 'timed_out', detail, retryable: true, cause });
}

function connectionFailed(url: string, error: unknown, redact: Redact): FilaError {
  const chain: unknown[] = [error];
  // fetch says "fetch failed" and tells why in its cause, or in the cause of that.
  for (let next = causeOf(error); next !== undefined && chain.length < 5; next = causeOf(next))
    chain.push(next);
  const root = chain.at(-1) as { code?: unknown; message?: unknown } | undefined;
  const reason = redact(String(root?.code ?? root?.message ?? root));
  const text = chain
    .map((link) => (link instanceof Error ? `${link.message} ${link.stack}` : String(link)))
    .join();
  return new ConnectionFailed({
    code: 'connection_failed',
    detail: `The connection to ${url} failed: ${reason}.`,
    retryable: true,
    cause: redact(text) === text ? error : undefined,
  });
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
