/** Reads on through cut connections: each goes on where the one before was cut. */
import { ConnectionFailed, FilaError } from './errors.ts';
import type { Open } from './http.ts';
import { retryDelayMs } from './retry.ts';
import type { Sleep } from './sleep.ts';

export interface Streaming {
  open: Open;
  sleep: Sleep;
  random: () => number;
  /** Connections in a row that bring nothing new, unless a call says otherwise. */
  reconnects: number;
}

/** `connect` makes one connection, says `isNew` for what was not heard before, and returns when all is heard. */
export async function* throughCuts<T>(
  { sleep, random, reconnects }: Streaming,
  connect: (isNew: () => void) => AsyncGenerator<T, void>,
  { maxRetries = reconnects, signal }: { maxRetries?: number; signal?: AbortSignal },
): AsyncGenerator<T, void> {
  for (let failures = 0; ; failures++) {
    let failure: FilaError;
    try {
      return yield* connect(() => (failures = 0));
    } catch (error) {
      if (!(error instanceof FilaError) || !error.retryable) throw error;
      failure = error;
    }
    if (failures >= maxRetries) throw failure;
    await sleep(retryDelayMs(failures, failure.retryAfterMs, random()), signal);
  }
}

export function cutOff(detail: string): FilaError {
  return new ConnectionFailed({ code: 'connection_failed', detail, retryable: true });
}
