/** Turns the operations of one flush into one packet of SQL and reads the answers out of its results. */
import { eventOf, STATE, type ClaimedRow } from './ledger.ts';
import { opsOf, type LedgerOp, type OpsOf } from './ledger-ops.ts';
import { inserts } from './mysql-inserts.ts';
import { blob, id, idsWhere, isLiteralId, number, text, type Row, type Writing } from './mysql-literals.ts';
import { settles } from './mysql-settles.ts';

const { pending, processing, delayed, cancelled, failed } = STATE;
const NO_DIGEST = Buffer.alloc(32);
/** A cursor is forgotten after this time: a row with a smaller id may have been committed later or handed back. */
const CURSOR_MS = 1_000;

/** Reads this operation's statements off the results. */
type Reader = (results: readonly unknown[]) => void;

export interface Packet {
  readonly sql: string;
  /** What the driver says: of one statement its result, of several a list. */
  answer(result: unknown): void;
}

/**
 * Every write carries the packet's mark, so that the packet can ask afterwards which rows it has changed, and may run
 * a second time without doing anything twice. The marks of one process never repeat.
 */
export function mysqlPacket(nowMs: string, addToNext: (op: LedgerOp) => void) {
  let lastMark = Date.now() * 1000;
  const cursors = new Map<number, { id: string; until: number }>();

  function build(ops: readonly LedgerOp[]): Packet {
    const mark = (lastMark += 1);
    const statements: string[] = [];
    const readers: Reader[] = [];
    const add: Writing['add'] = (sql, read) => {
      const index = statements.push(sql) - 1;
      if (read) readers.push((results) => read(results[index]));
    };
    const writing = { add, mark, nowMs };
    inserts(opsOf(ops, 'insert'), writing);
    claims(opsOf(ops, 'claim'), writing);
    settles(opsOf(ops, 'settle'), writing);
    for (const op of opsOf(ops, 'cancel')) cancel(op, writing);
    for (const op of opsOf(ops, 'discard')) discard(op, writing);
    for (const op of opsOf(ops, 'check')) check(op, writing);
    for (const op of opsOf(ops, 'renew')) renew(op, writing);
    const isAlone = ops.every(lasts) && statements.filter((sql) => !sql.startsWith('SELECT')).length <= 1;
    const sent = isAlone ? statements : ['START TRANSACTION', ...statements, 'COMMIT'];
    return {
      sql: sent.join(';\n'),
      answer: (result) => {
        const results = sent.length === 1 ? [result] : (result as unknown[]);
        for (const read of readers) read(isAlone ? results : results.slice(1, -1));
      },
    };
  }

  function claims(ops: readonly OpsOf<'claim'>[], { add, mark }: Writing): void {
    if (ops.length === 0) return;
    const owners = new Set(ops.map((op) => op.claim.owner));
    if (owners.size > 1) throw new Error('One process claims under one name.');
    const behind = new Map(ops.map(({ claim }) => [claim.laneId, cursorOf(claim.laneId)]));
    for (const { claim } of ops) {
      add(
        `UPDATE requests FORCE INDEX (claim) SET state = ${processing}, fence = fence + 1, lease_owner = ${id(claim.owner)},
         lease_until = ${nowMs} + ${number(claim.leaseMs)}, started_at = ${nowMs}, write_mark = ${mark}
         WHERE lane_id = ${number(claim.laneId)} AND state = ${pending} AND id > ${text(behind.get(claim.laneId)!)} ORDER BY id LIMIT ${number(claim.limit)}`,
      );
    }
    const lanes = ops.map((op) => number(op.claim.laneId)).join(',');
    add(
      `SELECT id, lane_id, key_id, fence, attempts, deadline_at, notify, first_lane_id, affinity, created_at, body, metadata, callback FROM requests FORCE INDEX (claim)
       WHERE lane_id IN (${lanes}) AND state = ${processing} AND write_mark = ${mark} AND lease_owner = ${id(ops[0]!.claim.owner)} ORDER BY id`,
      (result) => answerClaims(ops, (result as Row[]).map(toClaimed), behind),
    );
  }

  function answerClaims(
    ops: readonly OpsOf<'claim'>[],
    rows: readonly ClaimedRow[],
    behind: ReadonlyMap<number, string>,
  ): void {
    const byLane = Map.groupBy(rows, (row) => row.laneId);
    for (const op of ops) {
      const { laneId, limit } = op.claim;
      const taken = byLane.get(laneId) ?? [];
      // A packet that ran twice may have taken more than the limit: all of it is ours, and the first claim gets it.
      byLane.delete(laneId);
      const skippedSome = behind.get(laneId) !== '';
      moveCursor(laneId, taken.length < limit ? undefined : taken.at(-1)!.id);
      if (taken.length >= limit || !skippedSome) op.resolve(taken);
      else lookAgain(op, taken);
    }
  }

  /** Short behind a cursor proves nothing: rows may have come back before it. */
  function lookAgain(op: OpsOf<'claim'>, taken: readonly ClaimedRow[]): void {
    addToNext({
      kind: 'claim',
      claim: { ...op.claim, limit: op.claim.limit - taken.length },
      resolve: (more) => op.resolve([...more, ...taken]),
      reject: (error) => (taken.length > 0 ? op.resolve([...taken]) : op.reject(error)),
    });
  }

  /** Rows already claimed stay in the index until they are purged; starting behind them keeps a claim's cost flat. */
  function cursorOf(laneId: number): string {
    const cursor = cursors.get(laneId);
    if (cursor && cursor.until > Date.now()) return cursor.id;
    cursors.delete(laneId);
    return '';
  }

  function moveCursor(laneId: number, last: string | undefined): void {
    const until = cursors.get(laneId)?.until ?? Date.now() + CURSOR_MS;
    if (last === undefined) cursors.delete(laneId);
    else cursors.set(laneId, { id: last, until });
  }

  return { build };
}

/**
 * Whether its mark is still there after the commit, or is not asked for. A packet of such operations that writes with one
 * statement needs no transaction around it: two answers less, each of which wakes us.
 */
function lasts(op: LedgerOp): boolean {
  if (op.kind === 'settle') return op.settlement.to === 'completed';
  return op.kind === 'insert' && op.row.retryOf === null && op.row.idempotency === null;
}

function toClaimed(row: Row): ClaimedRow {
  return {
    id: String(row['id']),
    laneId: Number(row['lane_id']),
    keyId: String(row['key_id']),
    fence: Number(row['fence']),
    attempts: Number(row['attempts']),
    deadlineAt: row['deadline_at'] === null ? null : Number(row['deadline_at']),
    notify: row['notify'] === 1,
    firstLaneId: row['first_lane_id'] === null ? null : Number(row['first_lane_id']),
    affinity: row['affinity'] === null ? null : Number(row['affinity']),
    createdAt: Number(row['created_at']),
    body: row['body'] as Buffer,
    metadata: row['metadata'] as Buffer | null,
    callback: row['callback'] as Buffer | null,
  };
}

function cancel(op: OpsOf<'cancel'>, { add, mark, nowMs }: Writing): void {
  if (!isLiteralId(op.id)) return op.resolve(false);
  add(
    `UPDATE requests SET state = ${cancelled}, completed_at = ${nowMs}, error = NULL, error_code = NULL, wake_at = NULL, lease_owner = NULL, lease_until = NULL, write_mark = ${mark}
     WHERE id = ${id(op.id)} AND key_id = ${id(op.keyId)} AND state IN (${pending}, ${delayed}, ${processing})`,
  );
  // The mark alone may be that of a settlement in the same packet.
  const isOurs = `id = ${id(op.id)} AND write_mark = ${mark} AND state = ${cancelled}`;
  add(
    `INSERT INTO outbox (request_id, key_id, type, created_at) SELECT id, key_id, '${eventOf('cancelled')}', ${nowMs}
     FROM requests WHERE ${isOurs} AND notify = 1`,
  );
  idsWhere(isOurs, add, (done) => op.resolve(done.has(op.id)));
}

function discard(op: OpsOf<'discard'>, { add, mark, nowMs }: Writing): void {
  if (!isLiteralId(op.id)) return op.resolve(false);
  add(
    `UPDATE requests SET discarded_at = ${nowMs}, discard_reason = ${blob(op.reason)}, write_mark = ${mark}
     WHERE id = ${id(op.id)} AND state = ${failed} AND discarded_at IS NULL AND retried_as IS NULL`,
  );
  idsWhere(`id = ${id(op.id)} AND write_mark = ${mark} AND discarded_at IS NOT NULL`, add, (done) =>
    op.resolve(done.has(op.id)),
  );
}

function check(op: OpsOf<'check'>, { add }: Writing): void {
  const nothing = blob(NO_DIGEST);
  add(
    `INSERT IGNORE INTO idempotency_keys (key_id, digest, fingerprint, request_id, created_at) VALUES ('', ${nothing}, ${nothing}, '', 0)`,
  );
  add(`DELETE FROM idempotency_keys WHERE key_id = '' AND digest = ${nothing}`, () => op.resolve());
}

/** Leaves no mark: a packet that runs a second time would take what it renewed for claimed. */
function renew(op: OpsOf<'renew'>, { add, nowMs }: Writing): void {
  if (op.held.length === 0) return op.resolve(new Set());
  const pairs = op.held.map((held) => `(id = ${id(held.id)} AND fence = ${number(held.fence)})`).join(' OR ');
  const still = `state = ${processing} AND lease_owner = ${id(op.owner)} AND (${pairs})`;
  add(`UPDATE requests SET lease_until = ${nowMs} + ${number(op.leaseMs)} WHERE ${still}`);
  idsWhere(still, add, op.resolve);
}
