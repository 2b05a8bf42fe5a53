/** `npm run bench`: every scenario against the peer, each figure against its gate. Exits with 1 when one is missed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createFigures } from './figures.ts';
import { GATES, judge } from './gates.ts';
import { gateTable, jsonReport, markdownReport, type Outcome, type RunInfo } from './report.ts';
import { RUN } from './scenarios/all.ts';
import { SCENARIOS, type Bench, type ScenarioName } from './scenarios/scenario.ts';
import { startServers } from './systems/servers.ts';
import { isQuiet, surroundings, type Surroundings } from './surroundings.ts';
import { SYSTEMS } from './systems/system.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, '.tmp');
const PEER = join(import.meta.dirname, 'peer');

const { values } = parseArgs({
  options: {
    /** accept,drain,… */
    only: { type: 'string', default: SCENARIOS.join(',') },
    rounds: { type: 'string', default: '3' },
    engines: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});

function chosen(): ScenarioName[] {
  const wanted = values.only.split(',');
  const unknown = wanted.filter((name) => !(SCENARIOS as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new Error(`There is no ${unknown.join(', ')}; there are ${SCENARIOS.join(', ')}.`);
  return SCENARIOS.filter((name) => wanted.includes(name));
}

function prepare(): void {
  if (!existsSync(join(ROOT, 'packages/cli/dist/main.js'))) throw new Error('Run  npm run build  first.');
  if (existsSync(join(PEER, 'node_modules'))) return;
  console.log('Installing the peer (bench/peer) …');
  const { status } = spawnSync('npm', ['--prefix', PEER, 'ci'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('npm ci failed in bench/peer.');
}

async function infoOf(startedMs: number, before: Surroundings): Promise<RunInfo> {
  const { dependencies } = JSON.parse(readFileSync(join(PEER, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return {
    startedAt: new Date(startedMs).toISOString(),
    seconds: (Date.now() - startedMs) / 1000,
    rounds: Number(values.rounds),
    isQuick: values.quick,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim(),
    surroundings: [before, await surroundings()],
    versions: { node: process.version, ...dependencies },
  };
}

const startedMs = Date.now();
prepare();
const before = await surroundings();
if (!isQuiet(before))
  console.log(
    `Something else runs here (load average ${before.loadAverage.toFixed(1)}): these figures will mean little.`,
  );
const servers = await startServers();
const { engines } = values;
const bench: Bench = {
  ...{ servers, figures: createFigures(), faults: [], appendix: [] },
  systems: SYSTEMS.filter((name) => name === 'peer' || engines === undefined || name === `fila ${engines}`),
  rounds: Number(values.rounds),
  isQuick: values.quick,
  say: (line) => console.log(line),
};
for (const name of chosen()) {
  const sinceMs = Date.now();
  console.log(name);
  try {
    await RUN[name](bench);
  } catch (error) {
    bench.faults.push(`${name} broke off: ${error instanceof Error ? error.stack : String(error)}`);
  }
  console.log(`  ${name} took ${Math.round((Date.now() - sinceMs) / 1000)} s`);
}
await servers.stop();

const { figures, faults, appendix } = bench;
const judged = GATES.map((gate) => judge(gate, figures));
const outcome: Outcome = { ...{ judged, figures, faults, appendix }, info: await infoOf(startedMs, before) };
mkdirSync(FOLDER, { recursive: true });
writeFileSync(join(FOLDER, 'bench.json'), jsonReport(outcome));
writeFileSync(join(FOLDER, 'bench.md'), markdownReport(outcome));
console.log(`\n${gateTable(judged.filter(({ verdict }) => verdict !== 'not run'))}\n`);
for (const fault of faults) console.log(`FAULT: ${fault}`);
console.log(`${Math.round(outcome.info.seconds)} s; .tmp/bench.md has the rounds.`);
process.exitCode = faults.length > 0 || judged.some(({ verdict }) => verdict === 'MISSED') ? 1 : 0;
