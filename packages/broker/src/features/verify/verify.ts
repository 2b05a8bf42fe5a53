/** Looks whether everything that is stored fits together, and mends what can be mended without a person. */
import type { ActiveLanes } from '../../engines/active-lanes/active-lanes.ts';
import type { BrokenRule, Ledger } from '../../engines/ledger/ledger.ts';
import type { Verification } from '../../kernel/contract.generated.ts';
import { listOf } from '../../kernel/lanes.ts';
import type { Logger } from '../../kernel/logger.ts';

export interface Verify {
  /** With `fix`, what it found and how much of it was mended; the rest is left for a person. */
  run(options: { fix: boolean }): Promise<Verification>;
}

/** The rules of a room, or of the ledger. */
export interface Checks {
  /** Those that are broken now. */
  find(): Promise<BrokenRule[]>;
  /** Mends what breaks a rule; how much. Rules of others, and those that need a person, are left alone. */
  mend(rule: string): Promise<number>;
}

interface VerifyDeps {
  readonly ledger: Pick<Ledger, 'sweeps' | 'lanes'>;
  readonly checks: readonly Checks[];
  readonly activeLanes: ActiveLanes;
  readonly logger: Logger;
}

export function createVerify({ ledger, checks, activeLanes, logger }: VerifyDeps): Verify {
  /** Lanes with pending rows and without a token. Looking is mending here: a token too many does no harm. */
  async function lanesWithoutToken(): Promise<number> {
    const found = await ledger.sweeps.lanesWithWork();
    const lanes = await Promise.all(
      found.map(async ({ laneId }) => ({ id: laneId, list: listOf(await ledger.lanes.nameOf(laneId)) })),
    );
    return lanes.length === 0 ? 0 : activeLanes.repair(lanes);
  }

  async function mend(checks: Checks, { rule, remedy }: BrokenRule): Promise<number> {
    if (remedy === null) return 0;
    const count = await checks.mend(rule);
    logger.warn({ rule, count }, `verify has mended rows: ${remedy}`);
    return count;
  }

  return {
    run: async ({ fix }) => {
      const problems: Verification['problems'] = [];
      for (const some of checks)
        for (const one of await some.find()) {
          const { rule, about, count, sample, remedy } = one;
          const fixed = fix ? await mend(some, one) : 0;
          problems.push({ rule, about, count, sample, can_fix: remedy !== null, fixed });
        }
      const lanes_reactivated = fix ? await lanesWithoutToken() : 0;
      const open = problems.some(({ count, fixed }) => fixed < count);
      return { status: open ? 'inconsistent' : 'consistent', problems, lanes_reactivated };
    },
  };
}
