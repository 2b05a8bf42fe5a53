/** Builds the three packages: ESM for Node, with types where other people import them. */
import { readFileSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';

/** What a package declares stays outside its bundle; tsup itself would only look at the root's package.json. */
function dependenciesOf(name: string): string[] {
  const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  return Object.keys(manifest.dependencies ?? {});
}

function pack(name: string, entry: Record<string, string>, extra: Options = {}): Options {
  return {
    name,
    entry: Object.fromEntries(
      Object.entries(entry).map(([out, file]) => [out, `packages/${name}/src/${file}`]),
    ),
    outDir: `packages/${name}/dist`,
    format: ['esm'],
    target: 'node22',
    platform: 'node',
    sourcemap: true,
    clean: true,
    dts: false,
    splitting: true,
    removeNodeProtocol: false,
    external: dependenciesOf(name),
    noExternal: [/^@fila\/php-bridge-spec/],
    ...extra,
  };
}

export default defineConfig([
  pack('sdk', { index: 'index.ts' }, { target: 'es2022', platform: 'neutral', dts: true }),
  pack('broker', { index: 'index.ts' }),
  pack('cli', { main: 'main.ts' }),
]);
