/** What everything of ours on MySQL counts on: which errors mean that it is away, and that no query waits for ever. */
import mysql from 'mysql2';

/** 1927: MariaDB's "connection was killed", which the driver has no name for. */
const KILLED = 1927;
const OUT_OF_REACH =
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|EHOST|ENET|PROTOCOL_|ER_CON_COUNT|ER_TOO_MANY_USER|ER_USER_LIMIT|ER_SERVER_SHUTDOWN|ER_QUERY_INTERRUPTED|ER_DISK_FULL|ER_RECORD_FILE_FULL|ER_OPTION_PREVENTS|ER_READ_ONLY|ER_(DB)?ACCESS_DENIED|ER_BAD_DB|ER_OUT_OF_RESOURCES|ER_OUTOFMEMORY)/;

/** The database cannot be reached, or takes nothing now: another time the same may work. */
export function isOutOfReach(error: unknown): boolean {
  const { code = '', errno, fatal = false } = error as { code?: string; errno?: number; fatal?: boolean };
  return fatal || errno === KILLED || OUT_OF_REACH.test(code);
}

type Done = (error: { code?: string } | null, ...results: unknown[]) => void;
type Call = (statement: object, ...rest: unknown[]) => unknown;

/** The driver for Sequelize. A query that takes longer fails, and its connection goes with it: nobody knows its state. */
export function mysqlWithin(queryTimeoutMs: number): object {
  function createConnection(config: mysql.ConnectionOptions): mysql.Connection {
    const connection = mysql.createConnection(config);
    const calls = connection as unknown as Record<'query' | 'execute', Call>;
    for (const name of ['query', 'execute'] as const) {
      const call = calls[name].bind(connection);
      calls[name] = (statement, ...rest) => {
        const done = rest.pop() as Done;
        const options = typeof statement === 'string' ? { sql: statement } : statement;
        return call({ ...options, timeout: queryTimeoutMs }, ...rest, ((error, ...results) => {
          if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') connection.destroy();
          done(error, ...results);
        }) satisfies Done);
      };
    }
    return connection;
  }
  return { ...mysql, createConnection };
}
