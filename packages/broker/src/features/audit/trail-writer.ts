/** Writes rows of the audit trail, each chained to the one before: one writer at a time, here and on all brokers. */
import { openText, type Vault } from '../../engines/vault/vault.ts';
import type { AuditRow } from '../../kernel/contract.generated.ts';
import { digestOfReason, hashOf } from './audit-row.ts';
import type { Actor, AuditDeps } from './audit.ts';
import type { StoredRow } from './audit-store.ts';

export interface Entry extends Pick<AuditRow, 'act' | 'target' | 'outcome'> {
  readonly actor: Actor;
  readonly of?: number;
  readonly code?: string;
  readonly before?: string | null;
  readonly after?: string | null;
  readonly changed?: string[];
  readonly reason: string | null;
  readonly ip: string | null;
  readonly requestId: string | null;
}

export interface TrailWriter {
  /**
   * One transaction after the other: a broker holds one connection to the database for this, however many acts wait.
   * The end of the trail is locked from the beginning.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Only within `inTurn`. The number of the row. */
  write(entry: Entry): Promise<number>;
}

const LONGEST_ID = 255;
const LONGEST_NAME = 100;
const LONGEST_IP = 64;

export function createTrailWriter({ store, together, vault, clock }: AuditDeps): TrailWriter {
  let turn: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(() =>
      together(async () => {
        await store.lockEnd();
        return work();
      }),
    );
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function write(entry: Entry): Promise<number> {
    const end = await store.lockEnd();
    const seq = end.seq + 1;
    const at = new Date(clock.now()).toISOString();
    const { actor, act, target, outcome, reason, ip } = entry;
    const content = {
      ...{ seq, at, act, outcome },
      actor: { kind: actor.kind, id: short(actor.id), name: short(actor.name) },
      target: { kind: target.kind, id: short(target.id, LONGEST_ID) },
      ...{ of: entry.of ?? null, code: entry.code ?? null },
      ...{ before: entry.before ?? null, after: entry.after ?? null, changed: entry.changed ?? [] },
      reason_digest: reason === null ? null : digestOfReason({ seq, at }, reason),
      ...{ ip: short(ip, LONGEST_IP), request_id: entry.requestId, previous: end.hash },
    };
    const sealed = reason === null ? null : vault.seal(reasonPlace(seq), Buffer.from(reason));
    await store.append({ ...content, reason: sealed, hash: hashOf(content) });
    return seq;
  }

  return { inTurn, write };
}

/** Null also when the words cannot be read any more: the digest still says that there were some. */
export function openReason(vault: Vault, { seq, reason }: StoredRow): Promise<string | null> {
  return openText(vault, reasonPlace(seq), reason);
}

function reasonPlace(seq: number) {
  return { table: 'audit_rows', row: String(seq), column: 'reason' };
}

/** As a column takes it, and as JSON can say it. */
function short(text: string | null, length: number = LONGEST_NAME): string | null {
  return text === null ? null : text.slice(0, length).toWellFormed();
}
