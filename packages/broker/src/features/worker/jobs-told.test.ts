/** What tells of an end goes with its settlement: in the same write, begun after it, and given up with it. */
import { expect, it, vi } from 'vitest';
import {
  LedgerUnavailable,
  type AddedRow,
  type Ledger,
  type Settlement,
} from '../../engines/ledger/ledger.ts';
import { ATTEMPT } from '../../engines/ledger/testing/ledger-hands.ts';
import { newId } from '../../kernel/ids.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { JobsDeps } from './jobs.ts';
import { ANSWER, FAILURE, openJobs } from './testing/jobs-bench.ts';

type Settle = Ledger['settle'];

/** Jobs whose ends are told by one row each; `steps` says what became of it. */
async function openToldJobs(settle?: (real: Settle) => Settle, tellEnd?: JobsDeps['tellEnd']) {
  const steps: string[] = [];
  const written: Settlement[] = [];
  const rows: AddedRow[] = [{ form: ATTEMPT, values: [newId('dlv'), 1, 0, null] }];
  const bench = await openJobs(
    (real) => {
      const through = settle?.(real) ?? real;
      return (settlement) => {
        written.push(settlement);
        return through(settlement);
      };
    },
    {
      tellEnd:
        tellEnd ??
        (async (_row, { to }) => {
          steps.push(`told ${to}`);
          return { rows, stored: () => steps.push('stored'), doubted: () => steps.push('doubted') };
        }),
    },
  );
  async function run(outcome: CallOutcome, notify = true): Promise<void> {
    bench.start({ ...(await bench.claim()), notify });
    bench.calls[0]!.end(outcome);
  }
  return { ...bench, steps, written, rows, run };
}

it('an answer is written with its rows, and they are begun once it is', async () => {
  const { steps, written, rows, told, run, over } = await openToldJobs();
  await run(ANSWER);
  await over();
  expect(steps).toEqual(['told completed', 'stored']);
  expect(written).toMatchObject([{ to: 'completed', added: rows, completedAt: expect.any(Number) }]);
  expect(told.facts).toMatchObject([{ isTold: true }]);
});

it('nothing is told of a request that goes on, or that nobody wants to hear of', async () => {
  const again = await openToldJobs();
  await again.run(FAILURE);
  await again.over();
  const silent = await openToldJobs();
  await silent.run(ANSWER, false);
  await silent.over();
  expect([again.steps, silent.steps]).toEqual([[], []]);
  expect(silent.told.facts).toMatchObject([{ isTold: true }]);
});

it('an end that cannot be told now is left to the outbox', async () => {
  const { written, told, run, over } = await openToldJobs(undefined, async () => null);
  await run(ANSWER);
  await over();
  expect(written[0]!.added).toBeUndefined();
  expect(told.facts).toMatchObject([{ isTold: false }]);
});

it('what is told stands back when somebody else has ended the request', async () => {
  const { steps, run, over } = await openToldJobs(() => async () => false);
  await run(ANSWER);
  await over();
  expect(steps).toEqual(['told completed']);
});

it('an outcome that has to wait is kept without its rows, which may have been written all the same', async () => {
  const { steps, kept, run, over } = await openToldJobs(
    () => () => Promise.reject(new LedgerUnavailable('away')),
  );
  await run(ANSWER);
  await vi.waitFor(() => expect(kept).toHaveLength(1));
  expect(steps).toEqual(['told completed', 'doubted']);
  expect(kept[0]!.settlement.added).toBeUndefined();
  kept[0]!.resolve(true);
  await over();
});
