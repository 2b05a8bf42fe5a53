/**
 * Every failpoint × every action × both engine sets: `node test/chaos/failpoint-matrix.ts [--engines shared|embedded]
 * [--point p] [--action a] [--jobs 2] [--seed n]`; the table goes to .tmp/failpoint-matrix.md and stdout.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inParallel } from '../helpers/in-parallel.ts';
import { startMariadb } from '../services/mariadb-service.ts';
import { startRedis } from '../services/redis-service.ts';
import type { SharedServers } from './cluster.ts';
import { ACTIONS, allCells, type Cell, commandOf, ENGINES, type NoCell } from './failpoint-cells.ts';
import { runTrial } from './failpoint-run.ts';

const { values } = parseArgs({
  options: {
    engines: { type: 'string' },
    point: { type: 'string', default: '' },
    action: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
  },
});
const folder = join(import.meta.dirname, '../../.tmp');

interface Done {
  readonly cell: Cell;
  readonly problems: readonly string[];
  readonly tookMs: number;
  readonly evidence: string;
  readonly logs: Readonly<Record<string, string>>;
}

const isWanted = ({ engines, point, action }: Pick<Cell, 'engines' | 'point' | 'action'>): boolean =>
  point.startsWith(values.point) &&
  engines === (values.engines ?? engines) &&
  action === (values.action ?? action);
const { cells, notCells } = allCells();
const chosen = cells.filter(isWanted);
const left = notCells.filter(isWanted);
const beganMs = performance.now();

const servers = chosen.some(({ engines }) => engines === 'shared') ? await startServers() : undefined;
let done = 0;
const jobs = Number(values.jobs);
// A webhook that was under way is sent again after seconds or a minute: such cells wait more than they work.
const [waiting, working] = [true, false].map((isWaiting) =>
  chosen.filter(({ point }) => point.startsWith('webhook.') === isWaiting),
);
const [some, others] = await Promise.all([
  inParallel(jobs, waiting!, runOne),
  inParallel(jobs, working!, runOne),
]);
const results = [...others, ...some];

async function runOne(cell: Cell): Promise<Done> {
  const result = await runSafely(cell, servers);
  done += 1;
  const verdict = result.problems.length === 0 ? 'ok' : `VIOLATION ${result.problems.join('; ')}`;
  const seconds = (result.tookMs / 1000).toFixed(1);
  console.error(`${done}/${chosen.length}  ${seconds.padStart(5)} s  ${cell.name}: ${verdict}`);
  if (result.problems.length > 0) keepEvidence(result);
  return result;
}
await servers?.mariadb.kill();
await servers?.redis.kill();

const report = reportOf(results, left);
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'failpoint-matrix.md'), report);
console.log(report);
process.exitCode = results.some(({ problems }) => problems.length > 0) || results.length === 0 ? 1 : 0;

async function startServers(): Promise<SharedServers> {
  const [mariadb, redis] = await Promise.all([startMariadb(), startRedis()]);
  return { mariadb, redis };
}

/** A cell that cannot even be judged is a violation of its own, and the others go on. */
async function runSafely(cell: Cell, servers: SharedServers | undefined): Promise<Done> {
  const beganMs = performance.now();
  try {
    return { ...(await runTrial(cell, { servers, seed: Number(values.seed) })), cell };
  } catch (error) {
    return {
      cell,
      problems: [`it could not be judged: ${String(error)}`],
      tookMs: performance.now() - beganMs,
      ...{ evidence: '', logs: {} },
    };
  }
}

function keepEvidence({ cell, problems, evidence, logs }: Done): void {
  const place = join(folder, 'failpoints', cell.name.replaceAll(' ', '-'));
  mkdirSync(place, { recursive: true });
  const lines = [`# ${cell.name}`, ...problems.map((one) => `- ${one}`), evidence];
  writeFileSync(join(place, 'evidence.md'), lines.join('\n\n'));
  for (const [name, log] of Object.entries(logs)) writeFileSync(join(place, `${name}.log`), log);
}

function reportOf(results: readonly Done[], left: readonly NoCell[]): string {
  const red = results.filter(({ problems }) => problems.length > 0);
  const minutes = ((performance.now() - beganMs) / 60_000).toFixed(1);
  return [
    '# The failpoint matrix',
    `${results.length} cells in ${minutes} min: ${results.length - red.length} ok, ${red.length} violations, ${left.length} n/a.`,
    ...ENGINES.map((engines) => tableOf(results, engines)),
    ...(red.length > 0 ? ['## Violations', ...red.map(storyOf)] : []),
    '## Not applicable',
    reasonsOf(left),
    '',
  ].join('\n\n');
}

function tableOf(results: readonly Done[], engines: Cell['engines']): string {
  const own = results.filter(({ cell }) => cell.engines === engines);
  const points = [...new Set(own.map(({ cell }) => cell.point))];
  const rows = points.map((point) => {
    const marks = ACTIONS.map((action) => {
      const one = own.find(({ cell }) => cell.point === point && cell.action === action);
      return one ? (one.problems.length === 0 ? 'ok' : '**violation**') : 'n/a';
    });
    return `| ${point} | ${marks.join(' | ')} |`;
  });
  const head = `| ${engines} | ${ACTIONS.join(' | ')} |\n|---|${ACTIONS.map(() => '---').join('|')}|`;
  return [head, ...rows].join('\n');
}

function storyOf({ cell, problems }: Done): string {
  return [`### ${cell.name}`, ...problems.map((one) => `- ${one}`), `\`${commandOf(cell)}\``].join('\n\n');
}

function reasonsOf(left: readonly NoCell[]): string {
  const reasons = Map.groupBy(left, ({ why }) => why);
  const lines = [...reasons].map(([why, all]) => {
    const names = Map.groupBy(all, ({ action, engines }) => `${action} ${engines}`);
    const where = [...names].map(([name, some]) => `${name}: ${some.map(({ point }) => point).join(', ')}`);
    return `- ${why}\n${where.map((one) => `  - ${one}`).join('\n')}`;
  });
  return lines.join('\n');
}
