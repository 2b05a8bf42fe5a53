/** Builds the three packages: ESM for Node, with types where other people import them. */
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { defineConfig, type Options } from 'tsup';

/** What a package declares stays outside its bundle; tsup itself would only look at the root's package.json. */
function dependenciesOf(name: string): string[] {
  const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  return Object.keys(manifest.dependencies ?? {});
}

/**
 * Commander goes into the bundle and takes Node's modules where they are already loaded: loading child_process, which
 * it needs only for commands in files of their own, would be a third of the time of `fila --help`.
 */
const leanCommander: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'lean-commander',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, importer }) =>
      importer.includes('/commander/') ? { path, namespace: 'builtin' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: builtin(path) }));
  },
};

/**
 * Ink and React go into the bundle, in a part of their own that only `fila top` loads: in half the time, and with React's
 * fast half. Ink looks for React's developer tools, which nobody has here; what is CommonJS in it asks for Node's modules.
 */
const bundledInk: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'bundled-ink',
  setup(build) {
    build.onResolve({ filter: /^[a-z]/ }, ({ path, kind }) =>
      kind === 'require-call' && isBuiltin(path) ? { path, namespace: 'required' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
    build.onResolve({ filter: /^react-devtools-core$/ }, ({ path }) => ({ path, namespace: 'nothing' }));
    build.onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'export default {};' }));
  },
};

function builtin(path: string): string {
  if (path === 'node:process') return 'export default globalThis.process';
  const load = `process.getBuiltinModule('${path}')`;
  if (path === 'node:child_process') return `export default { spawn: (...words) => ${load}.spawn(...words) }`;
  return `const all = ${load}; export default all; export const { EventEmitter, stripVTControlCharacters } = all;`;
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
  pack('broker', { index: 'index.ts', 'checkpoint-thread': 'engines/ledger/checkpoint-thread.ts' }),
  pack(
    'cli',
    { main: 'main.ts' },
    {
      minify: true,
      external: dependenciesOf('cli').filter((name) => !['commander', 'ink', 'react'].includes(name)),
      noExternal: [/^@fila\/php-bridge-spec/, 'commander', 'ink', 'react'],
      esbuildPlugins: [leanCommander, bundledInk],
      define: { 'process.env.NODE_ENV': '"production"' },
    },
  ),
]);
