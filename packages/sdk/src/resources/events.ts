/** The stream of events, read through lost connections and restarts of the broker. */
import { readEvents, type ServerSentEvent } from '../event-source.ts';
import type { FilaError } from '../errors.ts';
import { ConnectionFailed, isFilaError } from '../errors.ts';
import type { CallOptions, OpenStream } from '../http.ts';
import { retryDelayMs } from '../retry.ts';
import type { Sleep } from '../sleep.ts';
import type { Event } from '../types.generated.ts';

export type EventKind = 'request' | 'upstream' | 'limit' | 'webhook' | 'broker' | 'overview';

/** What `onConnection` hears. */
export interface EventConnection {
  isConnected: boolean;
  /** Why not. */
  error?: FilaError;
  /** Until the next attempt. */
  retryInMs?: number;
}

export interface EventsOptions extends Pick<CallOptions, 'signal' | 'headers'> {
  /** Default: all but overview. */
  kinds?: readonly EventKind[];
  /** What is more than this is left out, and counted in an event of type `gap`. */
  mostPerSecond?: number;
  /** Time between two events that carry the overview, if that is among the kinds. */
  overviewMs?: number;
  /** How many lanes and keys the overview names. */
  busiest?: number;
  /** Go on after this one, as far as the broker still has what came after. */
  lastEventId?: string;
  /** Called when the connection is there, and when it is lost. */
  onConnection?: (connection: EventConnection) => void;
  /** A connection without any sign of life for so long is given up. Default: 45 s. */
  silenceMs?: number;
}

const DEFAULT_SILENCE_MS = 45_000;
const MOST_DOUBLINGS = 4;

interface EventsDeps {
  sleep: Sleep;
  /** In [0, 1). */
  random: () => number;
}

export function createEvents(open: OpenStream, { sleep, random }: EventsDeps) {
  return async function* events(options: EventsOptions): AsyncGenerator<Event, void, undefined> {
    const { signal, silenceMs = DEFAULT_SILENCE_MS, onConnection } = options;
    let { lastEventId } = options;
    for (let failures = 0; !signal?.aborted; failures++) {
      const silence = watchSilence(silenceMs, signal);
      try {
        const stream = await open(callOf(options), {
          signal: silence.signal,
          headers: { ...options.headers, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
        });
        onConnection?.({ isConnected: true });
        for await (const message of readEvents(stream)) {
          silence.heard();
          failures = 0;
          const event = message && eventIn(message);
          if (!event) continue;
          if (event.id) lastEventId = event.id;
          yield event;
        }
        throw lost('The broker ended the stream.');
      } catch (thrown) {
        if (signal?.aborted) return;
        const error = isFilaError(thrown) ? thrown : lost('The connection broke.', thrown);
        const isSilence = error.code === 'aborted';
        if (!error.retryable && !isSilence) throw error;
        const retryInMs = retryDelayMs(Math.min(failures, MOST_DOUBLINGS), error.retryAfterMs, random());
        onConnection?.({ isConnected: false, error, retryInMs });
        await sleep(retryInMs, signal);
      } finally {
        silence.stop();
      }
    }
  };
}

function callOf({ kinds, mostPerSecond, overviewMs, busiest }: EventsOptions) {
  const query = {
    ...{ kinds: kinds?.join(','), most_per_second: mostPerSecond, overview_ms: overviewMs, busiest },
  };
  return { method: 'GET', path: '/api/v1/admin/events', as: 'admin', query } as const;
}

/** From a broker of another version, perhaps: what is no event is left out. */
function eventIn({ data }: ServerSentEvent): Event | undefined {
  try {
    const event = JSON.parse(data) as Event | null;
    return typeof event?.type === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}

function lost(detail: string, cause?: unknown): FilaError {
  return new ConnectionFailed({ code: 'connection_failed', detail, retryable: true, cause });
}

/** A signal that fires when the caller's does, or when nothing was heard for so long. */
function watchSilence(silenceMs: number, outer: AbortSignal | undefined) {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  outer?.addEventListener('abort', stop);
  let timer = setTimeout(stop, silenceMs);
  return {
    signal: controller.signal,
    heard: () => {
      clearTimeout(timer);
      timer = setTimeout(stop, silenceMs);
    },
    stop: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', stop);
      controller.abort();
    },
  };
}
