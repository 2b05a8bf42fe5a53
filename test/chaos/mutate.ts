/** `node test/chaos/mutate.ts [part of a name]`: breaks a copy of the built broker in each known way; every time the checker must notice. */
import { isCaught, type Mutation, MUTATIONS, runMutation } from './mutations.ts';
import type { Outcome } from './scenario.ts';

const wanted = process.argv[2] ?? '';
const chosen = MUTATIONS.filter(({ name }) => name.includes(wanted));
const rows: string[] = [];
const healthy = new Map<Mutation['run'], Outcome>();

function countsOf({ violations }: Outcome): string {
  const counts = Object.groupBy(violations, ({ invariant }) => invariant);
  return (
    Object.entries(counts)
      .map(([name, all]) => `${name} ×${all.length}`)
      .join(', ') || 'nothing'
  );
}

for (const mutation of chosen) {
  // The same run on a whole broker: what turns red without a mutation proves nothing.
  const whole = healthy.get(mutation.run) ?? (await runMutation(mutation, false));
  healthy.set(mutation.run, whole);
  const broken = await runMutation(mutation, true);
  const isProof = isCaught(mutation, broken) && whole.violations.length === 0;
  rows.push(
    `| ${mutation.name} | ${countsOf(whole)} | ${countsOf(broken)} | ${isProof ? 'caught' : '**NOT PROVEN**'} |`,
  );
  console.error(rows.at(-1));
  if (!isProof) process.exitCode = 1;
}
console.log(
  ['| mutation | whole broker | broken broker | |', '| --- | --- | --- | --- |', ...rows].join('\n'),
);
