/** Chooses the adapters: embedded when no URL is given, shared engines when there is one. The only file that names them all. */
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/logger.ts';
import type { ActiveLanes } from './active-lanes/active-lanes.ts';
import { memoryActiveLanes } from './active-lanes/memory-active-lanes.ts';
import { rsmqActiveLanes } from './active-lanes/rsmq-active-lanes.ts';
import { openRedis } from './connections/redis.ts';
import { openDatabase, type Database } from './database/database.ts';
import { migrateDatabase } from './database/migrate.ts';
import type { Ledger } from './ledger/ledger.ts';
import { openMysqlLedger } from './ledger/mysql-ledger.ts';
import { openSqliteLedger } from './ledger/sqlite-ledger.ts';
import { dataKeyStore } from './vault/data-key-store.ts';
import { openVault, type Vault } from './vault/vault.ts';

export interface EngineSettings {
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  readonly dataDir: string;
  /** 32 bytes. */
  readonly masterKey: Buffer;
}

export interface Engines {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly vault: Vault;
  /** Rejects when Redis does not answer; null without Redis. */
  readonly pingRedis: (() => Promise<void>) | null;
  close(): Promise<void>;
}

export async function openEngines(settings: EngineSettings, clock: Clock, logger: Logger): Promise<Engines> {
  const database = openDatabase(settings);
  const closing: (() => Promise<unknown>)[] = [() => database.close()];
  const close = async (): Promise<void> => {
    for (let next = closing.pop(); next; next = closing.pop()) await next();
  };
  try {
    await migrateDatabase(database);
    const vault = await openVault(settings.masterKey, dataKeyStore(database.sequelize));
    const ledger =
      database.mysqlUrl === null
        ? openSqliteLedger(database.sqliteFile!)
        : openMysqlLedger(database.mysqlUrl);
    closing.push(() => ledger.close());
    const lanes = openActiveLanes(settings.redisUrl, clock, logger);
    closing.push(() => lanes.close());
    return { database, ledger, vault, activeLanes: lanes.activeLanes, pingRedis: lanes.ping, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface OpenLanes {
  readonly activeLanes: ActiveLanes;
  readonly ping: (() => Promise<void>) | null;
  close(): Promise<void>;
}

function openActiveLanes(redisUrl: string | null, clock: Clock, logger: Logger): OpenLanes {
  if (redisUrl === null) {
    const activeLanes = memoryActiveLanes({ clock });
    return { activeLanes, ping: null, close: () => activeLanes.close() };
  }
  const redis = openRedis(redisUrl, logger);
  const activeLanes = rsmqActiveLanes(redis);
  return {
    activeLanes,
    ping: async () => {
      await redis.ping();
    },
    close: async () => {
      await activeLanes.close();
      redis.disconnect();
    },
  };
}
