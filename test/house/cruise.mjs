/** Checks who imports whom (.dependency-cruiser.cjs); fails also when nothing was looked at. */
import { spawnSync } from 'node:child_process';

const run = spawnSync(
  process.execPath,
  ['node_modules/dependency-cruiser/bin/dependency-cruiser.mjs', 'packages', '--output-type', 'json'],
  { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
);
if (!run.stdout) {
  console.error(run.stderr);
  process.exit(1);
}
const { summary } = JSON.parse(run.stdout);
for (const violation of summary.violations) {
  const rule = summary.ruleSetUsed.forbidden.find((candidate) => candidate.name === violation.rule.name);
  console.error(`${violation.from} -> ${violation.to}\n  ${violation.rule.name}: ${rule?.comment ?? ''}`);
}
if (summary.totalCruised === 0)
  console.error('dependency-cruiser looked at 0 modules: its set-up is broken.');
process.exitCode = summary.violations.length > 0 || summary.totalCruised === 0 ? 1 : 0;
if (!process.exitCode) console.log(`${summary.totalCruised} modules keep the house rules`);
