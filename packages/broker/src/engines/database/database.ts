/** Opens the database: SQLite in the data folder, or MySQL/MariaDB. Sequelize serves models, migrations and admin queries. */
import { join } from 'node:path';
import { Sequelize, type Transaction } from 'sequelize';
import { joinedTransaction, writtenTogether } from '../../kernel/written-together.ts';
import { mysqlWithin } from '../connections/mysql.ts';
import { nodeSqlite } from './node-sqlite.ts';

export { rowsOf } from './rows-of.ts';

export interface DatabaseSettings {
  /** mysql:// or mariadb://; null = SQLite in `dataDir`. */
  readonly databaseUrl: string | null;
  readonly dataDir: string;
}

export type Dialect = 'sqlite' | 'mysql';

export interface Database {
  readonly dialect: Dialect;
  readonly sequelize: Sequelize;
  /** SQLite only. */
  readonly sqliteFile: string | null;
  readonly mysqlUrl: string | null;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  /** All that models write within `work`, or nothing; within another such call, as part of it. */
  together<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** FULL: a commit is on the disk before it returns. The ledger, which promises that of what is accepted, sees to it itself (ADR 0014). */
export const SQLITE_PRAGMAS = [
  'journal_mode=WAL',
  'synchronous=FULL',
  'foreign_keys=ON',
  'journal_size_limit=67108864',
];

const MYSQL_TIMEOUT_MS = 1_500;

/** `isPatient`: a statement may take as long as it takes, as a migration's may. */
export function openDatabase(settings: DatabaseSettings, options: { isPatient?: boolean } = {}): Database {
  const { databaseUrl } = settings;
  const sqliteFile = databaseUrl === null ? join(settings.dataDir, 'fila.sqlite') : null;
  const sequelize =
    databaseUrl === null ? openSqlite(sqliteFile!) : openMysql(databaseUrl, options.isPatient ?? false);
  return {
    dialect: databaseUrl === null ? 'sqlite' : 'mysql',
    sequelize,
    sqliteFile,
    mysqlUrl: databaseUrl === null ? null : databaseUrl.replace(/^mariadb:/, 'mysql:'),
    ping: async () => {
      await sequelize.query('SELECT 1');
    },
    together: (work) => together(sequelize, work),
    close: () => sequelize.close(),
  };
}

// Models join the transaction of the act they are called in. Only `together` opens such a one.
Sequelize.useCLS({
  bind: (work: unknown) => work,
  run: (work: (context: object) => unknown) => work({}),
  get: joinedTransaction,
  set: () => undefined,
});

/** `work` is told the transaction that it is in. */
export async function together<T>(
  sequelize: Sequelize,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  const joined = joinedTransaction() as Transaction | undefined;
  if (joined) return work(joined);
  const { value, committed } = await sequelize.transaction((transaction) =>
    writtenTogether(transaction, () => work(transaction)),
  );
  committed();
  return value;
}

function openSqlite(file: string): Sequelize {
  return new Sequelize({
    dialect: 'sqlite',
    dialectModule: nodeSqlite(SQLITE_PRAGMAS),
    storage: file,
    logging: false,
    // node-sqlite.ts waits for a lock itself; Sequelize would do all of that waiting five times over.
    retry: { max: 1 },
    // Sequelize passes it on as BEGIN <type>. A deferred transaction that turns into a writing one late can only fail.
    transactionType: 'IMMEDIATE' as never,
  });
}

function openMysql(url: string, isPatient: boolean): Sequelize {
  return new Sequelize(url.replace(/^mariadb:/, 'mysql:'), {
    dialect: 'mysql',
    ...(isPatient ? {} : { dialectModule: mysqlWithin(MYSQL_TIMEOUT_MS) }),
    logging: false,
    pool: { max: 5, min: 0, idle: 10_000, acquire: MYSQL_TIMEOUT_MS },
    dialectOptions: {
      connectTimeout: MYSQL_TIMEOUT_MS,
      charset: 'utf8mb4_unicode_ci',
      supportBigNumbers: true,
    },
    define: { charset: 'utf8mb4', collate: 'utf8mb4_unicode_ci' },
  });
}
