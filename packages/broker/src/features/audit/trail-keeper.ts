/** Signs the end of the audit trail every hour or thousand rows, and removes what is older than it must be. */
import type { AuditCheckpoint, AuditRow } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import type { CheckpointSigner } from './audit-checkpoints.ts';
import type { AuditDeps } from './audit.ts';
import type { StoredRow } from './audit-store.ts';
import type { TrailWriter } from './trail-writer.ts';
import { verifyTrail, type Trail } from './verify-trail.ts';

export interface TrailKeeper {
  sign(): Promise<AuditCheckpoint>;
  signWhenDue(): Promise<void>;
  forget(olderThanMs: number): Promise<number>;
}

type KeeperDeps = AuditDeps & {
  readonly signer: CheckpointSigner;
  readonly writer: TrailWriter;
  readonly view: (row: StoredRow) => Promise<AuditRow>;
  readonly rowsFrom: (seq: number, through: number) => AsyncIterable<AuditRow>;
};

const SIGN_EVERY_ROWS = 1_000;
const SIGN_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
const REMOVE_AT_MOST = 2_000;
const PAGE = 500;
const SYSTEM = { kind: 'system', id: null, name: null };

export function createTrailKeeper(deps: KeeperDeps): TrailKeeper {
  const { store, writer, signer, clock, logger, rowsFrom } = deps;

  function broken(seq: number, why: string): Error {
    logger.critical({ seq, why }, 'the audit trail is broken');
    return fail('conflict', { detail: `The audit trail is broken at row ${seq}: ${why}` });
  }

  async function checked(trail: Trail): Promise<void> {
    const { problems } = await verifyTrail(trail);
    if (problems[0]) throw broken(problems[0].seq, problems[0].detail);
  }

  /** A signature must not make a changed row look good: what is new since the last one is read before. */
  async function sign(): Promise<AuditCheckpoint> {
    const head = await store.end();
    if (head.seq === 0) throw fail('conflict', { detail: 'There is nothing in the audit trail yet.' });
    const last = await store.lastCheckpoint();
    if (last?.seq === head.seq && last.hash === head.hash) return last;
    if (last && last.seq >= head.seq) throw broken(head.seq, 'The end is not the one that was signed.');
    const rows = rowsFrom((last?.seq ?? 0) + 1, head.seq);
    await checked({ rows, checkpoints: last ? [last] : [], head });
    const made = signer.sign({ ...head, at: now() });
    await store.addCheckpoint(made);
    // Whoever keeps the log elsewhere keeps a checkpoint elsewhere.
    logger.info({ ...made }, 'the end of the audit trail is signed');
    return made;
  }

  const now = (): string => new Date(clock.now()).toISOString();

  async function signWhenDue(): Promise<void> {
    const head = await store.end();
    const last = await store.lastCheckpoint();
    const since = last?.at ?? (await store.first())?.at;
    const isNew = head.seq > (last?.seq ?? 0) && since !== undefined;
    const isDue =
      isNew &&
      (head.seq - (last?.seq ?? 0) >= SIGN_EVERY_ROWS || clock.now() - Date.parse(since) >= SIGN_EVERY_MS);
    if (isDue) await sign();
  }

  async function forget(olderThanMs: number): Promise<number> {
    const cutoff = clock.now() - olderThanMs;
    const first = await store.first();
    // A day's rows at once: a clean-up leaves a row of its own, and must not follow each row that gets too old.
    if (!first || Date.parse(first.at) >= cutoff - DAY_MS) return 0;
    const oldest = await store.lastBefore(cutoff);
    const last = oldest && (await store.bySeq(Math.min(oldest.seq, first.seq + REMOVE_AT_MOST - 1)));
    if (!last) return 0;
    const near = await store.checkpoints({ limit: PAGE, cursor: first.seq - 2 });
    const checkpoints = near.filter(({ seq }) => seq <= last.seq);
    await checked({ rows: rowsFrom(first.seq, last.seq), checkpoints });
    return writer.inTurn(async () => {
      // Another broker may have been faster.
      if ((await store.first())?.seq !== first.seq) return 0;
      await store.addCheckpoint(signer.sign({ seq: last.seq, hash: last.hash, at: now() }));
      await writer.write({
        ...{ actor: SYSTEM, act: 'audit.clean_up', outcome: 'done', ip: null, requestId: null },
        target: { kind: 'audit', id: `${first.seq}-${last.seq}` },
        reason: `older than ${Math.round(olderThanMs / DAY_MS)} days`,
      });
      await store.removeThrough(last.seq);
      return last.seq - first.seq + 1;
    });
  }

  return { sign, signWhenDue, forget };
}
