/** Turns the operations of one flush into one packet of SQL and reads the answers out of its results. */
import { STATE, type ClaimedRow, type Settlement } from './ledger.ts';
import { opsOf, type LedgerOp, type OpsOf } from './ledger-ops.ts';

const { pending, processing, delayed, cancelled } = STATE;
const ID = /^[a-z]{3}_[0-9a-z]{26}$/;
/** A cursor is forgotten after this time: a row with a smaller id may have been committed later or handed back. */
const CURSOR_MS = 1_000;

type Row = Record<string, string | number | Buffer | null>;
/** Reads this operation's statements off the results. */
type Reader = (results: readonly unknown[]) => void;

export interface Packet {
  readonly sql: string;
  answer(results: readonly unknown[]): void;
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
    const statements = ['START TRANSACTION'];
    const readers: Reader[] = [];
    const add: Add = (sql, read) => {
      const index = statements.push(sql) - 1;
      if (read) readers.push((results) => read(results[index]));
    };
    inserts(opsOf(ops, 'insert'), add);
    claims(opsOf(ops, 'claim'), mark, add);
    settles(opsOf(ops, 'settle'), mark, add);
    cancels(opsOf(ops, 'cancel'), mark, add);
    for (const op of opsOf(ops, 'renew')) renew(op, add);
    statements.push('COMMIT');
    return { sql: statements.join(';\n'), answer: (results) => readers.forEach((read) => read(results)) };
  }

  type Add = (sql: string, read?: (result: unknown) => void) => void;

  function inserts(ops: readonly OpsOf<'insert'>[], add: Add): void {
    if (ops.length === 0) return;
    const rows = ops.map(({ row }) => {
      const state = row.runAt === null ? pending : delayed;
      const times = [row.createdAt, row.runAt, row.deadlineAt, row.runAt ?? row.deadlineAt].map(number);
      return `(${id(row.id)},${number(row.laneId)},${id(row.keyId)},${state},${number(row.priority)},${times.join(',')},${blob(row.body)},${blob(row.metadata)})`;
    });
    add(
      `INSERT INTO requests (id, lane_id, key_id, state, priority, created_at, run_at, deadline_at, wake_at, body, metadata)
       VALUES ${rows.join(',')} ON DUPLICATE KEY UPDATE id = VALUES(id)`,
      () => ops.forEach((op) => op.resolve()),
    );
  }

  function claims(ops: readonly OpsOf<'claim'>[], mark: number, add: Add): void {
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
      `SELECT id, lane_id, key_id, fence, attempts, deadline_at, body FROM requests FORCE INDEX (claim)
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

  function settles(ops: readonly OpsOf<'settle'>[], mark: number, add: Add): void {
    if (ops.length === 0) return;
    // A derived table of all outcomes: one statement whatever their mix, found by primary key.
    const rows = ops.map(({ settlement }, index) => settlementRow(settlement, index === 0));
    add(
      `UPDATE requests r JOIN (${rows.join(' UNION ALL ')}) o ON r.id = o.id
       SET r.state = o.state, r.attempts = r.attempts + o.counts, r.write_mark = ${mark}, r.lease_owner = NULL, r.lease_until = NULL,
         r.wake_at = IF(o.state = ${pending}, r.deadline_at, IF(o.delay IS NULL, NULL, LEAST(${nowMs} + o.delay, COALESCE(r.deadline_at, ${nowMs} + o.delay)))),
         r.completed_at = IF(o.state < ${delayed}, ${nowMs}, NULL),
         r.result = o.result, r.error = IF(o.state = ${pending}, r.error, o.error), r.error_code = IF(o.state = ${pending}, r.error_code, o.error_code),
         r.processing_ms = o.ms, r.prompt_tokens = o.prompt_tokens, r.completion_tokens = o.completion_tokens, r.upstream = o.upstream
       WHERE r.state = ${processing} AND r.fence = o.fence AND r.lease_owner = o.owner`,
    );
    const ids = ops.map((op) => id(op.settlement.id)).join(',');
    changed(`id IN (${ids}) AND write_mark = ${mark}`, add, (done) =>
      ops.forEach((op) => op.resolve(done.has(op.settlement.id))),
    );
  }

  function cancels(ops: readonly OpsOf<'cancel'>[], mark: number, add: Add): void {
    for (const op of ops) {
      if (!ID.test(op.id)) {
        op.resolve(false);
        continue;
      }
      add(
        `UPDATE requests SET state = ${cancelled}, completed_at = ${nowMs}, wake_at = NULL, lease_owner = NULL, lease_until = NULL, write_mark = ${mark}
         WHERE id = ${id(op.id)} AND key_id = ${id(op.keyId)} AND state IN (${pending}, ${delayed}, ${processing})`,
      );
      // The mark alone may be that of a settlement in the same packet.
      changed(`id = ${id(op.id)} AND write_mark = ${mark} AND state = ${cancelled}`, add, (done) =>
        op.resolve(done.has(op.id)),
      );
    }
  }

  /** Leaves no mark: a packet that runs a second time would take what it renewed for claimed. */
  function renew(op: OpsOf<'renew'>, add: Add): void {
    if (op.held.length === 0) return op.resolve(new Set());
    const pairs = op.held
      .map((held) => `(id = ${id(held.id)} AND fence = ${number(held.fence)})`)
      .join(' OR ');
    const still = `state = ${processing} AND lease_owner = ${id(op.owner)} AND (${pairs})`;
    add(`UPDATE requests SET lease_until = ${nowMs} + ${number(op.leaseMs)} WHERE ${still}`);
    add(`SELECT id FROM requests WHERE ${still}`, (result) =>
      op.resolve(new Set((result as Row[]).map((row) => String(row['id'])))),
    );
  }

  function changed(where: string, add: Add, tell: (done: Set<string>) => void): void {
    add(`SELECT id FROM requests WHERE ${where}`, (result) =>
      tell(new Set((result as Row[]).map((row) => String(row['id'])))),
    );
  }

  return { build };
}

function settlementRow(to: Settlement, first: boolean): string {
  const columns: [string, string][] = [
    ['id', id(to.id)],
    ['fence', number(to.fence)],
    ['owner', id(to.owner)],
    ['state', String(STATE[to.to])],
    ['counts', to.countsAttempt ? '1' : '0'],
    ['delay', to.to === 'delayed' ? number(to.delayMs ?? 0) : 'NULL'],
    ['result', blob(to.result ?? null)],
    ['error', blob(to.error?.sealed ?? null)],
    ['error_code', to.error ? text(to.error.code) : 'NULL'],
    ['ms', number(to.processingMs ?? null)],
    ['prompt_tokens', number(to.promptTokens ?? null)],
    ['completion_tokens', number(to.completionTokens ?? null)],
    ['upstream', to.upstream === undefined ? 'NULL' : text(to.upstream)],
  ];
  return `SELECT ${columns.map(([name, value]) => (first ? `${value} AS ${name}` : value)).join(',')}`;
}

function toClaimed(row: Row): ClaimedRow {
  return {
    id: String(row['id']),
    laneId: Number(row['lane_id']),
    keyId: String(row['key_id']),
    fence: Number(row['fence']),
    attempts: Number(row['attempts']),
    deadlineAt: row['deadline_at'] === null ? null : Number(row['deadline_at']),
    body: row['body'] as Buffer,
  };
}

/** Ids, numbers, hexadecimal: what goes into a packet cannot hold a quote, so nothing has to be escaped. */
function id(value: string): string {
  if (!ID.test(value)) throw new Error('An id of another form must not reach the database.');
  return `_ascii'${value}' COLLATE ascii_bin`;
}

function number(value: number | null): string {
  if (value === null) return 'NULL';
  if (!Number.isSafeInteger(value))
    throw new Error('A number that is not whole must not reach the database.');
  return String(value);
}

function blob(value: Buffer | null): string {
  return value === null ? 'NULL' : `X'${value.toString('hex')}'`;
}

/** ASCII text of ours: cursors, codes, names of upstreams. */
function text(value: string): string {
  return value === ''
    ? `_ascii'' COLLATE ascii_bin`
    : `CAST(X'${Buffer.from(value, 'ascii').toString('hex')}' AS CHAR CHARACTER SET ascii) COLLATE ascii_bin`;
}
