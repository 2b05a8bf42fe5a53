/** The way in: seals a request, stores it once, and makes its lane active. */
import type { ActiveLanes, Lane } from '../../engines/active-lanes/active-lanes.ts';
import type {
  ClaimedRow,
  Inserted,
  LaneName,
  Ledger,
  NewRow,
  RequestRow,
} from '../../engines/ledger/ledger.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { CreateRequest } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { newId } from '../../kernel/ids.ts';
import { bandOf, DEFAULT_QUEUE, listOf, modelInFull } from '../../kernel/lanes.ts';
import type { Logger } from '../../kernel/logger.ts';
import { affinityOf } from './affinity.ts';
import { createFingerprints } from './fingerprint.ts';
import { bodyOf, type RequestBody, type RequestContent, type RetryNote } from './request-content.ts';
import type { Told } from '../overview/overview.ts';
import type { Room } from '../worker/worker.ts';
import type { Accepted, Arrival } from './requests.ts';
import { newView, type RequestView } from './request-view.ts';

export interface AcceptDeps {
  readonly ledger: Ledger;
  readonly activeLanes: ActiveLanes;
  /** Whether who dispatches here sees to a lane himself; then it need not be made active for all. */
  readonly offerLane: (lane: Lane, name: LaneName) => boolean;
  /** A request stands in line; to be told at no cost. */
  readonly onAccepted?: (request: { readonly id: string; readonly laneId: number }) => void;
  /** For a request that would start at once: it is stored as claimed. Null when it has to stand in line. */
  readonly makeRoom: (name: LaneName) => Room | null;
  /** A row starts whose body is known here: it need not be decrypted for that. */
  readonly carry?: (row: ClaimedRow, body: RequestBody) => void;
  readonly vault: Vault;
  readonly content: RequestContent;
  readonly view: RequestView;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of a request that names none. */
  readonly defaultModel: () => string;
  /** Whether anybody has asked to be told how requests of this key end. */
  readonly hasReceivers: (keyId: string) => Promise<boolean>;
  /** Hears of what comes in. */
  readonly told?: Pick<Told, 'accepted' | 'cancelled'>;
  /** Whether there is a queue of this name, as far as known here. */
  readonly hasQueue?: (name: string) => boolean;
  /** What is wrong with a URL to call back, or null. */
  readonly problemOfCallback: (url: string) => string | null;
}

export type StoredRow = Pick<NewRow, 'id' | 'laneId' | 'runAt'>;

/** A request that may come in, sealed, and not stored. */
export interface Prepared {
  readonly row: NewRow;
  readonly lane: LaneName;
}

export interface Acceptance {
  accept(arrival: Arrival): Promise<Accepted>;
  /** All of accepting but the storing, for who stores many together. */
  prepare(arrival: Arrival): Promise<Prepared>;
  /** Who has stored rows says so: their lanes become active. */
  stored(rows: readonly StoredRow[]): Promise<void>;
  /** Tries a dead letter again as a new request; its id, or null when somebody else has retried or discarded it. */
  retry(dead: RequestRow, note?: RetryNote): Promise<string | null>;
}

const MAX_METADATA_BYTES = 16 * 1024;
const DEFAULT_PRIORITY = 5;

export function createAcceptance(deps: AcceptDeps): Acceptance {
  const { ledger, content, clock, logger, view, defaultModel } = deps;
  const fingerprints = createFingerprints(deps.vault);

  async function prepare({
    key,
    input,
    idempotencyKey,
    defaultPriority,
    model: meant,
  }: Arrival): Promise<Prepared> {
    const now = clock.now();
    const id = newId('req', now);
    const { metadata, callback_url: callback, queue = DEFAULT_QUEUE } = input;
    const priority = input.priority ?? defaultPriority ?? DEFAULT_PRIORITY;
    const model = modelInFull(meant ?? input.model ?? defaultModel());
    const times = checkedTimes(input, now);
    if (callback !== undefined) checkCallback(callback);
    const lane = { queue, keyId: key.id, band: bandOf(priority), model };
    const laneId = await ledger.lanes.idOf(lane);
    const affinity = affinityOf(key.id, metadata ?? null);
    const row: NewRow = {
      ...{ id, laneId, keyId: key.id, priority, createdAt: now, ...times, retryOf: null },
      affinity,
      body: content.seal('body', id, bodyOf(input)),
      metadata: metadata === undefined ? null : sealedMetadata(id, metadata),
      callback: callback === undefined ? null : content.seal('callback', id, callback),
      notify: callback !== undefined || (await deps.hasReceivers(key.id)),
      idempotency: idempotencyKey === null ? null : fingerprints.of(idempotencyKey, input),
    };
    return { row, lane };
  }

  async function accept(arrival: Arrival): Promise<Accepted> {
    const { row, lane } = await prepare(arrival);
    const { laneId, runAt, affinity = null } = row;
    const room = runAt === null ? deps.makeRoom(lane) : null;
    let isSettled = false;
    /** Once, as soon as the row is there: it starts, or stands in line. Not if it was given up before. */
    const enter = (): void => {
      if (isSettled) return;
      isSettled = true;
      deps.told?.accepted(row, lane);
      if (room) {
        const claimed: ClaimedRow = { ...row, fence: 1, attempts: 0, firstLaneId: null, affinity };
        deps.carry?.(claimed, bodyOf(arrival.input));
        room.enter(claimed);
      } else if (runAt === null) {
        void activate(laneId, lane);
        deps.onAccepted?.(row);
      }
    };
    const inserted = await insert(
      room ? { ...row, claimed: { ...room.claimed, onCommitted: enter } } : row,
    ).catch((error: unknown) => {
      if (!isSettled) room?.giveUp({ mayBeStored: true });
      isSettled = true;
      throw error;
    });
    if (inserted.kind === 'repeated') {
      room?.giveUp({ mayBeStored: false });
      return repeated(inserted);
    }
    const isUnderWay = isSettled;
    enter();
    const { metadata = null } = arrival.input;
    return { request: newView(row, { lane, metadata }), isRepeated: false, isUnderWay };
  }

  async function stored(rows: readonly StoredRow[]): Promise<void> {
    const lanes = new Map<number, LaneName>();
    for (const row of rows) {
      const lane = await ledger.lanes.nameOf(row.laneId);
      deps.told?.accepted(row, lane);
      if (row.runAt !== null) continue;
      lanes.set(row.laneId, lane);
      deps.onAccepted?.(row);
    }
    for (const [id, name] of lanes) void activate(id, name);
  }

  async function insert(row: NewRow): Promise<Inserted> {
    const unstored = failpoint('accept.before_insert');
    if (unstored) await unstored;
    const inserted = await ledger.insert(row);
    const stored = failpoint('accept.after_insert');
    if (stored) await stored;
    return inserted;
  }

  async function repeated({ id, isSame }: { id: string; isSame: boolean }): Promise<Accepted> {
    if (!isSame)
      throw fail('idempotency_mismatch', { detail: 'The Idempotency-Key was used for another body before.' });
    const row = await ledger.find(id);
    if (!row) throw fail('not_found', { detail: 'The request of this Idempotency-Key was deleted.' });
    return { request: await view(row), isRepeated: true };
  }

  async function retry(dead: RequestRow, note?: RetryNote): Promise<string | null> {
    const id = newId('req', clock.now());
    const reseal = async (column: 'body' | 'callback', sealed: Buffer | null): Promise<Buffer | null> =>
      sealed && content.seal(column, id, await content.open(column, dead.id, sealed));
    const metadata = dead.metadata && (await content.open('metadata', dead.id, dead.metadata));
    const body = await ledger.body(dead.id);
    if (!body) return null;
    const lane = await laneOfRetry(dead);
    const laneId = await ledger.lanes.idOf(lane);
    const inserted = await ledger.insert({
      ...{ id, laneId, keyId: dead.keyId, priority: dead.priority, createdAt: clock.now() },
      ...{ runAt: null, deadlineAt: null, retryOf: dead.id, idempotency: null },
      retryNote: note && content.seal('retry_note', dead.id, note),
      body: (await reseal('body', body))!,
      affinity: affinityOf(dead.keyId, metadata),
      metadata: metadata && content.seal('metadata', id, metadata),
      callback: await reseal('callback', dead.callback),
      notify: dead.callback !== null || (await deps.hasReceivers(dead.keyId)),
    });
    if (inserted.kind !== 'inserted') return null;
    deps.told?.accepted({ id, laneId: dead.laneId }, lane);
    await failpoint('dead_letters.after_retry_insert');
    void activate(laneId, lane);
    return id;
  }

  /** For the model it was sent for, not the fallback; in the default queue when its own is gone. */
  async function laneOfRetry({ laneId, firstLaneId }: RequestRow): Promise<LaneName> {
    const lane = await ledger.lanes.nameOf(firstLaneId ?? laneId);
    return deps.hasQueue?.(lane.queue) === false ? { ...lane, queue: DEFAULT_QUEUE } : lane;
  }

  function sealedMetadata(id: string, metadata: Record<string, unknown>): Buffer {
    if (Buffer.byteLength(JSON.stringify(metadata)) <= MAX_METADATA_BYTES)
      return content.seal('metadata', id, metadata);
    throw wrong('/metadata', 'must have at most 16 KiB as JSON');
  }

  function checkCallback(url: string): void {
    const problem = deps.problemOfCallback(url);
    if (problem !== null) throw wrong('/callback_url', problem);
  }

  /** Not waited for: the row is accepted already, and when the active lanes are away the sweep finds it. */
  async function activate(id: number, name: LaneName): Promise<void> {
    const lane = { id, list: listOf(name) };
    try {
      const held = failpoint('accept.before_activate');
      if (held && (await held) === 'duplicate') await deps.activeLanes.activate([lane]);
      if (!deps.offerLane(lane, name)) await deps.activeLanes.activate([lane]);
      await failpoint('accept.after_activate');
    } catch (error) {
      logger.warn({ err: error, lane: lane.id }, 'a lane could not be made active; the sweep will do it');
    }
  }

  return { accept, prepare, stored, retry };
}

function checkedTimes(
  input: CreateRequest,
  now: number,
): { runAt: number | null; deadlineAt: number | null } {
  const runAt = input.run_at === undefined ? null : Date.parse(input.run_at);
  const deadlineAt = input.deadline === undefined ? null : Date.parse(input.deadline);
  if (deadlineAt !== null && deadlineAt <= now) throw wrong('/deadline', 'must be in the future');
  if (deadlineAt !== null && runAt !== null && deadlineAt <= runAt)
    throw wrong('/deadline', 'must be after run_at');
  return { runAt: runAt !== null && runAt > now ? runAt : null, deadlineAt };
}

function wrong(pointer: string, detail: string) {
  return fail('validation_failed', {
    detail: `${pointer.slice(1)} ${detail}.`,
    errors: [{ pointer, detail }],
  });
}
