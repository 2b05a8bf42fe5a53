/** Looks at something again and again until it is over, through whatever happens to the broker meanwhile. */
import { TimedOut } from '../errors.ts';
import type { FilaResponse } from '../fila-promise.ts';
import type { Call, CallOptions, Send } from '../http.ts';
import type { Sleep } from '../sleep.ts';

export interface PollOptions<T> extends Pick<CallOptions, 'signal' | 'headers'> {
  timeoutMs: number;
  onChange?: (seen: T) => void;
}

export interface Poll<T> {
  send: Send;
  sleep: Sleep;
  call: Call & { id: string };
  pollMs: number;
  isOver: (seen: T) => boolean;
  /** What of it makes a change worth telling. */
  changing: (seen: T) => unknown;
}

/** Throws TimedOut, whose cause is the last that went wrong. */
export async function pollUntilOver<T>(
  { send, sleep, call, pollMs, isOver, changing }: Poll<T>,
  { timeoutMs, onChange, signal, headers }: PollOptions<T>,
): Promise<FilaResponse<T>> {
  const deadlineMs = performance.now() + timeoutMs;
  for (let seen = ''; ;) {
    const answer = await send<T>({ ...call, deadlineMs }, { signal, headers, maxRetries: Infinity })
      .withResponse()
      .catch((error: unknown) => {
        throw error instanceof TimedOut ? notOverInTime(call.id, error.cause) : error;
      });
    const now = JSON.stringify(changing(answer.data));
    if (now !== seen) onChange?.(answer.data);
    seen = now;
    if (isOver(answer.data)) return answer;
    const remainingMs = deadlineMs - performance.now();
    if (remainingMs <= 0) throw notOverInTime(call.id);
    await sleep(Math.min(pollMs, remainingMs), signal);
  }
}

function notOverInTime(id: string, cause?: unknown): TimedOut {
  const detail = `${id} was not over in time. It goes on: wait for it again, or cancel it.`;
  return new TimedOut({ code: 'timed_out', detail, retryable: true, cause });
}
