/** Statements on many rows at once, each in the form that its database runs cheapest. */
import { marksFor, type SqlRunner, type SqlValue, type Statement } from '../../engines/ledger/ledger.ts';

export interface RowSql {
  /** A condition: the column has one of these values. */
  among(column: string, values: readonly (string | number)[]): Statement;
  /** `make` is given rows that may stand in one statement. */
  forRows<Row>(rows: readonly Row[], make: (some: readonly Row[]) => Statement): Statement[];
}

/** So many values are picked by CASE in one statement: it compares every row with every value. */
const MOST_ROWS = 64;

/**
 * SQLite keeps what it has prepared by its text, so there a text does not depend on how many rows there are: one text
 * for one row, run for each. With MySQL a round trip costs more than a long text.
 */
export function rowSql(dialect: SqlRunner['dialect']): RowSql {
  const most = dialect === 'sqlite' ? 1 : MOST_ROWS;
  return {
    among: (column, values) => {
      if (values.length === 1) return { sql: `${column} = ?`, values };
      return dialect === 'sqlite'
        ? { sql: `${column} IN (SELECT value FROM json_each(?))`, values: [JSON.stringify(values)] }
        : { sql: `${column} IN ${marksFor(values)}`, values };
    },
    forRows: (rows, make) => {
      const statements: Statement[] = [];
      for (let from = 0; from < rows.length; from += most)
        statements.push(make(rows.slice(from, from + most)));
      return statements;
    },
  };
}

/** A value for each id: the value itself when all agree, as most do. */
export function perId(ids: readonly string[], values: readonly SqlValue[]): Statement {
  const [first = null] = values;
  if (values.every((value) => value === first)) return { sql: '?', values: [first] };
  return {
    sql: `CASE id ${ids.map(() => 'WHEN ? THEN ?').join(' ')} END`,
    values: ids.flatMap((id, index) => [id, values[index]!]),
  };
}
