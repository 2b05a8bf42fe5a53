/** Reads an audit trail from its first row to its last and names what was changed or removed. Needs no broker. */
import type { AuditCheckpoint, AuditRow, AuditVerification } from '../../kernel/contract.generated.ts';
import { isSigned } from './audit-checkpoints.ts';
import { digestOfReason, GENESIS, hashOf } from './audit-row.ts';

export interface Trail {
  /** In their order; a part of the trail may begin anywhere after a checkpoint. */
  readonly rows: AsyncIterable<AuditRow> | Iterable<AuditRow>;
  readonly checkpoints: readonly AuditCheckpoint[];
  /** What the database says is the end, if it is at hand. */
  readonly head?: { readonly seq: number; readonly hash: string };
  /** The only key whose checkpoints count; without it, whichever they name. */
  readonly publicKey?: string;
}

type Problem = AuditVerification['problems'][number];
type End = { readonly seq: number; readonly hash: string };

const MOST_NAMED = 100;

export async function verifyTrail(trail: Trail): Promise<AuditVerification> {
  const problems = new Map<string, Problem>();
  const name = (problem: Problem): void => {
    const place = `${problem.seq} ${problem.kind}`;
    if (problems.size < MOST_NAMED && !problems.has(place)) problems.set(place, problem);
  };
  const good = goodCheckpoints(trail, name);
  const bySeq = Map.groupBy(good, ({ seq }) => seq);
  let first: number | null = null;
  let last: End | null = null;
  let count = 0;
  for await (const row of trail.rows) {
    checkLink(row, last, { bySeq, name });
    checkRow(row, name);
    for (const checkpoint of bySeq.get(row.seq) ?? [])
      if (checkpoint.hash !== row.hash) name(rewritten(row.seq));
    first ??= row.seq;
    last = row;
    count += 1;
  }
  checkEnd(last, { ends: [...good, ...(trail.head ? [trail.head] : [])], name });
  const list = [...problems.values()].sort((a, b) => a.seq - b.seq);
  return {
    status: list.length === 0 ? 'intact' : 'broken',
    ...{ rows: count, first_seq: first, last_seq: last?.seq ?? null, hash: last?.hash ?? null },
    checkpoints: good.length,
    problems: list,
  };
}

function goodCheckpoints({ checkpoints, publicKey }: Trail, name: (problem: Problem) => void) {
  return checkpoints.filter((checkpoint) => {
    const isGood = isSigned(checkpoint, publicKey);
    const { seq } = checkpoint;
    if (!isGood) name({ seq, through: seq, kind: 'checkpoint', detail: 'Its signature is not good.' });
    return isGood;
  });
}

interface Known {
  readonly bySeq: ReadonlyMap<number, readonly AuditCheckpoint[]>;
  readonly name: (problem: Problem) => void;
}

/** Whether the row follows the one before it, or, as the first one, the genesis or a checkpoint. */
function checkLink({ seq, previous }: AuditRow, last: End | null, { bySeq, name }: Known): void {
  if (last === null && seq === 1) {
    if (previous !== GENESIS) name(changed(1, 'It is not chained to the beginning.'));
    return;
  }
  if (last === null) {
    const before = bySeq.get(seq - 1) ?? [];
    if (!before.some(({ hash }) => hash === previous)) name(missing(1, seq - 1));
  } else if (seq !== last.seq + 1) {
    if (seq > last.seq) name(missing(last.seq + 1, seq - 1));
    else name(changed(seq, 'It stands in the wrong place.'));
  } else if (previous !== last.hash) {
    name(changed(last.seq, 'It is not the row that the next one is chained to.'));
  }
}

function checkRow(row: AuditRow, name: (problem: Problem) => void): void {
  if (hashOf(row) !== row.hash) name(changed(row.seq, 'Its hash is not that of what it says.'));
  // The words may have been erased; other words may not have been put in their place.
  if (row.reason !== null && digestOfReason(row, row.reason) !== row.reason_digest)
    name(changed(row.seq, 'Its reason is not the one that was given.'));
}

function checkEnd(
  last: End | null,
  { ends, name }: { ends: readonly End[]; name: (problem: Problem) => void },
): void {
  const at = last?.seq ?? 0;
  const furthest = Math.max(0, ...ends.map(({ seq }) => seq));
  if (furthest > at) name(missing(at + 1, furthest));
  for (const { seq, hash } of ends) if (seq === at && last && hash !== last.hash) name(rewritten(seq));
}

function changed(seq: number, detail: string): Problem {
  return { seq, through: seq, kind: 'changed', detail };
}

function missing(seq: number, through: number): Problem {
  return { seq, through, kind: 'missing', detail: 'Removed, or never written.' };
}

function rewritten(seq: number): Problem {
  return changed(seq, 'It, or a row before it, is not the one that was there when the end was noted.');
}
