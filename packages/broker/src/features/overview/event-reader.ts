/** One reader's place in the feed: which events it gets next, and how many it has missed. */
import type { Event } from '../../kernel/contract.generated.ts';
import type { EventFeed } from './event-feed.ts';

export interface EventReader {
  /** What is new, as server-sent events; empty when nothing is. */
  next(nowMs: number): string;
  /** Whether there is more already. */
  readonly isBehind: boolean;
  /** Whether it has events to confess that were left out; it does so with the next second. */
  readonly hasLost: boolean;
}

export interface ReaderOptions {
  /** Empty: all. */
  readonly kinds: ReadonlySet<string>;
  readonly mostPerSecond: number;
  /** What it has seen last, by the feed's numbers. */
  readonly from: number;
}

/** Events in one piece of the stream. */
const TOGETHER = 100;
const SECOND_MS = 1_000;

export function createEventReader(
  feed: Pick<EventFeed, 'after' | 'last'>,
  { kinds, mostPerSecond, from }: ReaderOptions,
): EventReader {
  let cursor = from;
  let secondMs = Number.NEGATIVE_INFINITY;
  let sent = 0;
  let lost = 0;

  function confession(): string {
    if (lost === 0) return '';
    const text = written(gapOf(lost));
    lost = 0;
    return text;
  }

  return {
    get isBehind() {
      return cursor < feed.last;
    },
    get hasLost() {
      return lost > 0;
    },
    next: (nowMs) => {
      if (nowMs - secondMs >= SECOND_MS) {
        secondMs = nowMs;
        sent = 0;
      }
      const { events, missed } = feed.after(cursor, TOGETHER);
      lost += missed;
      cursor += missed;
      let text = '';
      for (const { seq, kind, event } of events) {
        cursor = seq;
        if (kinds.size > 0 && !kinds.has(kind)) continue;
        if (sent >= mostPerSecond) lost += 1;
        else {
          text += confession() + written(event);
          sent += 1;
        }
      }
      return sent < mostPerSecond ? text + confession() : text;
    },
  };
}

/** `missed` is null when nobody can know. */
export function gapOf(missed: number | null): Event {
  return { id: '', type: 'gap', at: new Date().toISOString(), ...(missed === null ? {} : { missed }) };
}

const texts = new WeakMap<Event, string>();

/** Put into JSON once, however many read it. */
export function written(event: Event): string {
  const known = texts.get(event);
  if (known !== undefined) return known;
  const id = event.id === '' ? '' : `id: ${event.id}\n`;
  const text = `${id}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  texts.set(event, text);
  return text;
}
