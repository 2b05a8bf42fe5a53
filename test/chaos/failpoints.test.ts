/** Every failpoint at least once, on alternating engines: nothing is lost, nothing happens twice, everyone is told. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inParallel } from '../helpers/in-parallel.ts';
import { mariadbAvailable, needMariadb, needRedis, redisAvailable } from '../services/need.ts';
import { commandOf } from './failpoint-cells.ts';
import { type Group, groupsOf } from './failpoint-groups.ts';
import { runTrial, type TrialResult } from './failpoint-run.ts';

/** Another seed draws other actions: FILA_CHAOS_SEED=7 npx vitest run --project whole test/chaos/failpoints.test.ts */
const seed = Number(process.env['FILA_CHAOS_SEED'] ?? 20_261_120);
const AT_ONCE = 2;
const LIMIT_MS = 180_000;

const hasShared = mariadbAvailable && redisAvailable;
const groups = groupsOf(seed);
const runnable = groups.filter(({ engines }) => engines === 'embedded' || hasShared);
const results = new Map<string, Promise<TrialResult>>();

/** All begin with the first test, some at once; each test waits for its own. */
beforeAll(async () => {
  const servers = hasShared ? { mariadb: await needMariadb(), redis: await needRedis() } : undefined;
  const waiting = new Map(runnable.map(({ name }) => [name, Promise.withResolvers<TrialResult>()]));
  for (const [name, { promise }] of waiting) {
    promise.catch(() => undefined);
    results.set(name, promise);
  }
  all = inParallel(AT_ONCE, runnable, async (group) => {
    const { resolve, reject } = waiting.get(group.name)!;
    await runTrial(group, { servers, seed: 1 }).then(resolve, reject);
  });
});
let all: Promise<unknown> = Promise.resolve();
afterAll(() => all, LIMIT_MS);

function messageOf({ problems, evidence }: TrialResult, { armed, cells }: Group): string {
  const commands = cells.map(commandOf);
  return [...problems, `FILA_FAILPOINTS='${armed}'`, 'To repeat it:', ...commands, evidence].join('\n');
}

describe('a daemon that fails in the middle of its work', () => {
  it.each(groups.map((group) => ({ ...group, title: `${group.name}: ${group.points.join(', ')}` })))(
    'loses nothing and does nothing twice ($title)',
    { timeout: LIMIT_MS },
    async (group) => {
      const result = results.get(group.name);
      // Without the servers: need.ts has said that this does not run.
      if (!result) return;
      const { problems, ...rest } = await result;
      expect(problems, messageOf({ problems, ...rest }, group)).toEqual([]);
    },
  );
});
