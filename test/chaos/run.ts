/** The long run: `node test/chaos/run.ts --minutes 10 --seed 7 --brokers 3 --requests 20000`; the report goes to .tmp/ and stdout. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reportOf } from './report.ts';
import { runScenario } from './scenario.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    brokers: { type: 'string', default: '3' },
    requests: { type: 'string', default: '20000' },
    engines: { type: 'string', default: 'shared' },
    idempotent: { type: 'boolean', default: false },
    webhooks: { type: 'boolean', default: false },
    /** Milliseconds between two faults of one hand, least-most. */
    pause: { type: 'string', default: '300-2000' },
  },
});
const seed = Number(values.seed);
const [least = 300, most = 2_000] = values.pause.split('-').map(Number);
const engines = values.engines === 'embedded' ? 'embedded' : 'shared';
const folder = join(import.meta.dirname, '../../.tmp');

const outcome = await runScenario({
  name: `${values.minutes} minutes on ${engines} engines`,
  ...{ seed, engines, isIdempotent: values.idempotent, hasWebhooks: values.webhooks },
  brokers: engines === 'embedded' ? 1 : Number(values.brokers),
  requests: Number(values.requests),
  pauseMs: [least, most],
  durationMs: Number(values.minutes) * 60_000,
  say: (line) => console.error(line),
});
const report = reportOf(outcome);
mkdirSync(folder, { recursive: true });
const file = (ending: string): string => join(folder, `chaos-${engines}-${seed}${ending}`);
writeFileSync(file('.md'), report);
writeFileSync(
  file('-history.jsonl'),
  outcome.history.events.map((event) => `${JSON.stringify(event)}\n`).join(''),
);
for (const [name, log] of Object.entries(outcome.logs)) writeFileSync(file(`-${name}.log`), log);
console.log(report);
console.log(file('.md'));
process.exitCode = outcome.violations.length > 0 ? 1 : 0;
