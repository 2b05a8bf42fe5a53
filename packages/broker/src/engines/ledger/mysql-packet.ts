/** Turns the operations of one flush into one packet of SQL and reads the answers out of its results. */
import { eventOf, STATE, type ClaimedRow, type NewRow, type Settlement } from './ledger.ts';
import { opsOf, type LedgerOp, type OpsOf } from './ledger-ops.ts';

const { pending, processing, delayed, cancelled, failed } = STATE;
const ID = /^[a-z]{3}_[0-9a-z]{26}$/;
const NO_DIGEST = Buffer.alloc(32);
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
    inserts(opsOf(ops, 'insert'), mark, add);
    claims(opsOf(ops, 'claim'), mark, add);
    settles(opsOf(ops, 'settle'), mark, add);
    cancels(opsOf(ops, 'cancel'), mark, add);
    for (const op of opsOf(ops, 'discard')) discard(op, mark, add);
    for (const op of opsOf(ops, 'check')) check(op, add);
    for (const op of opsOf(ops, 'renew')) renew(op, mark, add);
    statements.push('COMMIT');
    return { sql: statements.join(';\n'), answer: (results) => readers.forEach((read) => read(results)) };
  }

  type Add = (sql: string, read?: (result: unknown) => void) => void;

  function inserts(ops: readonly OpsOf<'insert'>[], mark: number, add: Add): void {
    const plain = ops.filter(({ row }) => row.idempotency === null && row.retryOf === null);
    if (plain.length > 0) {
      const rows = plain.map(({ row }) => `(${insertValues(row).join(',')})`).join(',');
      add(
        `INSERT INTO requests (${INSERT_COLUMNS}) VALUES ${rows} ON DUPLICATE KEY UPDATE id = VALUES(id)`,
        () => plain.forEach((op) => op.resolve({ kind: 'inserted' })),
      );
    }
    repeatable(
      ops.filter(({ row }) => row.idempotency !== null && row.retryOf === null),
      add,
    );
    for (const op of ops.filter(({ row }) => row.retryOf !== null)) retry(op, mark, add);
  }

  /** Who gets the idempotency key gets the row; the others are told who did. */
  function repeatable(ops: readonly OpsOf<'insert'>[], add: Add): void {
    if (ops.length === 0) return;
    const keys = ops.map(({ row }) => `(${id(row.keyId)},${blob(row.idempotency!.digest)})`);
    const remembered = ops.map(
      ({ row }, index) =>
        `(${keys[index]!.slice(1, -1)},${blob(row.idempotency!.fingerprint)},${id(row.id)},${nowMs})`,
    );
    add(
      `INSERT IGNORE INTO idempotency_keys (key_id, digest, fingerprint, request_id, created_at) VALUES ${remembered.join(',')}`,
    );
    for (const { row } of ops) {
      add(
        `INSERT INTO requests (${INSERT_COLUMNS}) SELECT ${insertValues(row).join(',')} FROM idempotency_keys k
         WHERE k.key_id = ${id(row.keyId)} AND k.digest = ${blob(row.idempotency!.digest)} AND k.request_id = ${id(row.id)}
         ON DUPLICATE KEY UPDATE id = requests.id`,
      );
    }
    add(
      `SELECT key_id, digest, fingerprint, request_id FROM idempotency_keys WHERE (key_id, digest) IN (${keys.join(',')})`,
      (result) => {
        const found = new Map(
          (result as Row[]).map((row) => [
            `${String(row['key_id'])} ${(row['digest'] as Buffer).toString('hex')}`,
            row,
          ]),
        );
        for (const { row, resolve } of ops) {
          const { digest, fingerprint } = row.idempotency!;
          const owner = found.get(`${row.keyId} ${digest.toString('hex')}`)!;
          if (owner['request_id'] === row.id) resolve({ kind: 'inserted' });
          else
            resolve({
              kind: 'repeated',
              id: String(owner['request_id']),
              isSame: fingerprint.equals(owner['fingerprint'] as Buffer),
            });
        }
      },
    );
  }

  function retry({ row, resolve }: OpsOf<'insert'>, mark: number, add: Add): void {
    const dead = id(row.retryOf!);
    add(
      `UPDATE requests SET retried_as = ${id(row.id)}, write_mark = ${mark}
       WHERE id = ${dead} AND state = ${failed} AND retried_as IS NULL AND discarded_at IS NULL`,
    );
    add(
      `INSERT INTO requests (${INSERT_COLUMNS}) SELECT ${insertValues(row).join(',')} FROM requests o
       WHERE o.id = ${dead} AND o.retried_as = ${id(row.id)} ON DUPLICATE KEY UPDATE id = requests.id`,
    );
    add(`SELECT id FROM requests WHERE id = ${id(row.id)}`, (result) =>
      resolve({ kind: (result as Row[]).length === 1 ? 'inserted' : 'taken' }),
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
      `SELECT id, lane_id, key_id, fence, attempts, deadline_at, notify, body FROM requests FORCE INDEX (claim)
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
    const ids = ops.map((op) => op.settlement.id);
    noteAttempts(
      ops.filter((op) => op.settlement.error),
      mark,
      add,
    );
    tell(
      ops.filter((op) => op.settlement.notify).map((op) => op.settlement.id),
      mark,
      add,
    );
    changed(ids, mark, add, (done) => ops.forEach((op) => op.resolve(done.has(op.settlement.id))));
  }

  /** Of the rows that this packet has really changed. Twice is no harm: the primary key is (request, fence). */
  function noteAttempts(ops: readonly OpsOf<'settle'>[], mark: number, add: Add): void {
    if (ops.length === 0) return;
    const ids = ops.map((op) => id(op.settlement.id)).join(',');
    add(
      `INSERT IGNORE INTO request_attempts (request_id, fence, upstream, error_code, error, ended_at)
       SELECT id, fence, upstream, error_code, error, ${nowMs} FROM requests WHERE id IN (${ids}) AND write_mark = ${mark} AND error_code IS NOT NULL`,
    );
  }

  /** An event for each row that this packet has ended. A second one, when the packet ran twice, is sorted out by its readers. */
  function tell(ids: readonly string[], mark: number, add: Add): void {
    if (ids.length === 0) return;
    const ends = (['completed', 'failed', 'cancelled', 'expired'] as const).map(
      (state) => `WHEN ${STATE[state]} THEN '${eventOf(state)}'`,
    );
    add(
      `INSERT INTO outbox (request_id, key_id, type, created_at) SELECT id, key_id, CASE state ${ends.join(' ')} END, ${nowMs}
       FROM requests WHERE id IN (${ids.map(id).join(',')}) AND write_mark = ${mark} AND notify = 1 AND state < ${delayed}`,
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
      tell([op.id], mark, add);
      changed([op.id], mark, add, (done) => op.resolve(done.has(op.id)));
    }
  }

  function discard(op: OpsOf<'discard'>, mark: number, add: Add): void {
    add(
      `UPDATE requests SET discarded_at = ${nowMs}, discard_reason = ${blob(op.reason)}, write_mark = ${mark}
       WHERE id = ${id(op.id)} AND state = ${failed} AND discarded_at IS NULL AND retried_as IS NULL`,
    );
    changed([op.id], mark, add, (done) => op.resolve(done.has(op.id)));
  }

  function check(op: OpsOf<'check'>, add: Add): void {
    const where = `key_id = '' AND digest = ${blob(NO_DIGEST)}`;
    add(
      `INSERT IGNORE INTO idempotency_keys (key_id, digest, fingerprint, request_id, created_at) VALUES ('', ${blob(NO_DIGEST)}, ${blob(NO_DIGEST)}, '', 0)`,
    );
    add(`DELETE FROM idempotency_keys WHERE ${where}`, () => op.resolve());
  }

  function renew(op: OpsOf<'renew'>, mark: number, add: Add): void {
    if (op.held.length === 0) return op.resolve(new Set());
    const pairs = op.held
      .map((held) => `(id = ${id(held.id)} AND fence = ${number(held.fence)})`)
      .join(' OR ');
    const still = `state = ${processing} AND lease_owner = ${id(op.owner)} AND (${pairs})`;
    add(
      `UPDATE requests SET lease_until = ${nowMs} + ${number(op.leaseMs)}, write_mark = ${mark} WHERE ${still}`,
    );
    add(`SELECT id FROM requests WHERE ${still}`, (result) =>
      op.resolve(new Set((result as Row[]).map((row) => String(row['id'])))),
    );
  }

  function changed(ids: readonly string[], mark: number, add: Add, tell: (done: Set<string>) => void): void {
    add(`SELECT id FROM requests WHERE id IN (${ids.map(id).join(',')}) AND write_mark = ${mark}`, (result) =>
      tell(new Set((result as Row[]).map((row) => String(row['id'])))),
    );
  }

  return { build };
}

const INSERT_COLUMNS =
  'id, lane_id, key_id, state, priority, created_at, run_at, deadline_at, wake_at, body, metadata, notify, callback, retry_of';

function insertValues(row: NewRow): string[] {
  const times = [row.createdAt, row.runAt, row.deadlineAt, row.runAt ?? row.deadlineAt].map(number);
  const state = row.runAt === null ? pending : delayed;
  return [
    ...[id(row.id), number(row.laneId), id(row.keyId), String(state), number(row.priority), ...times],
    ...[blob(row.body), blob(row.metadata), row.notify ? '1' : '0', blob(row.callback)],
    row.retryOf === null ? 'NULL' : id(row.retryOf),
  ];
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
    notify: row['notify'] === 1,
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
