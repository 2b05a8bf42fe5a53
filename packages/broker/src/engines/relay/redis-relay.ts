/** The relay on Redis' publish and subscribe. */
import type { Redis } from 'ioredis';
import type { Relay } from './relay.ts';

/** A connection that nothing is asked of would not be found dead. */
const PING_EVERY_MS = 5_000;
const PREFIX = '{fila}:relay:';

/** `subscriber` is a connection of its own: one that subscribes can do nothing else. Neither is closed here. */
export function redisRelay(publisher: Redis, subscriber: Redis): Relay {
  const listeners = new Map<string, Set<(message: string) => void>>();

  /** What fails now is done when the connection is there again. */
  const quietly = (done: Promise<unknown>): void => void done.catch(() => undefined);

  // Commands are not kept for later, so everything is asked for anew with each connection.
  const subscribeAll = (): void => {
    if (listeners.size > 0) quietly(subscriber.subscribe(...[...listeners.keys()].map(named)));
  };
  const pings = setInterval(() => quietly(subscriber.ping()), PING_EVERY_MS);
  pings.unref();
  subscriber.on('ready', subscribeAll);
  subscriber.on('message', (channel: string, message: string) => {
    for (const hear of listeners.get(channel.slice(PREFIX.length)) ?? []) hear(message);
  });

  return {
    publish: (channel, message) => {
      if (publisher.status === 'ready') quietly(publisher.publish(named(channel), message));
    },
    subscribe: (channel, hear) => {
      const others = listeners.get(channel) ?? new Set();
      listeners.set(channel, others);
      others.add(hear);
      if (others.size === 1 && subscriber.status === 'ready') quietly(subscriber.subscribe(named(channel)));
      return () => {
        others.delete(hear);
        if (others.size > 0 || listeners.get(channel) !== others) return;
        listeners.delete(channel);
        if (subscriber.status === 'ready') quietly(subscriber.unsubscribe(named(channel)));
      };
    },
    close: async () => {
      clearInterval(pings);
      listeners.clear();
      subscriber.off('ready', subscribeAll);
    },
  };
}

const named = (channel: string): string => PREFIX + channel;
