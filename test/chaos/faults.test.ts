/** The table of faults is whole, and those with the most to lose hold at every push; the rest: node test/chaos/run-faults.ts. */
import { describe, expect, it } from 'vitest';
import { mariadbAvailable, redisAvailable } from '../services/need.ts';
import { runFault, tableRow } from './fault-verdict.ts';
import { ELSEWHERE, type Engines, type Fault, type FaultId, FAULTS, scenarioOf } from './faults.ts';
import { ACTIONS } from './nemesis-actions.ts';

const NAMED = [
  ...[
    'F01',
    'F02',
    'F03',
    'F04',
    'F05',
    'F06',
    'F07',
    'F09',
    'F10',
    'F11',
    'F12',
    'F13',
    'F14',
    'F15',
    'F16',
  ],
  ...[
    'F17',
    'F18',
    'F22',
    'F24',
    'F25',
    'F26',
    'F27',
    'F28',
    'F29',
    'F32',
    'F33',
    'F34',
    'F35',
    'F36',
    'F37',
  ],
  ...['F38', 'F39', 'F40', 'F42', 'F44', 'F45'],
];
/** Small enough for every push. */
const HERE: readonly (readonly [FaultId, Engines])[] = [
  ['F04', 'embedded'],
  ['F10', 'shared'],
  ['F22', 'shared'],
  ['F42', 'embedded'],
];
const SMALL = { requests: 100, durationMs: 5_000 };
const LIMIT_MS = 120_000;
const isShared = mariadbAvailable && redisAvailable;

describe('the table of faults', () => {
  it('has every fault there is', () => {
    expect([...Object.keys(FAULTS), ...Object.keys(ELSEWHERE)].sort()).toEqual(NAMED);
  });

  it.each(Object.entries<Fault>(FAULTS))(
    '%s has steps or clients of its own, within its time',
    (id, fault) => {
      for (const engines of fault.engines) {
        const scenario = scenarioOf(id as FaultId, engines);
        const { steps = [], beside, environment, pace, mishaps = [], durationMs } = scenario;
        expect(steps.length > 0 || beside || environment || pace || mishaps.length > 0).toBeTruthy();
        for (const { action, atMs } of steps) {
          expect(ACTIONS).toHaveProperty([action]);
          expect(atMs).toBeLessThan(durationMs);
        }
      }
    },
  );
});

/** Side by side: most of their time they wait. */
describe.concurrent('a fault that is stood', () => {
  for (const [id, engines] of HERE)
    it.skipIf(engines === 'shared' && !isShared)(
      `${id} on ${engines} engines: ${FAULTS[id].name}`,
      async () => {
        const verdict = await runFault(id, engines, SMALL);
        process.stdout.write(`${tableRow(verdict)}\n`);
        expect(verdict.misses).toEqual([]);
        expect(verdict.outcome.facts.ends['completed']).toBeGreaterThan(SMALL.requests / 2);
      },
      LIMIT_MS,
    );
});
