import { describe, expect, it } from 'vitest';
import { csvLine } from './csv.ts';

describe('a line of CSV', () => {
  it('quotes what would end a cell', () => {
    expect(csvLine(['a', 'b,c', 'say "x"'])).toBe('a,"b,c","say ""x"""');
  });

  it('runs nothing in a spreadsheet, and leaves numbers as they are', () => {
    expect(csvLine(['=HYPERLINK("http://x")', '+1', '@SUM(A1)', '-2+3', '-4.5', '7'])).toBe(
      `"'=HYPERLINK(""http://x"")",'+1,'@SUM(A1),'-2+3,-4.5,7`,
    );
  });
});
