import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPaint } from './colour.ts';
import { displayWidth } from './plain-text.ts';
import { fieldLines, tabbedLines, tableLines, type Column } from './table.ts';

interface Row {
  id: string;
  name: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: 'ID', cell: ({ id }) => ({ exact: id }) },
  { header: 'NAME', yields: true, cell: ({ name }) => ({ exact: name }) },
  { header: 'STATUS', cell: () => ({ exact: 'active', shown: '● active', tone: 'ok' }) },
];
const plain = createPaint(false);
const row = fc.record({ id: fc.string({ unit: 'binary' }), name: fc.string({ unit: 'grapheme' }) });

describe('tableLines', () => {
  it('aligns cells under upper case headers', () => {
    expect(
      tableLines(
        COLUMNS,
        [
          { id: 'k1', name: '漢字' },
          { id: 'k2', name: 'shop' },
        ],
        { width: 80, paint: plain },
      ),
    ).toEqual(['ID  NAME  STATUS', 'k1  漢字  ● active', 'k2  shop  ● active']);
  });

  it('cuts the column that yields before any other', () => {
    const items = [{ id: 'key_0123456789', name: 'a very long name of a client' }];
    expect(tableLines(COLUMNS, items, { width: 36, paint: plain })[1]).toBe(
      'key_0123456789  a very lo…  ● active',
    );
  });

  it('leaves columns out from the right when they do not fit, so that an id is whole', () => {
    const items = [{ id: 'key_0123456789', name: 'a very long name of a client' }];
    expect(tableLines(COLUMNS, items, { width: 30, paint: plain })[1]).toBe('key_0123456789  a very long n…');
    expect(tableLines(COLUMNS, items, { width: 20, paint: plain })[1]).toBe('key_0123456789');
    expect(tableLines(COLUMNS, [{ id: 'k1', name: 'shop' }], { width: 11, paint: plain })).toEqual([
      'ID  NAME',
      'k1  shop',
    ]);
  });

  it('paints a cell by its tone and keeps the alignment', () => {
    const [, line] = tableLines(COLUMNS, [{ id: 'k1', name: 'shop' }], {
      width: 80,
      paint: createPaint(true),
    });
    expect(line).toBe('k1  shop  \u001b[32m● active\u001b[39m');
  });

  it('never writes a line wider than the terminal, nor a control character of a cell', () => {
    fc.assert(
      fc.property(fc.array(row), fc.integer({ min: 1, max: 120 }), (items, width) => {
        const lines = tableLines(COLUMNS, items, { width, paint: plain });
        expect(lines).toHaveLength(items.length + 1);
        for (const line of lines) {
          expect(displayWidth(line)).toBeLessThanOrEqual(width);
          expect(line).not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });
});

describe('tabbedLines', () => {
  it('has as many cells in every row as there are columns, whatever the cells hold', () => {
    fc.assert(
      fc.property(fc.array(row), (items) => {
        for (const line of tabbedLines(COLUMNS, items)) expect(line.split('\t')).toHaveLength(COLUMNS.length);
      }),
    );
  });

  it('cuts nothing and says values exactly', () => {
    const name = 'x'.repeat(500);
    expect(tabbedLines(COLUMNS, [{ id: 'k1', name }])).toEqual([`k1\t${name}\tactive`]);
  });
});

describe('fieldLines', () => {
  const fields = [
    ['id', { exact: 'k1' }],
    ['created', { exact: '2026-11-20T08:00:00.000Z', shown: '2h ago' }],
    ['revoked', { exact: '' }],
  ] as const;

  it('aligns values for people and leaves out what is empty', () => {
    expect(fieldLines(fields, { isTty: true, paint: plain })).toEqual(['id       k1', 'created  2h ago']);
  });

  it('separates label and exact value with a tab in a pipe', () => {
    expect(fieldLines(fields, { isTty: false, paint: plain })).toEqual([
      'id\tk1',
      'created\t2026-11-20T08:00:00.000Z',
    ]);
  });
});
