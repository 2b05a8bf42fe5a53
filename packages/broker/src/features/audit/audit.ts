/** The audit trail: who did what, in rows that are chained to each other and whose end is signed again and again. */
import type { Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type {
  AuditCheckpoint,
  AuditCheckpointList,
  AuditList,
  AuditRow,
  AuditVerification,
  ListAuditCheckpointsQuery,
  ListAuditQuery,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { checkpointSigner } from './audit-checkpoints.ts';
import type { AuditStore, StoredRow } from './audit-store.ts';
import { createPerform, type Perform } from './perform-act.ts';
import { createTrailKeeper } from './trail-keeper.ts';
import { createTrailWriter, openReason } from './trail-writer.ts';
import { verifyTrail } from './verify-trail.ts';

/** Who does something. */
export interface Actor {
  readonly kind: string;
  readonly id: string | null;
  readonly name: string | null;
}

/** What a route does that is written down. */
export interface Act {
  /** Such as keys.create. */
  readonly name: string;
  /** What kind of thing it is done to. */
  readonly kind: string;
  /**
   * All that it writes, it writes with models of Sequelize: then it and its row are one transaction. Otherwise a row
   * before says that it is intended, and a row after says what came of it.
   */
  readonly isOneTransaction?: true;
  /** Id of what it is done to, where it is neither the path's nor the answer's `id` or `name`. */
  readonly idOf?: (call: { readonly body: unknown; readonly answer: unknown }) => string | null;
  /** The target as it is, of which digests are made. What changes by itself is not part of it. */
  readonly state?: (id: string, actor: Actor) => unknown;
  /** Whether this very call does something. Default: all do. */
  readonly isMeant?: (body: unknown) => boolean;
}

/** What is known of the call that does it. */
export interface ActCall {
  readonly actor: Actor;
  readonly ip: string;
  readonly requestId: string;
  readonly reason: string | null;
  readonly params: { readonly id?: string; readonly name?: string };
  readonly body: unknown;
}

export interface Audit extends Service {
  readonly perform: Perform;
  list(query: ListAuditQuery): Promise<AuditList>;
  get(seq: number): Promise<AuditRow>;
  /** Reads all of it. */
  verify(): Promise<AuditVerification>;
  /** Signs the present end. Conflict when there is nothing to sign, or the trail is broken. */
  checkpoint(): Promise<AuditCheckpoint>;
  checkpoints(query: ListAuditCheckpointsQuery): Promise<AuditCheckpointList>;
  /** Removes rows older than this, a batch at most once a day, and leaves a checkpoint and a row that says so. */
  forget(olderThanMs: number): Promise<number>;
}

export interface AuditDeps {
  readonly store: AuditStore;
  /** All that models write within it, or nothing. */
  readonly together: <T>(work: () => Promise<T>) => Promise<T>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DEFAULT_PAGE = 50;
const PAGE = 500;
const LOOK_EVERY_MS = 60_000;

export function createAudit(deps: AuditDeps): Audit {
  const { store, vault, logger } = deps;
  const signer = checkpointSigner(vault.derive('audit checkpoints'));
  const writer = createTrailWriter(deps);
  const keeper = createTrailKeeper({ ...deps, signer, writer, view, rowsFrom });

  async function view(row: StoredRow): Promise<AuditRow> {
    return { ...row, reason: await openReason(vault, row) };
  }

  async function* rowsFrom(seq: number, through: number): AsyncGenerator<AuditRow> {
    for (let reached = seq - 1; reached < through;) {
      const page = await store.list({ order: 'oldest', cursor: reached, limit: PAGE });
      for (const row of page) if (row.seq <= through) yield await view(row);
      if (page.length < PAGE) return;
      reached = page.at(-1)!.seq;
    }
  }

  async function allCheckpoints(): Promise<AuditCheckpoint[]> {
    const all: AuditCheckpoint[] = [];
    for (let page; (page = await store.checkpoints({ limit: PAGE, cursor: all.at(-1)?.seq })).length > 0;)
      all.push(...page);
    return all;
  }

  async function verifyOnce(): Promise<AuditVerification> {
    const head = await store.end();
    const checkpoints = await allCheckpoints();
    const { publicKey } = signer;
    return verifyTrail({ rows: rowsFrom(1, head.seq), checkpoints, head, publicKey });
  }

  async function list({ limit = DEFAULT_PAGE, cursor, ...filter }: ListAuditQuery): Promise<AuditList> {
    const at = cursor === undefined ? undefined : Number(cursor);
    const rows = await store.list({ ...filter, limit: limit + 1, cursor: at });
    const items = await Promise.all(rows.slice(0, limit).map(view));
    return { items, next_cursor: rows.length > limit ? String(items.at(-1)!.seq) : null };
  }

  const ticker = every('audit checkpoints', LOOK_EVERY_MS, keeper.signWhenDue, (error) =>
    logger.error({ err: error }, 'the end of the audit trail could not be signed'),
  );

  return {
    name: 'audit',
    start: () => ticker.start(),
    stop: () => ticker.stop(),
    perform: createPerform({ ...deps, writer }),
    list,
    get: async (seq) => {
      const row = await store.bySeq(seq);
      if (!row) throw fail('not_found', { detail: 'There is no such row in the audit trail.' });
      return view(row);
    },
    verify: async () => {
      const found = await verifyOnce();
      // A clean-up between two reads looks like rows that are missing.
      return found.status === 'intact' ? found : verifyOnce();
    },
    checkpoint: keeper.sign,
    checkpoints: async ({ limit = DEFAULT_PAGE, cursor }) => {
      const found = await store.checkpoints({ limit: limit + 1, cursor: Number(cursor ?? 0) });
      const items = found.slice(0, limit);
      return { items, next_cursor: found.length > limit ? String(items.at(-1)!.seq) : null };
    },
    forget: keeper.forget,
  };
}
