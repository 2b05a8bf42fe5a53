/** What `fila --help` loads: little, because all commands are known by name and none is loaded. How long it takes: `npm run bench:cold-start`. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLI } from '../helpers/daemon.ts';

const MOST_BYTES = 96_000;

/** The files that are loaded before anything runs. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const imports = readFileSync(file, 'utf8').matchAll(
    /^import\b[^;]*?from"(\.\/[^"]+)"|;import\b[^;]*?from"(\.\/[^"]+)"/gm,
  );
  for (const [, first, later] of imports) loadedWith(join(dirname(file), (first ?? later)!), seen);
  return seen;
}

describe('fila --help', () => {
  it('loads no command, neither the SDK nor the broker', () => {
    const main = join(dirname(CLI), '../dist/main.js');
    const files = [...loadedWith(main)];
    const bytes = files.reduce((sum, file) => sum + readFileSync(file).length, 0);
    expect(files.length).toBeGreaterThan(2);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });
});
