/** The composition root: builds every room from the settings and hands each what it needs. The only file that knows them all. */
import { randomBytes } from 'node:crypto';
import type { Settings } from './config/settings.ts';
import { SettingsError } from './config/load-settings.ts';
import { openDataDir, type DataDir } from './engines/data-dir/data-dir.ts';
import { openDatabase } from './engines/database/database.ts';
import { migrateDatabase, type Migration } from './engines/database/migrate.ts';
import { openEngines, type Engines } from './engines/engines.ts';
import { VaultError } from './engines/vault/vault.ts';
import { deadLetterRoutes } from './features/dead-letters/dead-letter-routes.ts';
import { createDeadLetters } from './features/dead-letters/dead-letters.ts';
import { createHealth, type HealthCheck } from './features/health/health.ts';
import { healthRoutes } from './features/health/health-routes.ts';
import { keyRoutes } from './features/keys/key-routes.ts';
import { keyStore } from './features/keys/key-store.ts';
import { createKeys } from './features/keys/keys.ts';
import { createModels } from './features/models/models.ts';
import { operationRoutes } from './features/operations/operation-routes.ts';
import { operationStore } from './features/operations/operation-store.ts';
import { createOperations } from './features/operations/operations.ts';
import { requestContent } from './features/requests/request-content.ts';
import { requestRoutes } from './features/requests/request-routes.ts';
import { createRequests } from './features/requests/requests.ts';
import { createUpstreamRegistry } from './features/upstreams/upstream-registry.ts';
import { upstreamRoutes } from './features/upstreams/upstream-routes.ts';
import { upstreamStore } from './features/upstreams/upstream-store.ts';
import { createUpstreams, isCloudModel, type Upstreams } from './features/upstreams/upstreams.ts';
import { createVerify } from './features/verify/verify.ts';
import { verifyRoutes } from './features/verify/verify-routes.ts';
import { callModel, createWorker } from './features/worker/worker.ts';
import { webhookRoutes } from './features/webhooks/webhook-routes.ts';
import { webhookStore } from './features/webhooks/webhook-store.ts';
import { createWebhooks, type Webhooks } from './features/webhooks/webhooks.ts';
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
  /** Accepts nothing new, lets running calls end within the grace, hands the rest back. May be called twice. */
  stop(): Promise<void>;
}

/** Rejects, with nothing left running, when it cannot start. */
export async function startBroker(
  settings: Settings,
  logger: Logger = processLogger(settings.logLevel),
): Promise<RunningBroker> {
  const run = newId('run');
  const dataDir = openDataDir(settings.dataDir, run);
  const adminToken = settings.adminToken ?? dataDir.secret('admin.token', newAdminToken);
  try {
    const engines = await openOwnEngines(settings, dataDir, logger);
    const broker = assemble({ settings, engines, dataDir, logger, run, adminToken });
    await broker.all.start().catch(async (error: unknown) => {
      await engines.close();
      throw error;
    });
    dataDir.announce(broker.server.url());
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await broker.all.stop();
      await engines.close();
      dataDir.close();
      logger.info({}, 'stopped');
    };
    return { url: broker.server.url(), adminToken, stop: () => (stopped ??= stop()) };
  } catch (error) {
    dataDir.close();
    throw error;
  }
}

/** Brings the database of these settings to the present schema. */
export async function migrate(settings: Settings, options: { dryRun?: boolean } = {}): Promise<Migration[]> {
  const dataDir = settings.databaseUrl === null ? openDataDir(settings.dataDir, newId('run')) : null;
  const database = openDatabase(settings);
  try {
    return await migrateDatabase(database, options);
  } finally {
    await database.close();
    dataDir?.close();
  }
}

async function openOwnEngines(settings: Settings, dataDir: DataDir, logger: Logger): Promise<Engines> {
  const masterKey =
    settings.masterKey ?? dataDir.secret('master.key', () => randomBytes(32).toString('base64'));
  try {
    return await openEngines(
      { ...settings, masterKey: Buffer.from(masterKey, 'base64') },
      systemClock,
      logger,
    );
  } catch (error) {
    if (error instanceof VaultError)
      throw new SettingsError([`FILA_MASTER_KEY (or master.key): ${error.message}`]);
    throw error;
  }
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
  const upstreamRegistry = createUpstreamRegistry({
    store: upstreamStore(database.sequelize),
    ...{ upstreams, clock, logger },
  });
  const keys = createKeys({ store: keyStore(database.sequelize), vault, clock, logger });
  const models = createModels({ allowCloudModels: settings.allowCloudModels, isCloudModel });
  const requests = createRequests({
    ...{ ledger, activeLanes, vault, clock, logger, defaultModel: settings.defaultModel },
    hasReceivers: (keyId) => webhooks.hasReceivers(keyId),
    problemOfCallback: (url) => webhooks.problemOfUrl(url),
  });
  const deadLetters = createDeadLetters({ ledger, content: requestContent(vault), requests, logger });
  const operations = createOperations({
    ...{ store: operationStore(database.sequelize), vault, logger },
    ...{ owner: run, deadOwners: dataDir.earlierRuns },
    kinds: { retry_dead_letters: deadLetters.retrying },
  });
  const webhooks: Webhooks = createWebhooks({
    ...{ store: webhookStore(database.sequelize), vault, clock, logger, run },
    secretOf: (keyId) => keys.webhookSecretOf(keyId),
    lookUp: (id) => requests.describe(id),
    allowCidrs: settings.webhookAllowCidrs,
  });
  requests.onEnded(() => webhooks.wake());
  const worker = createWorker({
    ...{ ledger, activeLanes, requests, upstreams, clock, logger, owner: run },
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
    routes: [
      healthRoutes(health),
      keyRoutes({ keys, keyOf }),
      upstreamRoutes(upstreamRegistry),
      webhookRoutes({ webhooks, keyOf }),
      verifyRoutes(createVerify({ ledger, activeLanes, logger })),
      deadLetterRoutes({ deadLetters, operations }),
      operationRoutes(operations),
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
  return { server, all: services([upstreams, upstreamRegistry, keys, webhooks, worker, operations, server]) };
}

function timersOf(settings: Settings) {
  return {
    connectMs: settings.connectTimeoutMs,
    firstTokenMs: settings.firstTokenTimeoutMs,
    gapMs: settings.gapTimeoutMs,
    totalMs: settings.totalTimeoutMs,
  };
}

/** Without the database nothing can be accepted; without the others it is accepted and waits. */
function checksOf(engines: Engines, upstreams: Upstreams): HealthCheck[] {
  const { pingRedis } = engines;
  const ok = async (work: Promise<void>) => work.then(() => ({ status: 'ok' as const }));
  const redis: HealthCheck[] = pingRedis
    ? [{ name: 'redis', needed: false, run: () => ok(pingRedis()) }]
    : [];
  return [
    { name: 'database', needed: true, run: () => ok(engines.database.ping()) },
    ...redis,
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
