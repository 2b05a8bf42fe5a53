/** The statements of a packet that store new requests: plain ones together, those that may be stored only once each by itself. */
import { STATE, type NewRow } from './ledger.ts';
import type { OpsOf } from './ledger-ops.ts';
import { blob, id, number, type Row, type Writing } from './mysql-literals.ts';

const { pending, processing, delayed, failed } = STATE;

const COLUMNS =
  'id, lane_id, key_id, state, priority, created_at, run_at, deadline_at, wake_at, body, metadata, notify, callback, retry_of, ' +
  'affinity, fence, lease_owner, lease_until, started_at';

export function inserts(ops: readonly OpsOf<'insert'>[], writing: Writing): void {
  const retries = ops.filter(({ row }) => row.retryOf !== null);
  const repeatable = ops.filter(({ row }) => row.retryOf === null && row.idempotency !== null);
  insertPlain(
    ops.filter(({ row }) => row.retryOf === null && row.idempotency === null),
    writing,
  );
  insertOnce(repeatable, writing);
  for (const op of retries) insertRetry(op, writing);
}

/** An id that is there already is ours, from a packet whose end was not heard. */
function insertPlain(ops: readonly OpsOf<'insert'>[], { add, nowMs }: Writing): void {
  if (ops.length === 0) return;
  const rows = ops.map(({ row }) => `(${valuesOf(row, nowMs)})`).join(',');
  add(`INSERT INTO requests (${COLUMNS}) VALUES ${rows} ON DUPLICATE KEY UPDATE id = VALUES(id)`, () =>
    ops.forEach((op) => op.resolve({ kind: 'inserted' })),
  );
}

/** Who gets the idempotency key gets the row; the others are told who did. */
function insertOnce(ops: readonly OpsOf<'insert'>[], { add, nowMs }: Writing): void {
  if (ops.length === 0) return;
  const remembered = ops.map(({ row }) => {
    const { digest, fingerprint } = row.idempotency!;
    return `(${id(row.keyId)},${blob(digest)},${blob(fingerprint)},${id(row.id)},${nowMs})`;
  });
  add(
    `INSERT IGNORE INTO idempotency_keys (key_id, digest, fingerprint, request_id, created_at) VALUES ${remembered.join(',')}`,
  );
  for (const { row } of ops) {
    add(
      `INSERT INTO requests (${COLUMNS}) SELECT ${valuesOf(row, nowMs)} FROM idempotency_keys k
       WHERE ${isKeyOf(row, 'k')} AND k.request_id = ${id(row.id)} ON DUPLICATE KEY UPDATE id = requests.id`,
    );
  }
  const keys = ops.map(({ row }) => `(${isKeyOf(row, 'k')})`).join(' OR ');
  add(`SELECT key_id, digest, fingerprint, request_id FROM idempotency_keys k WHERE ${keys}`, (result) => {
    const owners = new Map(
      (result as Row[]).map((row) => [nameOf(String(row['key_id']), row['digest'] as Buffer), row]),
    );
    for (const { row, resolve } of ops) {
      const owner = owners.get(nameOf(row.keyId, row.idempotency!.digest))!;
      const isSame = row.idempotency!.fingerprint.equals(owner['fingerprint'] as Buffer);
      resolve(
        owner['request_id'] === row.id
          ? { kind: 'inserted' }
          : { kind: 'repeated', id: String(owner['request_id']), isSame },
      );
    }
  });
}

/** Whoever marks the dead letter first may store the row. */
function insertRetry({ row, resolve }: OpsOf<'insert'>, { add, mark, nowMs }: Writing): void {
  const dead = id(row.retryOf!);
  add(
    `UPDATE requests SET retried_as = ${id(row.id)}, retry_note = ${blob(row.retryNote ?? null)}, write_mark = ${mark}
     WHERE id = ${dead} AND state = ${failed} AND retried_as IS NULL AND discarded_at IS NULL`,
  );
  add(
    `INSERT INTO requests (${COLUMNS}) SELECT ${valuesOf(row, nowMs)} FROM requests o
     WHERE o.id = ${dead} AND o.retried_as = ${id(row.id)} ON DUPLICATE KEY UPDATE id = requests.id`,
  );
  add(`SELECT id FROM requests WHERE id = ${id(row.id)}`, (result) =>
    resolve({ kind: (result as Row[]).length === 1 ? 'inserted' : 'taken' }),
  );
}

function isKeyOf(row: NewRow, table: string): string {
  return `${table}.key_id = ${id(row.keyId)} AND ${table}.digest = ${blob(row.idempotency!.digest)}`;
}

function nameOf(keyId: string, digest: Buffer): string {
  return `${keyId} ${digest.toString('hex')}`;
}

const UNCLAIMED = '0,NULL,NULL,NULL';

/** In the order of COLUMNS. */
function valuesOf(row: NewRow, nowMs: string): string {
  const waiting = row.runAt === null ? pending : delayed;
  const { claimed } = row;
  const state = claimed ? processing : waiting;
  const who = `${id(row.id)},${number(row.laneId)},${id(row.keyId)},${state},${number(row.priority)}`;
  const times = `${number(row.createdAt)},${number(row.runAt)},${number(row.deadlineAt)},${number(row.runAt ?? row.deadlineAt)}`;
  const content = `${blob(row.body)},${blob(row.metadata)},${row.notify ? '1' : '0'},${blob(row.callback)}`;
  const retryOf = row.retryOf === null ? 'NULL' : id(row.retryOf);
  const claim = claimed ? `1,${id(claimed.owner)},${nowMs} + ${number(claimed.leaseMs)},${nowMs}` : UNCLAIMED;
  return `${who},${times},${content},${retryOf},${number(row.affinity ?? null)},${claim}`;
}
