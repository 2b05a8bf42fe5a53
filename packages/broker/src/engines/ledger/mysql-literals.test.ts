/** Values in the text of a statement: each in its own place, whatever it holds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filledIn, literal } from './mysql-literals.ts';

describe('a statement that is filled in', () => {
  it('has each value in its place, also when a value holds a question mark or a quote', () => {
    expect(filledIn('a = ? AND b IN (?, ?) AND c = ?', ["it's ?", 7, null, Buffer.from('?')])).toBe(
      "a = 'it\\'s ?' AND b IN (7, NULL) AND c = X'3f'",
    );
    expect(filledIn('SELECT 1')).toBe('SELECT 1');
  });

  it('keeps every text within its quotes', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const sql = filledIn('?|?', [one, other]);
        const quoted = /^'(?:[^'\\]|\\.)*'\|'(?:[^'\\]|\\.)*'$/su;
        expect(sql).toMatch(quoted);
      }),
    );
  });

  it.each([
    ['?, ?', [1]],
    ['?', [1, 2]],
  ])('%s is refused with %j', (sql, values) => {
    expect(() => filledIn(sql, values)).toThrow('places');
  });
});

describe('a literal', () => {
  it.each([
    [null, 'NULL'],
    [12, '12'],
    [Buffer.from([0, 255]), "X'00ff'"],
    ["it's", "'it\\'s'"],
  ])('of %j is %s', (value, sql) => {
    expect(literal(value)).toBe(sql);
  });
});
