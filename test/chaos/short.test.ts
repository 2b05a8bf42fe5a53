/** Chaos, short enough for every push: a seeded run on each set of engines, and one broken broker that must be noticed. */
import { describe, expect, it } from 'vitest';
import { mariadbAvailable, redisAvailable } from '../services/need.ts';
import { brokenBroker, isCaught, MUTATIONS, runMutation } from './mutations.ts';
import { evidenceOf, summaryOf } from './report.ts';
import { type Outcome, runScenario, type Scenario } from './scenario.ts';

/** Another seed is another run: FILA_CHAOS_SEED=7 npx vitest run --project chaos test/chaos/short.test.ts */
const seed = Number(process.env['FILA_CHAOS_SEED'] ?? 20_261_120);

const RUNS: readonly (Scenario & { isAvailable: boolean })[] = [
  {
    name: 'one broker on SQLite + memory',
    ...{
      seed,
      engines: 'embedded',
      brokers: 1,
      requests: 200,
      durationMs: 20_000,
      isIdempotent: true,
      isAvailable: true,
    },
  },
  {
    name: 'two brokers on MariaDB + Redis through rsmq',
    ...{ seed, engines: 'shared', brokers: 2, requests: 270, durationMs: 30_000, isIdempotent: true },
    isAvailable: mariadbAvailable && redisAvailable,
  },
];
const LIMIT_MS = 120_000;

function expectEveryPromiseHeld(outcome: Outcome): void {
  const { violations } = outcome;
  process.stdout.write(`\n${summaryOf(outcome)}\n`);
  const evidence = violations.slice(0, 5).map((violation) => evidenceOf(violation, outcome));
  expect(violations, [...evidence, ...outcome.faults].join('\n')).toEqual([]);
}

/** Side by side: most of their time they wait. */
describe.concurrent('under chaos', () => {
  describe.each(RUNS)('$name', ({ isAvailable, ...scenario }) => {
    it.skipIf(!isAvailable)(
      'keeps every promise',
      async () => {
        const outcome = await runScenario(scenario);
        expectEveryPromiseHeld(outcome);
        // A run in which nothing gets through, or nothing goes wrong, would prove nothing.
        const { ends, model, accepted } = outcome.facts;
        expect(accepted).toBeGreaterThan(scenario.requests / 4);
        expect(ends['completed']).toBeGreaterThan(accepted * 0.7);
        expect(outcome.faults.length).toBeGreaterThan(10);
        expect(model.answeredTwicePercent).toBeLessThan(20);
      },
      LIMIT_MS,
    );
  });

  it.each(MUTATIONS)('the broker can still be broken so that $name', ({ changes }) => {
    expect(brokenBroker(changes)).not.toBe(brokenBroker([]));
    expect(() => brokenBroker([[/a line that is not there/, '']])).toThrow('is 0 times');
  });

  it.skipIf(!mariadbAvailable || !redisAvailable)(
    'a broker that writes outcomes under any fence is found out',
    async () => {
      const [mutation] = MUTATIONS;
      const broken = await runMutation(mutation!, true);
      expect(isCaught(mutation!, broken), summaryOf(broken)).toBe(true);
    },
    LIMIT_MS,
  );
});
