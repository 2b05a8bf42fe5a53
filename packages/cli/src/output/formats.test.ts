import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { listPrinter, printOne, type View } from './formats.ts';
import type { Format } from '../options.ts';
import { createOut } from './out.ts';
import type { Column } from './table.ts';

interface Item {
  id: string;
  note: string;
}

const NASTY: Item = { id: 'k1', note: 'a\u001b[31m\nb\u009b\u202e"c\u{e0041}' };
const COLUMNS: readonly Column<Item>[] = [
  { header: 'ID', cell: ({ id }) => ({ exact: id }) },
  { header: 'NOTE', wide: true, cell: ({ note }) => ({ exact: note }) },
];
const VIEW: View<Item> = {
  name: ({ id }) => id,
  fields: ({ id, note }) => [
    ['id', { exact: id }],
    ['note', { exact: note }],
  ],
};

function capturing(format: Format, isTTY = false) {
  let text = '';
  const stream = { isTTY, columns: 80, write: (more: string) => (text += more) };
  const out = createOut({
    stdout: stream,
    stderr: { write: () => true },
    env: {},
    format,
    color: false,
    quiet: false,
    now: () => 0,
  });
  return { out, text: () => text };
}

async function list(format: Format, { isTTY = false, cursor = null as string | null } = {}): Promise<string> {
  const { out, text } = capturing(format, isTTY);
  const printer = listPrinter<Item>(out, { columns: COLUMNS, name: ({ id }) => id });
  printer.page([NASTY]);
  printer.page([{ id: 'k2', note: '' }]);
  await printer.end(cursor);
  return text();
}

describe('a list', () => {
  it('as json is one object with items and next_cursor', async () => {
    expect(JSON.parse(await list('json', { cursor: 'c2' }))).toEqual({
      items: [NASTY, { id: 'k2', note: '' }],
      next_cursor: 'c2',
    });
  });

  it('as jsonl is one exact object a line', async () => {
    const lines = (await list('jsonl')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as Item)).toEqual([NASTY, { id: 'k2', note: '' }]);
  });

  it('as yaml is the same data, exact, without a raw control character', async () => {
    const text = await list('yaml');
    expect(parse(text)).toEqual({ items: [NASTY, { id: 'k2', note: '' }], next_cursor: null });
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  it('as name is ids only', async () => {
    expect(await list('name')).toBe('k1\nk2\n');
  });

  it('as table in a pipe has tabs and no header, wide adds columns', async () => {
    expect(await list('table')).toBe('k1\nk2\n');
    expect(await list('wide')).toBe('k1\ta␛[31m b\ufffd\ufffd"c\ufffd\nk2\t\n');
  });

  it('as table on a terminal has a header', async () => {
    expect(await list('table', { isTTY: true })).toBe('ID\nk1\nk2\n');
  });
});

it('jsonl is written page by page, before the end is known', () => {
  const { out, text } = capturing('jsonl');
  listPrinter<Item>(out, { columns: COLUMNS, name: ({ id }) => id }).page([{ id: 'k2', note: '' }]);
  expect(text()).toBe('{"id":"k2","note":""}\n');
});

describe('one thing', () => {
  it.each([
    ['json', `{\n  "id": "k2",\n  "note": "n"\n}\n`],
    ['jsonl', '{"id":"k2","note":"n"}\n'],
    ['yaml', 'id: k2\nnote: n\n'],
    ['name', 'k2\n'],
    ['table', 'id\tk2\nnote\tn\n'],
  ] as const)('as %s', async (format, expected) => {
    const { out, text } = capturing(format);
    await printOne(out, { id: 'k2', note: 'n' }, VIEW);
    expect(text()).toBe(expected);
  });
});
