/** What reads and sweeps need of a database: statements with `?`, on SQLite and MySQL alike. */

export type SqlValue = string | number | Buffer | null;

export interface Statement {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

export interface SqlRunner {
  readonly dialect: 'sqlite' | 'mysql';
  all<Row>(sql: string, values?: readonly SqlValue[]): Promise<Row[]>;
  /** Each row as the list of its columns, which costs half as much where there are many. */
  lists(sql: string, values?: readonly SqlValue[]): Promise<SqlValue[][]>;
  /** How many rows were changed. */
  run(sql: string, values?: readonly SqlValue[]): Promise<number>;
  /** All or nothing, in one transaction; resolves with how many rows each has changed. */
  together(statements: readonly Statement[]): Promise<number[]>;
  /** Milliseconds since 1970 by the database's clock, as an SQL expression. */
  readonly nowMs: string;
  /** After the name of the requests table: reads it lane by lane, by state. */
  readonly byLaneAndState: string;
  /** `INSERT` that does nothing when the row is there already. */
  readonly insertIgnore: string;
}

/** A row that is added unless one like it is there. */
export interface AddedRow {
  readonly form: RowForm;
  /** In the order of the columns. */
  readonly values: readonly SqlValue[];
}

/** One object for all rows of a form: they share a statement. */
export interface RowForm {
  readonly table: string;
  readonly columns: readonly string[];
  /** Of these columns the value is so many milliseconds from now, by the database's clock. */
  readonly fromNow: readonly string[];
}

/** The text that adds so many rows of a form, with a `?` for each value. `nowMs` is an expression. */
export function addingRows(
  { table, columns, fromNow }: RowForm,
  count: number,
  { insertIgnore, nowMs }: Pick<SqlRunner, 'insertIgnore' | 'nowMs'>,
): string {
  const marks = columns.map((column) => (fromNow.includes(column) ? `${nowMs} + ?` : '?')).join();
  return `${insertIgnore} INTO ${table} (${columns.join()}) VALUES ${Array(count).fill(`(${marks})`).join()}`;
}

/** As many marks as there are values, for `IN`. */
export function marksFor(values: readonly unknown[]): string {
  return `(${values.map(() => '?').join()})`;
}
