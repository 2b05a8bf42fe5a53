/** Values as they stand in SQL. Those of the ledger's own columns cannot hold a quote: ids of one form, whole numbers, hexadecimal. */
import mysql from 'mysql2';
import type { SqlValue } from './sql-runner.ts';

export type Row = Record<string, string | number | Buffer | null>;

/** Puts a statement into the packet; `read` is given its result. */
export type Add = (sql: string, read?: (result: unknown) => void) => void;

/** What every part of a packet is written with. */
export interface Writing {
  readonly add: Add;
  /** Carried by every row that this packet changes. */
  readonly mark: number;
  /** The database's clock, as an expression. */
  readonly nowMs: string;
}

const ID = /^[a-z]{3}_[0-9a-z]{26}$/;

export function isLiteralId(value: string): boolean {
  return ID.test(value);
}

export function id(value: string): string {
  if (!ID.test(value)) throw new Error('An id of another form must not reach the database.');
  return `_ascii'${value}' COLLATE ascii_bin`;
}

export function number(value: number | null): string {
  if (value === null) return 'NULL';
  if (!Number.isSafeInteger(value))
    throw new Error('A number that is not whole must not reach the database.');
  return String(value);
}

export function blob(value: Buffer | null): string {
  return value === null ? 'NULL' : `X'${value.toString('hex')}'`;
}

/** ASCII text of ours: cursors, codes, names of upstreams. */
export function text(value: string | null): string {
  if (value === null) return 'NULL';
  if (value === '') return `_ascii'' COLLATE ascii_bin`;
  return `CAST(X'${Buffer.from(value, 'ascii').toString('hex')}' AS CHAR CHARACTER SET ascii) COLLATE ascii_bin`;
}

/** Any value, of a column that is not compared with others. */
export function literal(value: SqlValue): string {
  return typeof value === 'string' || typeof value === 'number' ? mysql.escape(value) : blob(value);
}

/** A statement of ours with its values in the place of every `?`; it has no other. The driver's own way reads it letter by letter. */
export function filledIn(sql: string, values: readonly SqlValue[] = []): string {
  if (values.length === 0) return sql;
  const parts = sql.split('?');
  if (parts.length !== values.length + 1)
    throw new Error('A statement has more or fewer places than values.');
  let filled = parts[0]!;
  for (let at = 0; at < values.length; at++) filled += literal(values[at]!) + parts[at + 1]!;
  return filled;
}

/** Asks which rows fulfil a condition now. */
export function idsWhere(condition: string, add: Add, tell: (ids: Set<string>) => void): void {
  add(`SELECT id FROM requests WHERE ${condition}`, (result) =>
    tell(new Set((result as Row[]).map((row) => String(row['id'])))),
  );
}
