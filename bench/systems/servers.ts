/** What stands below and beside the systems in a run: MariaDB, Redis, the simulated models, load and webhook sink. */
import { Redis } from 'ioredis';
import { startMariadb, type MariadbService } from '../../test/services/mariadb-service.ts';
import { startRedis, type RedisService } from '../../test/services/redis-service.ts';
import { startLoad, type Load } from '../load/load.ts';
import { startWebhookSink, type WebhookSink } from '../load/webhook-sink.ts';
import { startSimulator, type Simulator } from './simulator.ts';

export interface Servers {
  readonly mariadb: MariadbService;
  readonly redis: RedisService;
  readonly redisClient: Redis;
  readonly simulator: Simulator;
  readonly load: Load;
  readonly sink: WebhookSink;
  stop(): Promise<void>;
}

/** Sizes of a small production server, and as durable. */
const MARIADB_ARGS = [
  '--innodb-buffer-pool-size=1G',
  '--innodb-log-file-size=512M',
  '--innodb-flush-method=O_DIRECT',
];

export async function startServers(): Promise<Servers> {
  const mariadb = await startMariadb({ args: MARIADB_ARGS });
  const redis = await startRedis();
  const redisClient = new Redis(redis.url);
  const simulator = await startSimulator();
  const load = await startLoad();
  const sink = await startWebhookSink();
  return {
    ...{ mariadb, redis, redisClient, simulator, load, sink },
    stop: async () => {
      redisClient.disconnect();
      await Promise.all([load.stop(), sink.stop(), simulator.stop(), redis.kill(), mariadb.kill()]);
    },
  };
}
