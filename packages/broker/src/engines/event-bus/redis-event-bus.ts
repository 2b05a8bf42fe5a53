/** The event bus on Redis: PUBLISH on the connection that is there, SUBSCRIBE on one of its own. */
import type { Redis } from 'ioredis';
import type { Channel, EventBus } from './event-bus.ts';

const PREFIX = '{fila}:bus:';

/** `sender` is part of each message, so that a broker knows its own. */
export function redisEventBus(redis: Redis, sender: string): EventBus {
  const listeners = new Map<string, (text: string) => void>();
  let subscriber: Redis | null = null;

  function open(): Redis {
    if (subscriber) return subscriber;
    // A subscription is silent for as long as nothing happens, and is made again after every reconnect.
    subscriber = redis.duplicate({
      enableOfflineQueue: true,
      socketTimeout: undefined,
      commandTimeout: undefined,
    });
    // What is wrong with Redis is said by those who need it.
    subscriber.on('error', () => undefined);
    subscriber.on('message', (channel: string, message: string) => {
      const at = message.indexOf('\n');
      if (message.slice(0, at) !== sender) listeners.get(channel)?.(message.slice(at + 1));
    });
    return subscriber;
  }

  return {
    publish: (channel, text) => {
      if (redis.status === 'ready')
        redis.publish(`${PREFIX}${channel}`, `${sender}\n${text}`).catch(() => undefined);
    },
    subscribe: (channel: Channel, listener) => {
      listeners.set(`${PREFIX}${channel}`, listener);
      open()
        .subscribe(`${PREFIX}${channel}`)
        .catch(() => undefined);
    },
    close: () => subscriber?.disconnect(),
  };
}
