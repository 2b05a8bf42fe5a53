/** Looks whether everything that is stored fits together, and mends what can be mended without a person. */
import type { ActiveLanes } from '../../engines/active-lanes/active-lanes.ts';
import type { BrokenRule, Ledger } from '../../engines/ledger/ledger.ts';
import type { Verification } from '../../kernel/contract.generated.ts';
import { listOf } from '../../kernel/lanes.ts';
import type { Logger } from '../../kernel/logger.ts';
import { findUnreadable, type FindUnreadableDeps } from './find-unreadable.ts';

export interface Verify {
  /** With `fix`, what it found and how much of it was mended; the rest is left for a person. */
  run(options: { fix: boolean }): Promise<Verification>;
}

interface VerifyDeps extends FindUnreadableDeps {
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  readonly logger: Logger;
}

export function createVerify(deps: VerifyDeps): Verify {
  const { ledger, activeLanes, logger } = deps;

  /** Lanes with pending rows and without a token. Looking is mending here: a token too many does no harm. */
  async function lanesWithoutToken(): Promise<number> {
    const found = await ledger.sweeps.lanesWithWork();
    const lanes = await Promise.all(
      found.map(async ({ laneId }) => ({ id: laneId, list: listOf(await ledger.lanes.nameOf(laneId)) })),
    );
    return lanes.length === 0 ? 0 : activeLanes.repair(lanes);
  }

  async function mend({ rule, remedy }: BrokenRule): Promise<number> {
    if (remedy === null) return 0;
    const count = await ledger.checks.mend(rule);
    logger.warn({ rule, count }, `verify has mended rows: ${remedy}`);
    return count;
  }

  return {
    run: async ({ fix }) => {
      const unreadable = await findUnreadable(deps);
      const broken = [...(await ledger.checks.find()), ...(unreadable ? [unreadable] : [])];
      const problems: Verification['problems'] = [];
      for (const one of broken) {
        const { rule, about, count, sample, remedy } = one;
        problems.push({
          rule,
          about,
          count,
          sample,
          can_fix: remedy !== null,
          fixed: fix ? await mend(one) : 0,
        });
      }
      const lanes_reactivated = fix ? await lanesWithoutToken() : 0;
      const open = problems.some(({ count, fixed }) => fixed < count);
      return { status: open ? 'inconsistent' : 'consistent', problems, lanes_reactivated };
    },
  };
}
