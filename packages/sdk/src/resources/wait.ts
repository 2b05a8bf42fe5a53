/** Waits until a request is final, by long polls, through whatever happens to the broker meanwhile. */
import { TimedOut } from '../errors.ts';
import type { FilaResponse } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { Sleep } from '../sleep.ts';
import type { Request, RequestStatus } from '../types.generated.ts';

const DEFAULT_TIMEOUT_MS = 600_000;
const LONG_POLL_SECONDS = 20;
/** The broker answers a long poll only at its end: who wants to see changes has to ask more often. */
const WATCHING_POLL_SECONDS = 2;
/** For a proxy that takes the wish to wait out of the call: without it polls would follow each other at once. */
const MIN_GAP_MS = 500;

const FINAL: ReadonlySet<RequestStatus> = new Set<RequestStatus>([
  'completed',
  'failed',
  'cancelled',
  'expired',
]);

export interface WaitOptions extends Pick<CallOptions, 'signal' | 'headers'> {
  /** For all of it, not for one attempt. Default: ten minutes. The request goes on after it. */
  timeoutMs?: number;
  /** Called with the request as it is first seen, and when its status or its number of attempts has changed. */
  onChange?: (request: Request) => void;
}

export interface Waiting extends WaitOptions {
  send: Send;
  sleep: Sleep;
  /** On the clock of performance.now(). */
  deadlineMs: number;
}

/** When a wait that begins now is over. */
export function waitDeadlineMs({ timeoutMs = DEFAULT_TIMEOUT_MS }: WaitOptions): number {
  return performance.now() + timeoutMs;
}

/**
 * The answer with the final request; `known` is an answer that the caller has already. Lost connections and answers
 * that may be better later are tried again until the deadline; then it throws TimedOut, whose cause is the last of them.
 */
export async function waitUntilFinal(
  path: string,
  id: string,
  waiting: Waiting,
  known?: FilaResponse<Request>,
): Promise<FilaResponse<Request>> {
  const { send, sleep, deadlineMs, signal, headers } = waiting;
  const tell = onlyChanges(waiting.onChange);
  let nextPollMs = 0;

  async function poll(): Promise<FilaResponse<Request>> {
    const nowMs = performance.now();
    if (nowMs < nextPollMs) await sleep(Math.min(nextPollMs, deadlineMs) - nowMs, signal);
    const remainingMs = deadlineMs - performance.now();
    if (remainingMs <= 0) throw notFinalInTime(id);
    nextPollMs = performance.now() + MIN_GAP_MS;
    const pollSeconds = waiting.onChange ? WATCHING_POLL_SECONDS : LONG_POLL_SECONDS;
    const waitSeconds = Math.min(pollSeconds, Math.ceil(remainingMs / 1000));
    try {
      return await send<Request>(
        { method: 'GET', path, id, as: 'client', waitSeconds, deadlineMs },
        { signal, headers, maxRetries: Infinity },
      ).withResponse();
    } catch (error) {
      throw error instanceof TimedOut ? notFinalInTime(id, error.cause) : error;
    }
  }

  let answer = known ?? (await poll());
  tell(answer.data);
  while (!FINAL.has(answer.data.status)) {
    answer = await poll();
    tell(answer.data);
  }
  return answer;
}

function onlyChanges(onChange: WaitOptions['onChange']): (request: Request) => void {
  let seen = '';
  return (request) => {
    const now = `${request.status} ${request.attempts}`;
    if (now !== seen) onChange?.(request);
    seen = now;
  };
}

function notFinalInTime(id: string, cause?: unknown): TimedOut {
  const detail = `${id} was not final in time. It goes on: wait for it again, or cancel it.`;
  return new TimedOut({ code: 'timed_out', detail, retryable: true, cause });
}
