/** Chooses the adapters: embedded when no URL is given, shared engines when there is one. The only file that names them all. */
import type { Clock } from '../kernel/clock.ts';
import { failpoint } from '../kernel/failpoints.ts';
import { newId } from '../kernel/ids.ts';
import { inTime } from '../kernel/in-time.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Service } from '../kernel/service.ts';
import type { ActiveLanes } from './active-lanes/active-lanes.ts';
import { fallbackActiveLanes } from './active-lanes/fallback-active-lanes.ts';
import { memoryActiveLanes } from './active-lanes/memory-active-lanes.ts';
import { rsmqActiveLanes } from './active-lanes/rsmq-active-lanes.ts';
import { createCircuit, type Circuit, type EngineState } from './circuit/circuit.ts';
import { explainDatabase, explainRedis } from './circuit/explain.ts';
import { openRedis, probeRedis } from './connections/redis.ts';
import { openDatabase, type Database } from './database/database.ts';
import { migrateDatabase } from './database/migrate.ts';
import { fallbackLimiter } from './limiter/fallback-limiter.ts';
import type { Limiter } from './limiter/limiter.ts';
import { memoryLimiter } from './limiter/memory-limiter.ts';
import { redisLimiter } from './limiter/redis-limiter.ts';
import { redisRelay } from './relay/redis-relay.ts';
import { noRelay, type Relay } from './relay/relay.ts';
import type { Ledger } from './ledger/ledger.ts';
import { openMysqlLedger } from './ledger/mysql-ledger.ts';
import { openSqliteLedger } from './ledger/sqlite-ledger.ts';
import { watchedLedger } from './ledger/watched-ledger.ts';
import { dataKeyStore } from './vault/data-key-store.ts';
import { lockedVault, VaultError, type LockedVault, type Vault } from './vault/vault.ts';

export interface EngineSettings {
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  readonly dataDir: string;
  /** 32 bytes. */
  readonly masterKey: Buffer;
}

/**
 * All of them may be handed out before they are there. `start` asks each once and waits a little; what does not answer
 * then is asked again until it does. It rejects, as `opened` does later, when asking again is of no use.
 */
export interface Engines extends Service {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly limiter: Limiter;
  readonly relay: Relay;
  readonly vault: Vault;
  /** Resolves when the database was brought to its present form and its data keys are known. */
  readonly opened: Promise<void>;
  /** Of each engine that can be away: the database first. */
  states(): EngineState[];
}

/** A migration may take minutes; the daemon listens before, and says that it is not ready. */
const START_PATIENCE_MS = 3_000;
const CHECK_TIMEOUT_MS = 1_500;
const CLOSE_TIMEOUT_MS = 1_000;

interface OpenDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createEngines(settings: EngineSettings, clock: Clock, logger: Logger): Engines {
  const database = openDatabase(settings);
  const vault = lockedVault(settings.masterKey, dataKeyStore(database.sequelize));
  const ledger =
    database.mysqlUrl === null ? openSqliteLedger(database.sqliteFile!) : openMysqlLedger(database.mysqlUrl);
  const { circuit, opened } = watchDatabase(settings, { database, vault, ledger }, { clock, logger });
  const shared = openShared(settings.redisUrl, { clock, logger });
  const circuits = shared.circuit ? [circuit, shared.circuit] : [circuit];

  async function close(): Promise<void> {
    await shared.close();
    await ledger.close();
    await inTime(database.close(), CLOSE_TIMEOUT_MS, () => new Error('It does not say goodbye.')).catch(
      () => undefined,
    );
  }

  return {
    name: 'engines',
    database,
    vault,
    ledger: watchedLedger(ledger, circuit),
    activeLanes: shared.activeLanes,
    limiter: shared.limiter,
    relay: shared.relay,
    opened,
    states: () => circuits.map((one) => one.state()),
    start: async () => {
      const asked = Promise.all(circuits.map((one) => one.start()));
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => (timer = setTimeout(resolve, START_PATIENCE_MS)));
      const hopeless = new Promise((_, reject) => opened.catch(reject));
      await Promise.race([asked, hopeless, late]).finally(() => clearTimeout(timer));
      await shared.start();
    },
    stop: async () => {
      for (const one of circuits) await one.stop();
      await close();
    },
  };
}

interface OpenDatabase {
  readonly database: Database;
  readonly vault: LockedVault;
  readonly ledger: Ledger;
}

function watchDatabase(
  settings: EngineSettings,
  { database, vault, ledger }: OpenDatabase,
  { clock, logger }: OpenDeps,
): { circuit: Circuit; opened: Promise<void> } {
  const opened = Promise.withResolvers<void>();
  let isOpened = false;
  // Whoever needs to know waits for it; nobody has to.
  opened.promise.catch(() => undefined);

  async function openFirst(): Promise<void> {
    try {
      await database.ping();
      await migrate(settings, database);
      await failpoint('start.after_migrate');
      await vault.unlock();
    } catch (error) {
      // Another master key stays another one, and there is nobody to wait for who would put a file right.
      if (error instanceof VaultError || database.dialect === 'sqlite') opened.reject(error);
      throw error;
    }
    isOpened = true;
    opened.resolve();
  }

  const circuit = createCircuit({
    ...{ name: 'database', explain: explainDatabase, clock, logger },
    probe: () => database.ping(),
    recover: () =>
      isOpened ? inTime(ledger.check(), CHECK_TIMEOUT_MS, () => new Error('no answer in time')) : openFirst(),
  });
  return { circuit, opened: opened.promise };
}

async function migrate(settings: EngineSettings, database: Database): Promise<void> {
  if (database.dialect === 'sqlite') return void (await migrateDatabase(database));
  const patient = openDatabase(settings, { isPatient: true });
  try {
    await migrateDatabase(patient);
  } finally {
    await patient.close();
  }
}

/** What brokers share through Redis, or what one has for itself. */
interface Shared {
  readonly activeLanes: ActiveLanes;
  readonly limiter: Limiter;
  readonly relay: Relay;
  readonly circuit: Circuit | null;
  start(): Promise<void>;
  close(): Promise<void>;
}

function openShared(redisUrl: string | null, { clock, logger }: OpenDeps): Shared {
  const [lanesHere, limiterHere] = [memoryActiveLanes({ clock }), memoryLimiter({ clock })];
  if (redisUrl === null)
    return {
      ...{ activeLanes: lanesHere, limiter: limiterHere, relay: noRelay() },
      circuit: null,
      start: async () => undefined,
      close: () => lanesHere.close(),
    };
  const redis = openRedis(redisUrl);
  const subscriber = openRedis(redisUrl);
  const relay = redisRelay(redis, subscriber);
  const activeLanes = fallbackActiveLanes({
    ...{ name: 'redis', primary: rsmqActiveLanes(redis), secondary: lanesHere },
    ...{ explain: explainRedis, clock, logger },
    probe: () => probeRedis(redis),
  });
  const { circuit } = activeLanes;
  const limiter = fallbackLimiter({
    ...{ primary: redisLimiter(redis), secondary: limiterHere, circuit, broker: newId('run'), logger },
  });
  return {
    ...{ activeLanes, limiter, relay, circuit },
    start: () => limiter.start(),
    close: async () => {
      await limiter.stop();
      await relay.close();
      await activeLanes.close();
      subscriber.disconnect();
      redis.disconnect();
    },
  };
}
