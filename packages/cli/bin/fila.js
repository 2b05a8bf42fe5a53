#!/usr/bin/env node
// Starts the built CLI, or says in one sentence why it cannot.

const [major, minor] = process.versions.node.split('.').map(Number);
const main = new URL('../dist/main.js', import.meta.url);
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `fila needs Node.js >= 22.19; this is ${process.version} (${process.execPath}).\n` +
      'Inside the repository, npm uses the Node 24 that npm ci installed:  npx fila ...  or  npm run fila -- ...',
  );
  process.exitCode = 1;
} else if (!process.getBuiltinModule('node:fs').existsSync(main)) {
  console.error('fila is not built yet. Run:  npm run build');
  process.exitCode = 1;
} else {
  // What was compiled once is not compiled again, where the folder for temporary files can keep it.
  process.getBuiltinModule('node:module').enableCompileCache?.();
  await import(main.href);
}
