/** Lets Sequelize's sqlite dialect run on Node's own SQLite: the few callbacks of the `sqlite3` package it uses. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';

type Row = Record<string, unknown>;
type Done<T> = (this: Statement, error: Error | null, value?: T) => void;
type Parameters = readonly unknown[] | Readonly<Record<string, unknown>> | undefined;

interface SqliteError extends Error {
  code?: string;
  errcode?: number;
  errno?: number;
}

/** The primary result codes Sequelize tells apart (sqlite.org/rescode.html). */
const CODES: Record<number, string> = {
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  19: 'SQLITE_CONSTRAINT',
  26: 'SQLITE_NOTADB',
};
const BUSY = 5;
/** The snapshot is stale; waiting does not help, only a new transaction does. */
const BUSY_SNAPSHOT = 517;
const BUSY_LIMIT_MS = 5_000;
const KEPT_STATEMENTS = 200;
const KEPT_HANDLES = 4;

/** Sequelize reads `lastID` and `changes` of the callback's `this`, and tests the name of its constructor. */
class Statement {
  static readonly name = 'Statement';
  lastID = 0;
  changes = 0;
  sql: string;
  constructor(sql: string) {
    this.sql = sql;
  }
}

interface Handle {
  readonly db: DatabaseSync;
  readonly statements: Map<string, StatementSync>;
}

/** The module Sequelize takes as `dialectModule`. `pragmas` run on every new handle. */
export function nodeSqlite(pragmas: readonly string[]) {
  const idle = new Map<string, Handle[]>();

  class Database {
    readonly filename: string;
    /** Set by Sequelize: 'default' for the shared connection, else the transaction's id. */
    uuid?: string;
    /** Sequelize uses it only once `opened` was told of no error; it closes what could not be opened, too. */
    #handle!: Handle;

    constructor(filename: string, _mode: number, opened: (error: Error | null) => void) {
      this.filename = filename;
      // Sequelize stores the object only after `new` has returned.
      queueMicrotask(() => {
        try {
          this.#handle = idle.get(filename)?.pop() ?? open(filename);
          opened(null);
        } catch (error) {
          opened(asSqliteError(error));
        }
      });
    }

    #prepare(sql: string): StatementSync {
      const { db, statements } = this.#handle;
      let statement = statements.get(sql);
      if (!statement) {
        statement = db.prepare(sql);
        statement.setAllowUnknownNamedParameters(true);
        if (statements.size >= KEPT_STATEMENTS) statements.clear();
        statements.set(sql, statement);
      }
      return statement;
    }

    #execute<T>(
      sql: string,
      parameters: Parameters,
      call: { work: (s: StatementSync, args: never[], context: Statement) => T; done?: Done<T> },
    ): void {
      const context = new Statement(sql);
      const attempt = (giveUpAt: number): void => {
        try {
          const value = call.work(this.#prepare(sql), toBind(parameters) as never[], context);
          queueMicrotask(() => call.done?.call(context, null, value));
        } catch (error) {
          const { errcode = 0 } = error as SqliteError;
          // The handle is synchronous: waiting for a lock inside SQLite would stop the event loop, and the holder with it.
          if ((errcode & 0xff) === BUSY && errcode !== BUSY_SNAPSHOT && Date.now() < giveUpAt) {
            setTimeout(attempt, 2 + Math.random() * 8, giveUpAt);
          } else queueMicrotask(() => call.done?.call(context, asSqliteError(error)));
        }
      };
      attempt(Date.now() + BUSY_LIMIT_MS);
    }

    run(sql: string, parameters?: Parameters | Done<void>, done?: Done<void>): this {
      const [values, callback] = split(parameters, done);
      this.#execute(sql, values, {
        work: (statement, args, context) => {
          const result = statement.run(...args);
          context.changes = Number(result.changes);
          context.lastID = Number(result.lastInsertRowid);
        },
        done: callback,
      });
      return this;
    }

    all(sql: string, parameters?: Parameters | Done<Row[]>, done?: Done<Row[]>): this {
      const [values, callback] = split(parameters, done);
      this.#execute(sql, values, {
        work: (statement, args) => statement.all(...args).map(fromRow),
        done: callback,
      });
      return this;
    }

    get(sql: string, parameters?: Parameters | Done<Row>, done?: Done<Row>): this {
      const [values, callback] = split(parameters, done);
      return this.all(sql, values, function (error, rows) {
        callback?.call(this, error, rows?.[0]);
      });
    }

    exec(sql: string, done?: (error: Error | null) => void): this {
      try {
        this.#handle.db.exec(sql);
        queueMicrotask(() => done?.(null));
      } catch (error) {
        queueMicrotask(() => done?.(asSqliteError(error)));
      }
      return this;
    }

    serialize(work?: () => void): void {
      work?.();
    }

    close(done?: (error: Error | null) => void): void {
      const handles = idle.get(this.filename) ?? [];
      idle.set(this.filename, handles);
      const own: Handle | undefined = this.#handle;
      const ofTransaction = this.uuid !== undefined && this.uuid !== 'default';
      // Opening a handle costs more than an empty transaction, and Sequelize opens one for each.
      if (own && ofTransaction && handles.length < KEPT_HANDLES && !own.db.isTransaction) handles.push(own);
      else for (const handle of [own, ...handles.splice(0)]) handle?.db.close();
      queueMicrotask(() => done?.(null));
    }
  }

  function open(filename: string): Handle {
    const db = new DatabaseSync(filename, { timeout: 0 });
    try {
      for (const pragma of pragmas) db.exec(`PRAGMA ${pragma}`);
    } catch (error) {
      db.close();
      throw error;
    }
    return { db, statements: new Map() };
  }

  return { Database, OPEN_READONLY: 1, OPEN_READWRITE: 2, OPEN_CREATE: 4, verbose: () => ({ Database }) };
}

function split<T>(parameters: Parameters | Done<T>, done?: Done<T>): [Parameters, Done<T> | undefined] {
  return typeof parameters === 'function' ? [undefined, parameters as Done<T>] : [parameters, done];
}

function toBind(parameters: Parameters): unknown[] {
  if (parameters === undefined) return [];
  if (Array.isArray(parameters)) return parameters.map(bindable);
  return [Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, bindable(value)]))];
}

function bindable(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === 'boolean') return Number(value);
  return value instanceof Date ? value.toISOString() : value;
}

function fromRow(row: object): Row {
  const copy: Row = {};
  for (const [key, value] of Object.entries(row)) {
    copy[key] =
      value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
  }
  return copy;
}

function asSqliteError(error: unknown): Error {
  const known = error as SqliteError;
  if (known.errcode !== undefined) {
    known.errno = known.errcode & 0xff;
    known.code = CODES[known.errno] ?? 'SQLITE_ERROR';
    known.message = `${known.code}: ${known.message}`;
  }
  return known;
}
