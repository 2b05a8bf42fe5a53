/** The composition root: builds every room from the settings and hands each what it needs. The only file that knows them all. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Settings } from './config/settings.ts';
import { SettingsError } from './config/load-settings.ts';
import { openDataDir, type DataDir } from './engines/data-dir/data-dir.ts';
import { openDatabase } from './engines/database/database.ts';
import { migrateDatabase, type Migration } from './engines/database/migrate.ts';
import { createEngines, type Engines } from './engines/engines.ts';
import { VaultError } from './engines/vault/vault.ts';
import { engineChecks, whyUnavailable } from './features/health/engine-checks.ts';
import { createHealth, type HealthCheck } from './features/health/health.ts';
import { healthRoutes } from './features/health/health-routes.ts';
import { keyRoutes } from './features/keys/key-routes.ts';
import { keyStore } from './features/keys/key-store.ts';
import { createKeys } from './features/keys/keys.ts';
import { createModels } from './features/models/models.ts';
import { requestRoutes } from './features/requests/request-routes.ts';
import { createRequests } from './features/requests/requests.ts';
import { createUpstreams, isCloudModel, type Upstreams } from './features/upstreams/upstreams.ts';
import { createVerify } from './features/verify/verify.ts';
import { verifyRoutes } from './features/verify/verify-routes.ts';
import { callModel, createWorker } from './features/worker/worker.ts';
import { keyOf } from './http/authenticate.ts';
import { createServer } from './http/server.ts';
import { systemClock } from './kernel/clock.ts';
import { newId } from './kernel/ids.ts';
import type { Logger } from './kernel/logger.ts';
import { services } from './kernel/service.ts';
import { inOrder } from './kernel/stage.ts';
import { processLogger } from './process-logger.ts';
import { arrival, execution } from './stages.ts';

export interface RunningBroker {
  readonly url: string;
  readonly adminToken: string;
  /** Rejects when it has found out that it can never work; never resolves. */
  readonly failed: Promise<never>;
  /** Accepts nothing new, lets running calls end within the grace, hands the rest back. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Resolves when it listens, also while its shared engines are away: it says so, and is ready when they are. Rejects,
 * with nothing left running, when it cannot start.
 */
export async function startBroker(
  settings: Settings,
  logger: Logger = processLogger(settings.logLevel),
): Promise<RunningBroker> {
  const run = newId('run');
  const dataDir = openDataDir(settings.dataDir, run);
  const adminToken = settings.adminToken ?? dataDir.secret('admin.token', newAdminToken);
  try {
    const engines = createOwnEngines(settings, dataDir, logger);
    const broker = assemble({ settings, engines, dataDir, logger, run, adminToken });
    await broker.all.start();
    dataDir.announce(broker.server.url());
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await broker.all.stop();
      dataDir.close();
      logger.info({}, 'stopped');
    };
    const failed = engines.opened.then(
      () => new Promise<never>(() => {}),
      (error: unknown) => Promise.reject(asSettingsError(error)),
    );
    failed.catch(() => undefined);
    return { url: broker.server.url(), adminToken, failed, stop: () => (stopped ??= stop()) };
  } catch (error) {
    dataDir.close();
    throw asSettingsError(error);
  }
}

/** Brings the database of these settings to the present schema. */
export async function migrate(settings: Settings, options: { dryRun?: boolean } = {}): Promise<Migration[]> {
  const dataDir = settings.databaseUrl === null ? openDataDir(settings.dataDir, newId('run')) : null;
  const database = openDatabase(settings, { isPatient: true });
  try {
    return await migrateDatabase(database, options);
  } finally {
    await database.close();
    dataDir?.close();
  }
}

function createOwnEngines(settings: Settings, dataDir: DataDir, logger: Logger): Engines {
  const masterKey =
    settings.masterKey ?? dataDir.secret('master.key', () => randomBytes(32).toString('base64'));
  return createEngines({ ...settings, masterKey: Buffer.from(masterKey, 'base64') }, systemClock, logger);
}

function asSettingsError(error: unknown): unknown {
  return error instanceof VaultError
    ? new SettingsError([`FILA_MASTER_KEY (or master.key): ${error.message}`])
    : error;
}

interface Parts {
  readonly settings: Settings;
  readonly engines: Engines;
  readonly dataDir: DataDir;
  readonly logger: Logger;
  readonly run: string;
  readonly adminToken: string;
}

function assemble({ settings, engines, dataDir, logger, run, adminToken }: Parts) {
  const clock = systemClock;
  const { ledger, activeLanes, vault, database } = engines;
  const upstreams = createUpstreams({
    upstreams: settings.ollamaUrls,
    allowCloudModels: settings.allowCloudModels,
    client: { defaultMaxTokens: settings.maxTokens },
    logger,
    clock,
  });
  const keys = createKeys({ store: keyStore(database.sequelize), vault, clock, logger });
  const models = createModels({ allowCloudModels: settings.allowCloudModels, isCloudModel });
  const requests = createRequests({
    ...{ ledger, activeLanes, vault, clock, logger, defaultModel: settings.defaultModel },
    hasReceivers: async () => false,
    problemOfCallback: () => null,
  });
  const worker = createWorker({
    ...{ ledger, activeLanes, requests, upstreams, clock, logger, owner: run },
    spoolFile: join(settings.dataDir, 'outcomes.spool'),
    ...{ earlierRuns: dataDir.earlierRuns, forgetEarlierRuns: () => dataDir.forgetEarlierRuns() },
    ...{ leaseMs: settings.leaseMs, stopGraceMs: settings.stopGraceMs },
    execute: inOrder(execution({ requests, worker: { callModel: callModel(settings) } })),
    policy: { maxAttempts: settings.maxAttempts, baseMs: settings.retryBaseMs, capMs: settings.retryCapMs },
    timers: timersOf(settings),
  });
  const health = createHealth(checksOf(engines, upstreams));
  const server = createServer({
    ...{ host: settings.host, port: settings.port, maxBodyBytes: settings.maxBodyBytes, adminToken, logger },
    acceptKey: (secret) => keys.accept(secret),
    whyUnavailable: () => whyUnavailable(engines.states()),
    routes: [
      healthRoutes(health),
      keyRoutes({ keys, keyOf }),
      verifyRoutes(createVerify({ ledger, activeLanes, logger })),
      requestRoutes({
        requests,
        arrive: inOrder(arrival({ models, requests })),
        keyOf,
        maxWaitSeconds: settings.maxWaitSeconds,
      }),
    ],
    onStopping: () => {
      health.stopping();
      requests.releaseWaiting();
    },
  });
  return { server, all: services([engines, upstreams, keys, worker, server]) };
}

function timersOf(settings: Settings) {
  return {
    connectMs: settings.connectTimeoutMs,
    firstTokenMs: settings.firstTokenTimeoutMs,
    gapMs: settings.gapTimeoutMs,
    totalMs: settings.totalTimeoutMs,
  };
}

function checksOf(engines: Engines, upstreams: Upstreams): HealthCheck[] {
  return [
    ...engineChecks(engines.states),
    ...upstreams.states().map(({ id }) => ({
      name: `upstream ${id}`,
      needed: false,
      run: async () => {
        const state = upstreams.states().find((one) => one.id === id);
        return state?.status === 'up'
          ? { status: 'ok' as const }
          : { status: 'down' as const, detail: state?.lastError ?? 'not heard of yet' };
      },
    })),
  ];
}

/** 43 characters of chance. */
function newAdminToken(): string {
  return `fila_admin_${randomBytes(32).toString('base64url')}`;
}
