/** What can be done to Redis and MariaDB, and to everything at once. */
import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import type { Daemon } from '../services/daemon.ts';
import { type Action, bringUp, type Heal, nothingToHeal, type Shape } from './action.ts';
import type { Cluster } from './cluster.ts';

const onRedis = (shape: Shape) => (shape.isShared ? ['redis'] : []);
const onMariadb = (shape: Shape) => (shape.isShared ? ['mariadb'] : []);
const onEverything = () => ['everything'];

const KILL_EVERY_MS = 150;
/** As much as a write that was cut off may leave of the last command. */
const TORN_BYTES = 37;

export const STORE_ACTIONS = {
  'redis.flushall': onceInRedis('FLUSHALL'),
  'redis.forget-scripts': onceInRedis('SCRIPT', 'FLUSH'),
  'redis.kill': {
    targets: onRedis,
    holdMs: [100, 3_000],
    inject: async ({ redis }) => {
      await redis!.kill();
      return () => redis!.restart();
    },
  },
  'redis.freeze': {
    targets: onRedis,
    holdMs: [1_000, 6_000],
    inject: async ({ redis }) => freeze(redis!),
  },
  'redis.lose-disk': {
    ...{ targets: onRedis, holdMs: [300, 1_000], isNamedOnly: true },
    inject: async ({ redis }) => {
      await redis!.kill();
      for (const name of filesOf(redis!.directory)) rmSync(name);
      return () => redis!.restart();
    },
  },
  'redis.tear-log': {
    ...{ targets: onRedis, holdMs: [300, 1_000], isNamedOnly: true },
    inject: async ({ redis }) => {
      await redis!.kill();
      const log = filesOf(redis!.directory).find((name) => name.endsWith('.incr.aof'));
      if (!log) throw new Error('This Redis keeps no append-only file: give it redisArgs.');
      truncateSync(log, Math.max(0, statSync(log).size - TORN_BYTES));
      return () => redis!.restart();
    },
  },
  'redis.full': toggledInRedis(['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']),
  'redis.read-only': toggledInRedis(['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']),
  'redis.cannot-save': {
    ...{ targets: onRedis, holdMs: [2_000, 4_000], isNamedOnly: true },
    inject: async (cluster) => {
      await tellRedis(cluster, 'CONFIG', 'SET', 'save', '3600 1000000');
      await tellRedis(cluster, 'CONFIG', 'SET', 'dir', '/proc');
      await tellRedis(cluster, 'BGSAVE');
      return async () => {
        await tellRedis(cluster, 'CONFIG', 'SET', 'save', '');
        await tellRedis(cluster, 'CONFIG', 'SET', 'dir', cluster.redis!.directory);
      };
    },
  },
  'mariadb.kill': {
    targets: onMariadb,
    holdMs: [100, 3_000],
    inject: async ({ mariadb }) => {
      await mariadb!.kill();
      return () => mariadb!.restart();
    },
  },
  'mariadb.freeze': {
    targets: onMariadb,
    holdMs: [1_000, 6_000],
    inject: async ({ mariadb }) => freeze(mariadb!),
  },
  'mariadb.kill-connections': {
    ...{ targets: onMariadb, holdMs: [2_000, 4_000], isNamedOnly: true },
    inject: async (cluster) => {
      let isOver = false;
      const killing = killConnections(cluster, () => isOver);
      killing.catch(() => undefined);
      return async () => {
        isOver = true;
        await killing;
      };
    },
  },
  'everything.kill': {
    ...{ targets: onEverything, holdMs: [300, 1_000], isNamedOnly: true },
    inject: async ({ brokers, redis, mariadb }) => {
      await Promise.all([...brokers, redis, mariadb].map((one) => one?.kill()));
      return async () => {
        await Promise.all([redis, mariadb].map((one) => one?.restart()));
        await Promise.all(brokers.map(bringUp));
      };
    },
  },
  'everything.swizzle': {
    ...{ targets: onEverything, holdMs: [300, 1_000], isNamedOnly: true },
    inject: async ({ brokers, redis, mariadb }, _target, chance) => {
      const parts = [
        ...brokers.map((broker) => ({ kill: broker.kill, start: () => bringUp(broker) })),
        ...[redis, mariadb].flatMap((one) => (one ? [{ kill: one.kill, start: one.restart }] : [])),
      ];
      const shuffled = () => [...parts].sort(() => chance.next() - 0.5);
      for (const { kill } of shuffled()) {
        await kill();
        await delay(chance.whole(100, 500));
      }
      return async () => {
        const starts: Promise<void>[] = [];
        for (const { start } of shuffled()) {
          starts.push(start());
          await delay(chance.whole(100, 500));
        }
        await Promise.all(starts);
      };
    },
  },
} satisfies Record<string, Action>;

function onceInRedis(...words: string[]): Action {
  return {
    targets: onRedis,
    holdMs: [0, 0],
    inject: async (cluster) => {
      await tellRedis(cluster, ...words);
      return nothingToHeal;
    },
  };
}

function toggledInRedis(on: readonly string[], off: readonly string[]): Action {
  return {
    ...{ targets: onRedis, holdMs: [2_000, 4_000], isNamedOnly: true },
    inject: async (cluster) => {
      await tellRedis(cluster, ...on);
      return () => tellRedis(cluster, ...off);
    },
  };
}

async function tellRedis({ redis }: Cluster, ...words: readonly string[]): Promise<void> {
  const [command, ...rest] = words;
  const client = new Redis(redis!.url);
  try {
    await client.call(command!, ...rest);
  } finally {
    client.disconnect();
  }
}

/** Everything below a directory but the log that the test writes there. */
function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'redis.log')
    .map((entry) => join(entry.parentPath, entry.name));
}

/** KILL for every connection but our own, whatever it is in the middle of, again and again. */
async function killConnections({ mariadb }: Cluster, isOver: () => boolean): Promise<void> {
  const admin = await createConnection({ host: '127.0.0.1', port: mariadb!.port, user: 'root' });
  while (!isOver()) {
    const [rows] = await admin.query(
      'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()',
    );
    // It may have gone by itself meanwhile.
    for (const { id } of rows as { id: number }[]) await admin.query(`KILL ${id}`).catch(() => undefined);
    await delay(KILL_EVERY_MS);
  }
  await admin.end();
}

async function freeze(service: Daemon): Promise<Heal> {
  await service.freeze();
  return async () => service.thaw();
}
