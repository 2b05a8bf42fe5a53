/** Operations: one thing done to many, in the background, at a rate; a restart or the death of a broker does not end them. */
import { VaultError, type Vault } from '../../engines/vault/vault.ts';
import type { ListOperationsQuery, Operation, OperationList } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { onceCommitted } from '../../kernel/written-together.ts';
import type { OperationStore, StoredOperation, Taker } from './operation-store.ts';
import { runOperation } from './run-operation.ts';

/** What whoever does the work knows of the operation. */
export interface Task {
  readonly id: string;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly reason: string | null;
  /** By the database's clock. */
  readonly createdAt: number;
}

export interface Step {
  readonly id: string;
  /** Does it, or sees that this very operation has done it before; false: it was left alone. */
  run(): Promise<boolean>;
}

/** How an operation of one kind finds what it is about. */
export interface OperationWork {
  /**
   * The steps that come `after` this id, always in the same order, and where the next page begins (null: nowhere).
   * What this operation has done already is among them; what began to match after it was made is not.
   */
  page(task: Task, after: string | null): Promise<{ steps: readonly Step[]; reached: string | null }>;
}

export interface Order {
  readonly kind: string;
  readonly filter: object;
  readonly reason: string | null;
  /** Steps a second. */
  readonly rate: number;
}

export interface Operations extends Service {
  /** Kept before this resolves; what it does comes after. */
  begin(order: Order): Promise<Operation>;
  get(id: string): Promise<Operation>;
  /** Newest first. */
  list(query: ListOperationsQuery): Promise<OperationList>;
  /** What is done stays done. Cancelling twice is no error; a completed one is a conflict. */
  cancel(id: string): Promise<Operation>;
}

interface OperationsDeps {
  readonly store: OperationStore;
  readonly vault: Vault;
  readonly logger: Logger;
  /** This run of the daemon; its leases carry the name. */
  readonly owner: string;
  /** Runs whose process is dead for certain. */
  readonly deadOwners: readonly string[];
  readonly kinds: Readonly<Record<string, OperationWork>>;
}

const DEFAULT_PAGE = 50;
/** A run saves twice a second; without a sign of life for this long another broker goes on. */
const LEASE_MS = 15_000;
const TAKE_EVERY_MS = 1_000;

export function createOperations(deps: OperationsDeps): Operations {
  const { store, vault, logger, owner, kinds } = deps;
  const taker: Taker = { owner, deadOwners: deps.deadOwners, leaseMs: LEASE_MS };
  const running = new Map<string, { readonly controller: AbortController; readonly end: Promise<void> }>();
  let stopped = true;

  const seal = (id: string, column: string, value: unknown): Buffer =>
    vault.seal({ table: 'operations', row: id, column }, Buffer.from(JSON.stringify(value)));
  const open = async (id: string, column: string, sealed: Buffer): Promise<unknown> =>
    JSON.parse((await vault.open({ table: 'operations', row: id, column }, sealed)).toString('utf8'));

  async function taskOf({ id, filter, reason, createdAt }: StoredOperation): Promise<Task> {
    return {
      id,
      filter: (await open(id, 'filter', filter)) as Task['filter'],
      reason: reason && ((await open(id, 'reason', reason)) as string),
      createdAt,
    };
  }

  async function view(operation: StoredOperation): Promise<Operation> {
    const { filter, reason } = await taskOf(operation).catch(unreadable);
    const { id, kind, state, rate, matched, done, skipped, createdAt, endedAt } = operation;
    return {
      ...{ id, kind, state, filter, reason, rate, matched, done, skipped },
      created_at: new Date(createdAt).toISOString(),
      ended_at: endedAt === null ? null : new Date(endedAt).toISOString(),
    };
  }

  /** One broken row must not take the list away. */
  function unreadable(error: unknown): Pick<Task, 'filter' | 'reason'> {
    if (error instanceof VaultError) return { filter: {}, reason: null };
    throw error;
  }

  async function rowOf(id: string): Promise<StoredOperation> {
    const row = isId('op', id) ? await store.byId(id) : null;
    if (!row) throw fail('not_found', { detail: 'There is no such operation.' });
    return row;
  }

  async function run(operation: StoredOperation, signal: AbortSignal): Promise<void> {
    const { id, kind, rate, matched, done, skipped, reached } = operation;
    const { why, progress } = await runOperation({
      ...{ task: await taskOf(operation), work: kinds[kind]!, rate, signal },
      progress: { matched, done, skipped, reached },
      save: (now) => store.save(id, now, taker),
    });
    if (why === 'completed') await store.complete(id, progress, owner);
    // Of one that was cancelled at the last moment, only the numbers are left to write.
    if (why !== 'lost') await store.giveBack(id, progress, owner);
    logger.info({ operation: id, kind, why, ...progress }, 'operation over');
  }

  function launch(operation: StoredOperation): void {
    if (stopped || running.has(operation.id)) return;
    const controller = new AbortController();
    const end = run(operation, controller.signal)
      // It is still ours: the next look finds it, and it goes on from its last save.
      .catch((error: unknown) =>
        logger.warn({ err: error, operation: operation.id }, 'an operation failed; it is tried again'),
      )
      .finally(() => running.delete(operation.id));
    running.set(operation.id, { controller, end });
  }

  async function takeFree(): Promise<void> {
    for (const id of await store.free(Object.keys(kinds), taker)) {
      if (stopped || running.has(id)) continue;
      const operation = await store.take(id, taker);
      if (operation) launch(operation);
    }
  }

  const failed = (error: unknown): void =>
    logger.warn({ err: error }, 'looking for operations failed; it is tried again');
  const taking = every('take operations', TAKE_EVERY_MS, takeFree, failed);

  return {
    name: 'operations',
    start: async () => {
      stopped = false;
      await taking.start();
    },
    stop: async () => {
      stopped = true;
      for (const { controller } of running.values()) controller.abort();
      await taking.stop();
      await Promise.all([...running.values()].map(({ end }) => end));
    },
    begin: async ({ kind, filter, reason, rate }) => {
      const id = newId('op');
      const sealed = {
        filter: seal(id, 'filter', filter),
        reason: reason === null ? null : seal(id, 'reason', reason),
      };
      const operation = await store.insert({ id, kind, rate, ...sealed }, taker);
      logger.info({ operation: id, kind, rate }, 'operation begun');
      onceCommitted(() => launch(operation));
      return view(operation);
    },
    get: async (id) => view(await rowOf(id)),
    list: async ({ limit = DEFAULT_PAGE, cursor, state }) => {
      if (cursor !== undefined && !isId('op', cursor)) throw fail('invalid_cursor');
      const rows = await store.list({ limit: limit + 1, before: cursor, state });
      const items = await Promise.all(rows.slice(0, limit).map(view));
      return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : null };
    },
    cancel: async (id) => {
      await rowOf(id);
      const cancelled = await store.cancel(id);
      const here = running.get(id);
      here?.controller.abort();
      // The numbers of a run that is here are exact once it has ended.
      await here?.end;
      if (cancelled) logger.info({ operation: id }, 'operation cancelled');
      const operation = await rowOf(id);
      if (operation.state === 'cancelled') return view(operation);
      throw fail('conflict', { detail: `The operation is ${operation.state} already.` });
    },
  };
}
