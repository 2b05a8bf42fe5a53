/** Every failpoint at least once, on alternating engines: nothing is lost, nothing happens twice, everyone is told. */
import { describe, expect, it } from 'vitest';
import { FAILPOINTS } from '../../packages/broker/src/kernel/failpoints.ts';
import { mariadbAvailable, needMariadb, needRedis, redisAvailable } from '../services/need.ts';
import { allCells, commandOf } from './failpoint-cells.ts';
import { type Group, groupsOf } from './failpoint-groups.ts';
import { runTrial, type TrialResult } from './failpoint-run.ts';
import { turnstile } from './load.ts';
import { copyBuild } from './mutations.ts';

/** Another seed draws other actions: FILA_CHAOS_SEED=7 npx vitest run --project chaos test/chaos/failpoints.test.ts */
const seed = Number(process.env['FILA_CHAOS_SEED'] ?? 20_261_120);
const AT_ONCE = 2;
const LIMIT_MS = 180_000;

const hasShared = mariadbAvailable && redisAvailable;
const serversOf = async ({ engines }: Group) =>
  engines === 'shared' ? { mariadb: await needMariadb(), redis: await needRedis() } : undefined;
const pass = turnstile(AT_ONCE);
const trials = groupsOf(seed).map((group) => ({
  ...{ group, title: `${group.name}: ${group.points.join(', ')}` },
  isAvailable: group.engines === 'embedded' || hasShared,
}));

function messageOf({ problems, evidence }: TrialResult, { armed, cells }: Group): string {
  const commands = cells.map(commandOf);
  return [...problems, `FILA_FAILPOINTS='${armed}'`, 'To repeat it:', ...commands, evidence].join('\n');
}

describe('a daemon that fails in the middle of its work', () => {
  it('does so at every failpoint there is, whatever the seed', () => {
    for (const any of [seed, 1, 2]) {
      const armed = groupsOf(any).flatMap(({ points }) => points);
      expect([...new Set(armed)].sort()).toEqual(Object.keys(FAILPOINTS).sort());
    }
  });

  for (const { group, title, isAvailable } of trials)
    it.skipIf(!isAvailable).concurrent(
      `loses nothing and does nothing twice (${title})`,
      { timeout: LIMIT_MS },
      async () => {
        const result = await pass(async () => runTrial(group, { servers: await serversOf(group) }));
        expect(result.problems, messageOf(result, group)).toEqual([]);
      },
    );

  it('is found out when it tells of an end only after it was written', { timeout: LIMIT_MS }, async () => {
    const told = /prepare\w*\(adding\w*\(form\)\)\.run\(\.\.\.values\w*\)/;
    const build = copyBuild([[told, 'setTimeout(() => $&, 20)']]);
    try {
      const crash = allCells().cells.find(({ name }) => name === 'settle.after_write crash embedded')!;
      const { problems } = await runTrial(crash, { cli: build.cli, quietMs: 3_000 });
      expect(problems).toContainEqual(expect.stringContaining('no webhook was received'));
    } finally {
      build.remove();
    }
  });
});
