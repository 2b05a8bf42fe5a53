/** Whether limits hold exactly over several brokers, and what a decision costs against the library a team would take. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { posts, shown, type Bench, type Scenario, withFila } from './scenario.ts';

const run = promisify(execFile);
const BENCH = join(import.meta.dirname, '..');
const LIMITER = join(BENCH, '../packages/broker/src/engines/limiter/redis-limiter.ts');

const BROKERS = 3;
const CALLS = 1_000;
const LIMIT = 100;

export const limits: Scenario = async (bench) => {
  if (!existsSync(LIMITER)) {
    for (const metric of ['limits.accepted', 'limits.decisions.perSecond'])
      bench.figures.explain(metric, 'there is no engines/limiter yet');
    return;
  }
  await decisions(bench);
  await parallelPosts(bench);
};

async function decisions(bench: Bench): Promise<void> {
  const { url } = bench.servers.redis;
  const durationMs = bench.isQuick ? '500' : '3000';
  const programs = [
    ['peer', [join(BENCH, 'peer/limiter.mjs'), url, durationMs]],
    ['fila shared', [join(BENCH, 'load/limiter-calls.ts'), url, durationMs, LIMITER]],
  ] as const;
  for (let round = 1; round <= bench.rounds; round++)
    for (const [system, args] of programs) {
      await bench.servers.redisClient.flushall();
      const { stdout } = await run(process.execPath, [...args]);
      const { perSecond: value } = JSON.parse(stdout) as { perSecond: number };
      bench.figures.add({ metric: 'limits.decisions.perSecond', system, round, value });
      bench.say(`  round ${round}  ${system.padEnd(14)} limits.decisions.perSecond  ${shown(value)}`);
    }
}

/** A third of the calls to each of three brokers, all at once, with one key. */
async function parallelPosts(bench: Bench): Promise<void> {
  const { load, simulator } = bench.servers;
  await simulator.prepare({ slots: 8 });
  const plan = { engines: 'shared', slots: 8, brokers: BROKERS } as const;
  await withFila(bench, plan, async ({ system, add }) => {
    const key = await system.createKey({ limit_minute: LIMIT });
    const count = Math.ceil(CALLS / BROKERS);
    const results = await Promise.all(
      system.ports.map((port) =>
        load.closed({ requests: { ...posts({ system, key }), port }, connections: count, count }),
      ),
    );
    const sum = (status: string): number =>
      results.reduce((total, { statuses }) => total + (statuses[status] ?? 0), 0);
    bench.say(`  ${sum('202')} accepted, ${sum('429')} refused`);
    add('limits.accepted', sum('202'));
  });
}
