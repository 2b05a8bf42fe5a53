/** Opens the connection to Redis with the settings that everything of ours on Redis counts on. */
import { Redis } from 'ioredis';

const CONNECT_TIMEOUT_MS = 2000;
const COMMAND_TIMEOUT_MS = 2000;
const SILENT_SOCKET_TIMEOUT_MS = 5000;
const MAX_RECONNECT_DELAY_MS = 1000;
const PROBE_KEY = '{fila}:probe';

/** What the connection itself said: why it is not there, and when it first said anything. */
const lastWords = new WeakMap<Redis, { trouble: Error | null; readonly first: Promise<void> }>();

/**
 * Connects in the background and reconnects for ever. Redis is only an index of the rows, so a command never waits for
 * it: without a ready connection it is rejected at once, also before the first `ready`.
 */
export function openRedis(url: string): Redis {
  const redis = new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(50 * attempt, MAX_RECONNECT_DELAY_MS),
    // A queue of commands for later would hold up accepting, and run out-of-date commands in a burst.
    enableOfflineQueue: false,
    // Commands in flight when the connection breaks are rejected, not sent again: they may have been done already.
    maxRetriesPerRequest: 0,
    // A Redis that hangs is as good as gone, and a connection that stays silent is replaced.
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENT_SOCKET_TIMEOUT_MS,
    // What is asked for in one tick travels in one round trip.
    enableAutoPipelining: true,
  });
  listen(redis);
  return redis;
}

function listen(redis: Redis): void {
  const first = Promise.withResolvers<void>();
  const words = { trouble: null as Error | null, first: first.promise };
  lastWords.set(redis, words);
  redis.on('error', (error: Error) => {
    words.trouble = error;
    first.resolve();
  });
  redis.on('close', () => {
    words.trouble ??= new Error('The connection was closed.');
    first.resolve();
  });
  redis.on('ready', () => {
    words.trouble = null;
    first.resolve();
  });
}

/** Rejects with what is wrong unless Redis takes changes now. A PING would also please a replica or a full one. */
export async function probeRedis(redis: Redis): Promise<void> {
  const words = lastWords.get(redis);
  if (redis.status !== 'ready') await words?.first;
  try {
    await redis.set(PROBE_KEY, '1', 'PX', 1000);
  } catch (error) {
    throw words?.trouble ?? error;
  }
}
