/** Server-sent events: pulled from the feed as fast as the reader reads, so that a slow one costs no memory, only its own events. */
import { Readable } from 'node:stream';
import type { Overview } from '../../kernel/contract.generated.ts';
import type { EventFeed } from './event-feed.ts';
import { createEventReader, gapOf, written } from './event-reader.ts';

export interface StreamOptions {
  /** Empty: all but overview. */
  readonly kinds: ReadonlySet<string>;
  readonly mostPerSecond: number;
  /** The id that the reader has seen last. */
  readonly lastEventId: string | null;
  readonly overview: { readonly everyMs: number; readonly read: () => Promise<Overview> } | null;
  readonly heartbeatMs?: number;
}

const HEARTBEAT_MS = 15_000;
const SECOND_MS = 1_000;
/** Events that come so close together travel together. */
const GATHER_MS = 20;
/** Asks a client that lost us to wait this long before it comes back. */
const RETRY_MS = 1_000;
/** What the stream holds for a reader; the socket holds as much again. */
const HELD_BYTES = 16 * 1024;

/** Ends when `signal` fires. */
export function eventStream(feed: EventFeed, options: StreamOptions, signal: AbortSignal): Readable {
  return Readable.from(pieces(feed, options, signal), { objectMode: false, highWaterMark: HELD_BYTES });
}

async function* pieces(feed: EventFeed, options: StreamOptions, signal: AbortSignal): AsyncGenerator<string> {
  const { heartbeatMs = HEARTBEAT_MS, overview, lastEventId } = options;
  const bell = createBell(signal);
  const leave = feed.listen(bell.ring);
  try {
    const seen = lastEventId === null ? feed.last : feed.seqOf(lastEventId);
    const reader = createEventReader(feed, { ...options, from: seen ?? feed.last });
    let overviewAt = performance.now();
    yield `retry: ${RETRY_MS}\n\n`;
    // Of another run of the broker: what was missed cannot be counted.
    if (seen === null) yield written(gapOf(null));
    while (!signal.aborted) {
      const text = reader.next(performance.now());
      if (text !== '') yield text;
      if (overview && performance.now() >= overviewAt) {
        overviewAt = performance.now() + overview.everyMs;
        yield await overview.read().then(asText, () => ': no overview now\n\n');
      }
      if (reader.isBehind) continue;
      const waitMs = Math.min(
        heartbeatMs,
        overview ? overviewAt - performance.now() : heartbeatMs,
        reader.hasLost ? SECOND_MS : heartbeatMs,
      );
      if (!(await bell.wait(waitMs)) && waitMs === heartbeatMs) yield ': still here\n\n';
    }
  } finally {
    leave();
  }
}

function asText(overview: Overview): string {
  return written({ id: '', type: 'overview', at: overview.at, overview });
}

interface Bell {
  ring(): void;
  /** True when it has rung since the last wait, or rings before the time is over. */
  wait(ms: number): Promise<boolean>;
}

function createBell(signal: AbortSignal): Bell {
  let hasRung = false;
  let answer: ((rang: boolean) => void) | null = null;
  let gathering: NodeJS.Timeout | null = null;
  const wake = (): void => {
    gathering = null;
    answer?.(true);
  };
  signal.addEventListener('abort', wake, { once: true });
  return {
    ring: () => {
      hasRung = true;
      if (answer) gathering ??= setTimeout(wake, GATHER_MS);
    },
    wait: async (ms) => {
      if (signal.aborted) return true;
      const rang = Promise.withResolvers<boolean>();
      answer = rang.resolve;
      if (hasRung) gathering ??= setTimeout(wake, GATHER_MS);
      hasRung = false;
      const timer = setTimeout(() => rang.resolve(false), Math.max(0, ms));
      const result = await rang.promise;
      clearTimeout(timer);
      answer = null;
      return result;
    },
  };
}
