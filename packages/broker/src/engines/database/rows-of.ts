/** Reads rows as a model describes them, past the model: to make a query of it each time costs more than the reading. */
import { DatabaseError, type Model, type ModelStatic } from 'sequelize';
import { joinedTransaction } from '../../kernel/written-together.ts';

type Value = string | number | Buffer | null;
type Done = (error: Error | null, rows?: unknown[]) => void;

/** What the drivers of both dialects give Sequelize. */
interface Connection {
  all?(sql: string, values: readonly Value[], done: Done): void;
  query?(statement: { sql: string; typeCast: boolean }, values: readonly Value[], done: Done): void;
}

interface Pool {
  getConnection(options: { type: 'read' }): Promise<Connection>;
  releaseConnection(connection: Connection): void;
}

/**
 * `rest` follows the name of the table, with a `?` for each value. Meant for what is looked up every second or with every
 * new key; a row is as `findAll({ raw: true })` has it. Within an act it sees what that has written.
 */
export function rowsOf<Row>(
  model: ModelStatic<Model>,
  names: readonly string[] = Object.keys(model.getAttributes()),
): (rest: string, values?: readonly Value[]) => Promise<Row[]> {
  const pool = model.sequelize!.connectionManager as unknown as Pool;
  const columns = names.map((name) => `\`${model.getAttributes()[name]!.field}\` AS \`${name}\``);
  const head = `SELECT ${columns.join()} FROM ${String(model.getTableName())} `;
  return async (rest, values = []) => {
    const joined = joinedTransaction() as { connection: Connection } | undefined;
    const connection = joined?.connection ?? (await pool.getConnection({ type: 'read' }));
    try {
      return (await all(connection, head + rest, values)) as Row[];
    } finally {
      if (!joined) pool.releaseConnection(connection);
    }
  };
}

function all(connection: Connection, sql: string, values: readonly Value[]): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    // As Sequelize says it: who answers a caller tells by that whether the database is away.
    const done: Done = (error, rows) =>
      error ? reject(new DatabaseError(Object.assign(error, { sql }))) : resolve(rows!);
    if (connection.all) connection.all(sql, values, done);
    // Every column has a type of the driver's own: none needs the model's.
    else connection.query!({ sql, typeCast: true }, values, done);
  });
}
