/** Where Fila's time goes while it accepts and while it drains: a CPU profile, by package. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markdownTable } from '../report.ts';
import { selfTimeByPackage, type CpuProfile } from '../self-time.ts';
import { filaEngines, posts, type Bench, type EnginesOf, type Scenario, withFila } from './scenario.ts';

const SLOTS = 32;
const WARM_UP = 1_000;
const ORM = ['sequelize', 'sequelize-pool', 'lodash', 'moment', 'inflection', 'umzug'];
const SHOWN_SHARE = 0.005;

export const profile: Scenario = async (bench) => {
  for (const engines of filaEngines(bench))
    for (const phase of ['accept', 'drain'] as const) {
      const shares = await profiled(bench, engines, phase);
      const system = `fila ${engines}`;
      const orm = ORM.reduce((sum, name) => sum + (shares.get(name) ?? 0), 0);
      bench.figures.add({ metric: `profile.${phase}.ormShare`, system, round: 1, value: orm });
      const rows = [...shares].filter(([, share]) => share >= SHOWN_SHARE).toSorted(([, a], [, b]) => b - a);
      const table = markdownTable(
        ['package', 'self time'],
        rows.map(([name, share]) => [name, `${(share * 100).toFixed(1)} %`]),
      );
      bench.appendix.push(`## CPU profile: ${phase}, ${system}\n\n${table}`);
      bench.say(
        `  ${system} ${phase}: ${rows.map(([name, s]) => `${name} ${(s * 100).toFixed(1)} %`).join(', ')}`,
      );
    }
};

/** Only what runs between the marks counts: starting, migrating and stopping are not what is asked. */
async function profiled(
  bench: Bench,
  engines: EnginesOf,
  phase: 'accept' | 'drain',
): Promise<Map<string, number>> {
  const { load, simulator, sink } = bench.servers;
  const folder = mkdtempSync(join(tmpdir(), 'fila-bench-profile-'));
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  let [from, until] = [0n, 0n];
  await withFila(bench, { engines, slots: SLOTS, nodeArgs }, async (trial) => {
    const count = bench.isQuick ? 1_000 : 6_000;
    const post = (many: number) =>
      load.closed({ requests: posts(trial, { callbackUrl: sink.url }), connections: 64, count: many });
    await simulator.prepare({ slots: SLOTS, held: true });
    await post(WARM_UP);
    from = process.hrtime.bigint();
    await post(count);
    until = process.hrtime.bigint();
    if (phase === 'drain') from = until;
    await simulator.control({ held: false });
    await sink.until(count + WARM_UP);
    if (phase === 'drain') until = process.hrtime.bigint();
    await sink.check([trial.key.webhookSecret]);
  });
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  const parsed = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as CpuProfile;
  return selfTimeByPackage(parsed, Number(from / 1000n), Number(until / 1000n));
}
