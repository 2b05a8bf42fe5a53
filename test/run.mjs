/** The project's tests, whole: provides the real services, builds, checks, runs all suites, and ends with one plain line. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { installMissing } from './services/provide.ts';

const RESULTS = '.tmp/results.json';
const [major] = process.versions.node.split('.').map(Number);
if (major < 22) {
  console.error(
    `The tests need Node.js >= 22.19, this is ${process.version}. npm ci installs Node 24 beside the code:`,
  );
  console.error('run them as  npm test ; if that still is the old Node, repair it with  npm rebuild node');
  process.exit(1);
}

/** Runs a step with the terminal's own streams; resolves with its exit code. */
function step(title, command, args) {
  console.log(`\n== ${title}`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal));
    child.once('exit', (code, signal) => resolve(signal ? 1 : code));
  });
}

function fail(what) {
  console.error(`\n${what}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}

const isCi = process.env.CI === 'true';
const missing = await installMissing();
for (const { service, reason } of missing)
  console.error(`${service} cannot be had: ${reason}. Suites that need it do not run.`);
if (missing.length > 0 && isCi) fail('Under CI=true every suite has to run.');

if ((await step('build', 'npm', ['run', '--silent', 'build'])) !== 0) fail('The build failed.');
for (const check of ['format', 'lint', 'types', 'house', 'verify']) {
  if ((await step(check, 'npm', ['run', '--silent', check])) !== 0) fail(`npm run ${check} failed.`);
}

mkdirSync('.tmp', { recursive: true });
rmSync(RESULTS, { force: true });
const vitest = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${RESULTS}`,
];
const code = await step('tests', process.execPath, [...vitest, ...process.argv.slice(2)]);

const leftOver = spawnSync('pgrep', ['-f', `${process.cwd()}/packages/cli/bin/fila.js`], {
  encoding: 'utf8',
}).stdout?.trim();
if (leftOver) console.error(`Daemons outlived their tests: ${leftOver.replaceAll('\n', ', ')}`);

let results;
try {
  results = JSON.parse(readFileSync(RESULTS, 'utf8'));
} catch {
  fail('The tests ended without a result.');
}
const {
  numPassedTests: passed,
  numFailedTests,
  numPendingTests: skipped,
  numFailedTestSuites,
  success,
} = results;
// A suite that broke before its tests ran, or an error outside every test, is a failure too.
const failed =
  numFailedTests > 0
    ? numFailedTests
    : success && code === 0 && !leftOver
      ? 0
      : Math.max(1, numFailedTestSuites);
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 || (isCi && skipped > 0) ? 1 : 0;
