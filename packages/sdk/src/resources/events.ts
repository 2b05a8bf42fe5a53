/** The stream of events, read through lost connections and restarts of the broker. */
import type { FilaError } from '../errors.ts';
import { isFilaError } from '../errors.ts';
import type { CallOptions } from '../http.ts';
import { retryDelayMs } from '../retry.ts';
import { createSseReader, type ServerSentEvent } from '../sse.ts';
import { cutOff, type Streaming } from '../through-cuts.ts';
import type { Event } from '../types.generated.ts';

export type EventKind = 'request' | 'upstream' | 'limit' | 'key' | 'webhook' | 'broker' | 'overview';

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

export function createEvents({ open, sleep, random }: Omit<Streaming, 'reconnects'>) {
  return async function* events(options: EventsOptions): AsyncGenerator<Event, void, undefined> {
    const { signal, silenceMs = DEFAULT_SILENCE_MS, onConnection } = options;
    let { lastEventId } = options;
    for (let failures = 0; !signal?.aborted; failures++) {
      try {
        const resume: Record<string, string> = lastEventId ? { 'last-event-id': lastEventId } : {};
        const headers = { accept: 'text/event-stream', ...resume, ...options.headers };
        const read = createSseReader();
        let isConnected = false;
        for await (const part of open(callOf(options), { signal, headers, timeoutMs: silenceMs })) {
          if (!isConnected) onConnection?.({ isConnected: true });
          isConnected = true;
          failures = 0;
          for (const message of read(part)) {
            const event = eventIn(message);
            if (!event) continue;
            if (event.id) lastEventId = event.id;
            yield event;
          }
        }
        throw cutOff('The broker ended the stream.');
      } catch (error) {
        if (signal?.aborted) return;
        if (!isFilaError(error) || !error.retryable) throw error;
        const retryInMs = retryDelayMs(Math.min(failures, MOST_DOUBLINGS), error.retryAfterMs, random());
        onConnection?.({ isConnected: false, error, retryInMs });
        await sleep(retryInMs, signal);
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
