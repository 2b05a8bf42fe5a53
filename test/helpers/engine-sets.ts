/** The two sets of engines that every story runs on; two variables are the only difference between them. */
import { mariadbAvailable, needMariadb, needRedis, redisAvailable } from '../services/need.ts';

export interface EngineSet {
  readonly name: string;
  readonly isAvailable: boolean;
  /** FILA_DATABASE_URL and FILA_REDIS_URL of engines that nobody else uses. */
  environment(): Promise<Record<string, string>>;
}

export const ENGINE_SETS: readonly EngineSet[] = [
  { name: 'SQLite + memory', isAvailable: true, environment: async () => ({}) },
  {
    name: 'MariaDB + Redis through rsmq',
    isAvailable: mariadbAvailable && redisAvailable,
    environment: async () => {
      const [mariadb, redis] = await Promise.all([needMariadb(), needRedis()]);
      return { FILA_DATABASE_URL: await mariadb.createDatabase(), FILA_REDIS_URL: redis.url };
    },
  },
];
