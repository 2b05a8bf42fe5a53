/** The SDK as it is published: its size, what it needs, and whether every kind of project can import it with its types. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;
const PACKAGE = join(ROOT, 'packages/sdk');
const MOST_BYTES = 12_000;

describe('the published SDK', () => {
  let bundle: string;
  const manifest = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as Record<string, unknown>;

  beforeAll(async () => {
    const { outputFiles } = await build({
      ...{ stdin: { contents: "export { Fila } from '@fila/sdk';", resolveDir: ROOT } },
      ...{ bundle: true, minify: true, format: 'esm', platform: 'neutral', write: false },
    });
    bundle = outputFiles[0]!.text;
  });

  it(`weighs at most ${MOST_BYTES} bytes, minified and compressed, with everything that hangs on the client`, () => {
    expect(gzipSync(bundle, { level: 9 }).length).toBeLessThanOrEqual(MOST_BYTES);
  });

  it('needs no other package and nothing of Node: it runs where there is fetch and WebCrypto', () => {
    expect(Object.keys(manifest).filter((name) => /dependencies/i.test(name))).toEqual([]);
    expect(bundle).not.toMatch(/\bnode:|\brequire\(|\bBuffer\b|\bprocess\./);
  });

  it('is a package without faults', async () => {
    const { messages, pkg } = await publint({ pkgDir: PACKAGE, strict: true, pack: 'npm' });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it('has types that are right wherever ESM is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fila-pack-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
        cwd: PACKAGE,
        encoding: 'utf8',
      }),
    ) as { filename: string; files: { path: string }[] }[];
    expect(packed!.files.map(({ path }) => path).sort()).toEqual([
      ...['README.md', 'api.md', 'dist/index.d.ts', 'dist/index.js', 'dist/index.js.map', 'package.json'],
    ]);
    const tarball = new Uint8Array(readFileSync(join(folder, packed!.filename)));
    const result = await checkPackage(createPackageFromTarballData(tarball));
    if (!result.types) throw new Error('The package has no types.');
    // Node 20.19 and newer load ESM with require(): there is one build, and old resolution without "exports" is not served.
    const faults = result.problems.filter(
      (one) => !('resolutionKind' in one) || !['node10', 'node16-cjs'].includes(one.resolutionKind),
    );
    expect(faults).toEqual([]);
  });
});
