/** Events between brokers: who has a listener says so, and only then do the others send theirs. */
import type { Relay } from '../../engines/relay/relay.ts';
import { every } from '../../kernel/every.ts';
import type { Service } from '../../kernel/service.ts';
import type { Telling } from './event-feed.ts';

export interface RelayedEvents extends Service {
  /** Whether another broker has somebody who listens. */
  isWanted(): boolean;
  /** Sends an event with those of the next moment. */
  carry(telling: Telling): void;
  /** Says at once that somebody listens here. */
  want(): void;
}

export interface RelayedEventsDeps {
  readonly relay: Relay;
  /** This run of the broker; what it published itself it does not hear. */
  readonly run: string;
  readonly hear: (telling: Telling) => void;
  /** Whether somebody listens here. */
  readonly hasListeners: () => boolean;
}

const WANT_EVERY_MS = 2_000;
/** Three words of "wanted" may be lost. */
const WANTED_FOR_MS = 3 * WANT_EVERY_MS;
const SEND_EVERY_MS = 100;
/** Of one message; what is more is lost to the others, as a relay loses messages anyway. */
const MOST_TOGETHER = 1_000;

/** Channels. A message is the run that sent it, a space, and what it says. */
const EVENTS = 'events';
const WANTED = 'events-wanted';

export function createRelayedEvents({ relay, run, hear, hasListeners }: RelayedEventsDeps): RelayedEvents {
  let wantedUntil = 0;
  let waiting: Telling[] = [];
  let timer: NodeJS.Timeout | null = null;
  let ends: (() => void)[] = [];

  const publish = (channel: string, text: string): void => relay.publish(channel, `${run} ${text}`);

  const subscribe = (channel: string, received: (text: string) => void): void => {
    const end = relay.subscribe(channel, (message) => {
      const at = message.indexOf(' ');
      if (message.slice(0, at) !== run) received(message.slice(at + 1));
    });
    ends.push(end);
  };

  function send(): void {
    timer = null;
    const events = waiting;
    waiting = [];
    if (events.length > 0) publish(EVENTS, JSON.stringify(events));
  }

  function received(text: string): void {
    if (!hasListeners()) return;
    for (const telling of eventsOf(text)) hear(telling);
  }

  const want = (): void => {
    if (hasListeners()) publish(WANTED, '');
  };
  const ticker = every(
    'say that events are wanted',
    WANT_EVERY_MS,
    async () => want(),
    () => undefined,
  );

  return {
    name: 'relayed events',
    isWanted: () => performance.now() < wantedUntil,
    carry: (telling) => {
      if (waiting.length < MOST_TOGETHER) waiting.push(telling);
      timer ??= setTimeout(send, SEND_EVERY_MS).unref();
    },
    want,
    start: async () => {
      subscribe(WANTED, () => {
        wantedUntil = performance.now() + WANTED_FOR_MS;
      });
      subscribe(EVENTS, received);
      await ticker.start();
    },
    stop: async () => {
      await ticker.stop();
      if (timer) clearTimeout(timer);
      send();
      for (const end of ends) end();
      ends = [];
    },
  };
}

/** From another version of us, perhaps: what is no event is left out. */
function eventsOf(text: string): Telling[] {
  try {
    const found: unknown = JSON.parse(text);
    if (!Array.isArray(found)) return [];
    return found.filter((one): one is Telling => typeof (one as Telling | null)?.type === 'string');
  } catch {
    return [];
  }
}
