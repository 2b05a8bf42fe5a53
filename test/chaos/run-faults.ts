/** The table of faults: `node test/chaos/run-faults.ts [--only F10,F17] [--engines shared]`; also in .tmp/chaos-faults.md. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ELSEWHERE, type Engines, type Fault, type FaultId, FAULTS } from './faults.ts';
import { runFault, TABLE_HEAD, tableRow } from './fault-verdict.ts';
import { reportOf } from './report.ts';

const { values } = parseArgs({ options: { only: { type: 'string' }, engines: { type: 'string' } } });
const ids = values.only?.split(',') ?? Object.keys(FAULTS);
const unknown = ids.filter((id) => !(id in FAULTS) && !(id in ELSEWHERE));
if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')}.`);

const folder = join(import.meta.dirname, '../../.tmp');
mkdirSync(folder, { recursive: true });
const lines: string[] = [TABLE_HEAD];
const say = (line: string): void => {
  lines.push(line);
  console.log(line);
};
console.log(TABLE_HEAD);

for (const id of ids) {
  if (id in ELSEWHERE) {
    say(`| ${id} | – | – | – | run \`${ELSEWHERE[id as keyof typeof ELSEWHERE]}\` | – | – | – | – | – |`);
    continue;
  }
  const fault: Fault = FAULTS[id as FaultId];
  for (const engines of fault.engines) {
    if (values.engines !== undefined && values.engines !== engines) continue;
    await runOne(id as FaultId, engines);
  }
}
writeFileSync(join(folder, 'chaos-faults.md'), `${lines.join('\n')}\n`);

async function runOne(id: FaultId, engines: Engines): Promise<void> {
  try {
    const verdict = await runFault(id, engines);
    say(tableRow(verdict));
    if (verdict.misses.length === 0) return;
    const file = (ending: string): string => join(folder, `chaos-${id}-${engines}${ending}`);
    writeFileSync(file('.md'), reportOf(verdict.outcome));
    for (const [name, log] of Object.entries(verdict.outcome.logs)) writeFileSync(file(`-${name}.log`), log);
  } catch (error) {
    say(
      `| ${id} | ${engines} | – | – | **${(error as Error).message.split('\n')[0]}** | – | – | – | – | – |`,
    );
  }
  process.exitCode = 1;
}
