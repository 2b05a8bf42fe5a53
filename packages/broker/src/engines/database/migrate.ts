/** Brings the database to the present schema: every migration once, in order, additive only. */
import { QueryTypes, type QueryInterface } from 'sequelize';
import type { Database, Dialect } from './database.ts';
import * as m0001 from './migrations/0001-requests-keys-and-data-keys.ts';
import * as m0002 from './migrations/0002-idempotency-attempts-and-outbox.ts';
import * as m0003 from './migrations/0003-webhooks.ts';
import * as m0004 from './migrations/0004-upstreams.ts';
import * as m0005 from './migrations/0005-operations.ts';
import * as m0006 from './migrations/0006-webhook-log.ts';
import * as m0007 from './migrations/0007-plans.ts';
import * as m0008 from './migrations/0008-queues.ts';
import * as m0009 from './migrations/0009-affinity.ts';
import * as m0010 from './migrations/0010-leases.ts';
import * as m0011 from './migrations/0011-people.ts';
import * as m0012 from './migrations/0012-audit-and-logs.ts';
import * as m0013 from './migrations/0013-weights.ts';
import * as m0014 from './migrations/0014-key-rotation.ts';
import * as m0015 from './migrations/0015-batches.ts';
import * as m0017 from './migrations/0017-key-rights.ts';
import * as m0018 from './migrations/0018-settings-and-aliases.ts';
import * as m0019 from './migrations/0019-callbacks-as-requests-keep-them.ts';

export interface Migration {
  readonly name: string;
  readonly status: 'applied' | 'already' | 'pending';
}

/** Additive only: SQLite rebuilds a table to change a column and loses its indexes on the way. */
interface MigrationModule {
  up(context: MigrationContext): Promise<void>;
}

export interface MigrationContext {
  readonly queryInterface: QueryInterface;
  readonly dialect: Dialect;
}

const MIGRATIONS: Readonly<Record<string, MigrationModule>> = {
  '0001-requests-keys-and-data-keys': m0001,
  '0002-idempotency-attempts-and-outbox': m0002,
  '0003-webhooks': m0003,
  '0004-upstreams': m0004,
  '0005-operations': m0005,
  '0006-webhook-log': m0006,
  '0007-plans': m0007,
  '0008-queues': m0008,
  '0009-affinity': m0009,
  '0010-leases': m0010,
  '0011-people': m0011,
  '0012-audit-and-logs': m0012,
  '0013-weights': m0013,
  '0014-key-rotation': m0014,
  '0015-batches': m0015,
  '0017-key-rights': m0017,
  '0018-settings-and-aliases': m0018,
  '0019-callbacks-as-requests-keep-them': m0019,
};

const MIGRATIONS_TABLE = 'fila_migrations';

export interface MigrateOptions {
  /** Only says what would be done. */
  readonly dryRun?: boolean;
  /** Told before each that is applied. */
  readonly onStep?: (step: { name: string; number: number; of: number }) => void;
}

/** Two brokers that start at once wait for each other. */
export async function migrateDatabase(
  database: Database,
  options: MigrateOptions = {},
): Promise<Migration[]> {
  return options.dryRun
    ? runMigrations(database, options)
    : whileLocked(database, () => runMigrations(database, options));
}

async function runMigrations(
  database: Database,
  { dryRun = false, onStep }: MigrateOptions,
): Promise<Migration[]> {
  const { sequelize, dialect } = database;
  const context = { queryInterface: sequelize.getQueryInterface(), dialect };
  const executed = new Set(await executedNames(context));
  const names = Object.keys(MIGRATIONS);
  const of = names.filter((name) => !executed.has(name)).length;
  if (of > 0 && !dryRun) {
    // Most starts have nothing to migrate, and need not load it.
    const { Umzug, SequelizeStorage } = await import('umzug');
    const umzug = new Umzug({
      migrations: Object.entries(MIGRATIONS).map(([name, { up }]) => ({ name, up: () => up(context) })),
      storage: new SequelizeStorage({ sequelize, modelName: MIGRATIONS_TABLE, tableName: MIGRATIONS_TABLE }),
      logger: undefined,
    });
    let number = 0;
    umzug.on('migrating', ({ name }) => onStep?.({ name, number: (number += 1), of }));
    await umzug.up();
  }
  const status = dryRun ? 'pending' : 'applied';
  return names.map((name) => ({ name, status: executed.has(name) ? 'already' : status }));
}

async function executedNames({ queryInterface }: MigrationContext): Promise<string[]> {
  if (!(await queryInterface.tableExists(MIGRATIONS_TABLE))) return [];
  const select = `SELECT name FROM ${MIGRATIONS_TABLE}`;
  const rows = await queryInterface.sequelize.query<{ name: string }>(select, { type: QueryTypes.SELECT });
  return rows.map(({ name }) => name);
}

const LOCK_SECONDS = 60;

async function whileLocked<T>(database: Database, work: () => Promise<T>): Promise<T> {
  if (database.dialect === 'sqlite') return work();
  // The lock belongs to a connection, so the transaction only serves to hold one.
  return database.sequelize.transaction(async (transaction) => {
    const [answer] = await database.sequelize.query<{ isOurs: number | null }>(
      `SELECT GET_LOCK('fila_migrate', ${LOCK_SECONDS}) AS isOurs`,
      { transaction, type: QueryTypes.SELECT },
    );
    if (answer?.isOurs !== 1)
      throw new Error(`Another broker has been migrating the database for more than ${LOCK_SECONDS} s.`);
    try {
      return await work();
    } finally {
      await database.sequelize.query(`SELECT RELEASE_LOCK('fila_migrate')`, { transaction });
    }
  });
}
