/** Opens the connection to Redis with the settings that everything of ours on Redis counts on. */
import { Redis } from 'ioredis';
import type { Logger } from '../../kernel/logger.ts';

const CONNECT_TIMEOUT_MS = 2000;
const COMMAND_TIMEOUT_MS = 2000;
const SILENT_SOCKET_TIMEOUT_MS = 5000;
const MAX_RECONNECT_DELAY_MS = 2000;

/**
 * Connects in the background and reconnects for ever. Redis is only an index of the rows, so a command never waits for
 * it: without a ready connection it is rejected at once, also before the first `ready`.
 */
export function openRedis(url: string, logger: Logger): Redis {
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
  logOutages(redis, logger);
  return redis;
}

/** One line when it goes and one when it is back, however often reconnecting fails between. */
function logOutages(redis: Redis, logger: Logger): void {
  let isAway = false;
  redis.on('error', (error) => {
    if (!isAway) logger.warn({ err: error }, 'Redis is away; going on without it');
    isAway = true;
  });
  redis.on('close', () => {
    if (!isAway && redis.status !== 'end')
      logger.warn({}, 'Redis closed the connection; going on without it');
    isAway = true;
  });
  redis.on('ready', () => {
    if (isAway) logger.info({}, 'Redis is back');
    isAway = false;
  });
}
