/** How long `fila --help` takes against `node -e 0`: medians of alternated runs in one go. Fails above 1.6 times. */
import { spawnSync } from 'node:child_process';

const ROUNDS = 20;
const LIMIT = 1.6;

function timeMs(args) {
  const started = process.hrtime.bigint();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}`);
  return Number(process.hrtime.bigint() - started) / 1e6;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const bare = [];
const help = [];
for (let round = 0; round < ROUNDS; round++) {
  bare.push(timeMs(['-e', '0']));
  help.push(timeMs(['packages/cli/bin/fila.js', '--help']));
}
const ratio = median(help) / median(bare);
console.log(`node -e 0     ${median(bare).toFixed(1)} ms`);
console.log(`fila --help   ${median(help).toFixed(1)} ms`);
console.log(`ratio         ${ratio.toFixed(2)} (limit ${LIMIT})`);
process.exitCode = ratio > LIMIT ? 1 : 0;
