import { describe, expect, it } from 'vitest';
import { perId, rowSql } from './row-sql.ts';

describe('statements on many rows', () => {
  const make = (some: readonly number[]) => ({ sql: `${some.length}`, values: some });

  it('are one text for one row on SQLite, whatever their number', () => {
    const { forRows, among } = rowSql('sqlite');
    expect(forRows([7, 8], make)).toEqual([
      { sql: '1', values: [7] },
      { sql: '1', values: [8] },
    ]);
    expect(among('n', [1, 2]).sql).toBe(among('n', [1, 2, 3]).sql);
    expect(among('n', [1, 2]).values).toEqual(['[1,2]']);
  });

  it('are few texts on MySQL', () => {
    const { forRows, among } = rowSql('mysql');
    const rows = Array.from({ length: 100 }, (_, n) => n);
    const all = forRows(rows, make);
    expect(all.map(({ sql }) => sql)).toEqual(['64', '36']);
    expect(all.flatMap(({ values }) => values)).toEqual(rows);
    expect(forRows([], make)).toEqual([]);
    expect(among('n', [1, 2])).toEqual({ sql: 'n IN (?,?)', values: [1, 2] });
  });

  it('pick a value by id only where values differ', () => {
    expect(perId(['a', 'b'], [null, null])).toEqual({ sql: '?', values: [null] });
    expect(perId(['a', 'b'], [1, 2])).toEqual({
      sql: 'CASE id WHEN ? THEN ? WHEN ? THEN ? END',
      values: ['a', 1, 'b', 2],
    });
  });
});
