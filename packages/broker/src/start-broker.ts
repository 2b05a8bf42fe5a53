/** Starts and stops the daemon: its folder and its engines around what broker.ts puts together. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { assemble } from './broker.ts';
import { SettingsError, type LoadedSettings } from './config/load-settings.ts';
import type { Settings } from './config/settings.ts';
import { openDataDir, type DataDir } from './engines/data-dir/data-dir.ts';
import { openDatabase } from './engines/database/database.ts';
import { migrateDatabase, type MigrateOptions, type Migration } from './engines/database/migrate.ts';
import { createEngines, type Engines } from './engines/engines.ts';
import { VaultError } from './engines/vault/vault.ts';
import { systemClock } from './kernel/clock.ts';
import { armFailpoints } from './kernel/failpoints.ts';
import { newId } from './kernel/ids.ts';
import { openLogFiles, type LogFiles } from './engines/log-files/log-files.ts';
import type { Logger, TeeLogger } from './kernel/logger.ts';
import { processLogger } from './process-logger.ts';
import { keepHeapSmall } from './small-heap.ts';

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
  loaded: LoadedSettings,
  logger: Logger | TeeLogger = processLogger(loaded.settings.logLevel, {
    isAtOnce: loaded.settings.failpoints !== '',
  }),
): Promise<RunningBroker> {
  const { settings } = loaded;
  armFailpoints(settings.failpoints, (fired) => logger.warn(fired, 'a failpoint fired'));
  if (settings.failpoints !== '')
    logger.warn({ failpoints: settings.failpoints }, 'failpoints are armed: this daemon fails on purpose');
  const letHeapGrow = keepHeapSmall();
  const run = newId('run');
  const dataDir = openDataDir(settings.dataDir, run);
  const logFiles = keepLines(settings, logger);
  const adminToken = settings.adminToken ?? dataDir.secret('admin.token', newAdminToken);
  try {
    const engines = createOwnEngines(settings, dataDir, logger);
    const broker = assemble({ loaded, engines, dataDir, logger, run, adminToken });
    if ('tee' in logger) followSettings(logger, broker);
    await broker.all.start();
    dataDir.announce(broker.server.url());
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await broker.all.stop();
      letHeapGrow();
      dataDir.close();
      logger.info({}, 'stopped');
      await logFiles?.close();
    };
    const failed = engines.opened.then(
      () => new Promise<never>(() => {}),
      (error: unknown) => Promise.reject(asSettingsError(error)),
    );
    failed.catch(() => undefined);
    return { url: broker.server.url(), adminToken, failed, stop: () => (stopped ??= stop()) };
  } catch (error) {
    letHeapGrow();
    await logFiles?.close();
    dataDir.close();
    throw asSettingsError(error);
  }
}

function followSettings(logger: TeeLogger, { takeLine, settings }: ReturnType<typeof assemble>): void {
  logger.tee(takeLine);
  settings.onChange(() => logger.setLevel(settings.present.logLevel));
}

/** Null when the lines are kept in no files: it was so set, or the logger is somebody else's. */
function keepLines(settings: Settings, logger: Logger | TeeLogger): LogFiles | null {
  if (!settings.logFiles || !('tee' in logger)) return null;
  const files = openLogFiles({
    folder: settings.logDir ?? join(settings.dataDir, 'logs'),
    ...{ clock: systemClock, maxBytes: settings.logMaxBytes },
    onError: (error) => logger.error({ err: error }, 'the log files take nothing'),
  });
  logger.tee(files.take);
  return files;
}

/** Brings the database of these settings to the present schema. */
export async function migrate(settings: Settings, options: MigrateOptions = {}): Promise<Migration[]> {
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

/** 43 characters of chance. */
function newAdminToken(): string {
  return `fila_admin_${randomBytes(32).toString('base64url')}`;
}
