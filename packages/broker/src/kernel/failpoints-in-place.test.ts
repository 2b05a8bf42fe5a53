/** Every failpoint stands somewhere in the broker under its very name, and no other does. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DUPLICABLE, FAILPOINTS } from './failpoints.ts';

const SRC = join(import.meta.dirname, '..');
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(
    (file) => file.endsWith('.ts') && !/\.test\.ts$|conformance\.ts$|testing\/|failpoints\.ts$/.test(file),
  )
  .map((file) => ({ file, text: readFileSync(join(SRC, file), 'utf8') }));

interface Site {
  readonly file: string;
  readonly name: string;
  /** What follows the call. */
  readonly after: string;
}

const sites = sources.flatMap(({ file, text }) =>
  [...text.matchAll(/\bfailpoint(?:Sync|Action)?\(\s*('?)([^')]*)/g)].map(
    ({ 1: quote, 2: name, index }): Site => ({
      file,
      name: quote ? name! : `not a name: ${name}`,
      after: text.slice(index, index + 160),
    }),
  ),
);

describe('the failpoints in the broker', () => {
  it('are those of the table, each at one place at least', () => {
    expect([...new Set(sites.map(({ name }) => name))].sort()).toEqual(Object.keys(FAILPOINTS).sort());
  });

  it('stand once in a file: two places would be two points', () => {
    const all = sites.map(({ file, name }) => `${file} ${name}`);
    expect(all.filter((one, index) => all.indexOf(one) !== index)).toEqual([]);
  });

  it('say "duplicate" where they can, and nowhere else', () => {
    const asked = sites.filter(({ after }) => after.includes(`=== 'duplicate'`)).map(({ name }) => name);
    expect(asked.filter((name) => !(DUPLICABLE as readonly string[]).includes(name))).toEqual([]);
    expect(DUPLICABLE.filter((name) => !asked.includes(name))).toEqual([]);
  });
});
