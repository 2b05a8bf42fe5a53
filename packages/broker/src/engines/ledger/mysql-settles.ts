/** The statements of a packet that end, put off or hand back what was processed, and the rest that is written with it. */
import { eventOf, STATE, type Settlement } from './ledger.ts';
import type { OpsOf } from './ledger-ops.ts';
import { ROW_COLUMNS, toRow } from './ledger-reads.ts';
import { blob, id, literal, number, text, type Row, type Writing } from './mysql-literals.ts';
import type { AddedRow, RowForm } from './sql-runner.ts';

const { pending, processing, delayed } = STATE;

/**
 * One UPDATE for each kind of outcome, its values picked by CASE. A join with a table of all outcomes would read better,
 * but the server would write that table with its results to a file of its own for every flush.
 */
export function settles(ops: readonly OpsOf<'settle'>[], writing: Writing): void {
  if (ops.length === 0) return;
  for (const group of Map.groupBy(ops, (op) => op.settlement.to).values()) {
    const all = group.map((op) => op.settlement);
    writing.add(update(all, writing));
    noteAttempts(
      all.filter((one) => one.error),
      writing,
    );
    tellEnds(
      all.filter((one) => one.notify && !one.added).map((one) => one.id),
      writing,
    );
    addRows(all, writing);
  }
  const ids = ops.map((op) => id(op.settlement.id)).join(',');
  writing.add(
    `SELECT id, fence FROM requests WHERE id IN (${ids}) AND write_mark = ${writing.mark}`,
    (result) => {
      const done = new Set((result as Row[]).map((row) => `${String(row['id'])} ${String(row['fence'])}`));
      for (const { settlement, resolve } of ops) resolve(done.has(`${settlement.id} ${settlement.fence}`));
    },
  );
  readBack(
    ops.map((op) => op.settlement).filter((one) => one.onWritten),
    writing,
  );
}

function readBack(awaited: readonly Settlement[], { add, mark }: Writing): void {
  if (awaited.length === 0) return;
  const ids = awaited.map((one) => id(one.id)).join(',');
  add(`SELECT ${ROW_COLUMNS} FROM requests WHERE id IN (${ids}) AND write_mark = ${mark}`, (result) => {
    const rows = (result as Row[]).map((row) => toRow(Object.values(row)));
    for (const one of awaited) {
      const row = rows.find(({ id, fence }) => id === one.id && fence === one.fence);
      if (row) one.onWritten!(row);
    }
  });
}

function update(all: readonly Settlement[], { nowMs, mark }: Writing): string {
  const { to, owner } = all[0]!;
  const pick = (value: (one: Settlement) => string): string => cases(all, value);
  const changes = to === 'pending' ? ['wake_at = deadline_at'] : [...outcome(all, nowMs), ...otherLane(all)];
  return `UPDATE requests SET ${changes.join(', ')}, state = ${STATE[to]}, lease_owner = NULL, lease_until = NULL, write_mark = ${mark}
    WHERE id IN (${all.map((one) => id(one.id)).join(',')}) AND state = ${processing}
      AND fence = ${pick((one) => number(one.fence))} AND lease_owner = ${all.every((one) => one.owner === owner) ? id(owner) : pick((one) => id(one.owner))}`;
}

function outcome(all: readonly Settlement[], nowMs: string): string[] {
  const pick = (value: (one: Settlement) => string): string => cases(all, value);
  const { to } = all[0]!;
  const wake = `${nowMs} + ${pick((one) => number(one.delayMs ?? 0))}`;
  return [
    `attempts = attempts + ${pick((one) => (one.countsAttempt ? '1' : '0'))}`,
    `wake_at = ${to === 'delayed' ? `LEAST(${wake}, COALESCE(deadline_at, ${wake}))` : 'NULL'}`,
    `completed_at = ${to === 'delayed' ? 'NULL' : pick(({ completedAt }) => (completedAt === undefined ? nowMs : number(completedAt)))}`,
    `result = ${pick((one) => blob(one.result ?? null))}`,
    `error = ${pick((one) => blob(one.error?.sealed ?? null))}`,
    `error_code = ${pick((one) => text(one.error?.code ?? null))}`,
    `processing_ms = ${pick((one) => number(one.processingMs ?? null))}`,
    `prompt_tokens = ${pick((one) => number(one.promptTokens ?? null))}`,
    `completion_tokens = ${pick((one) => number(one.completionTokens ?? null))}`,
    `upstream = ${pick((one) => text(one.upstream ?? null))}`,
  ];
}

/** Assignments happen from left to right: the first lane is noted before the lane is another. */
function otherLane(all: readonly Settlement[]): string[] {
  if (all.every((one) => one.laneId === undefined)) return [];
  const pick = (column: string, value: (laneId: number) => string): string =>
    `${column} = ${cases(all, (one) => (one.laneId === undefined ? column : value(one.laneId)))}`;
  return [pick('first_lane_id', () => 'COALESCE(first_lane_id, lane_id)'), pick('lane_id', number)];
}

/** The value itself when all agree, which most do. */
function cases<One extends { readonly id: string }>(
  all: readonly One[],
  value: (one: One) => string,
): string {
  const first = value(all[0]!);
  const values = all.map(value);
  if (values.every((one) => one === first)) return first;
  return `CASE id ${all.map((one, index) => `WHEN ${id(one.id)} THEN ${values[index]}`).join(' ')} END`;
}

/** Of the rows that this packet has really changed. Twice is no harm: the primary key is (request, fence). */
function noteAttempts(all: readonly Settlement[], { add, mark, nowMs }: Writing): void {
  if (all.length === 0) return;
  const ids = all.map((one) => id(one.id)).join(',');
  add(
    `INSERT IGNORE INTO request_attempts (request_id, fence, upstream, error_code, error, ended_at)
     SELECT id, fence, upstream, error_code, error, ${nowMs} FROM requests
     WHERE id IN (${ids}) AND write_mark = ${mark} AND error_code IS NOT NULL`,
  );
}

/** An event for each row that this packet has ended. A second one, when the packet ran twice, is sorted out by its readers. */
function tellEnds(ids: readonly string[], { add, mark, nowMs }: Writing): void {
  if (ids.length === 0) return;
  const ends = (['completed', 'failed', 'cancelled', 'expired'] as const).map(
    (state) => `WHEN ${STATE[state]} THEN '${eventOf(state)}'`,
  );
  add(
    `INSERT INTO outbox (request_id, key_id, type, created_at) SELECT id, key_id, CASE state ${ends.join(' ')} END, ${nowMs}
     FROM requests WHERE id IN (${ids.map(id).join(',')}) AND write_mark = ${mark} AND notify = 1 AND state NOT IN (${delayed}, ${pending})`,
  );
}

interface Added {
  /** Of the settlement it hangs on. */
  readonly id: string;
  readonly row: AddedRow;
}

/** Of each settlement that this packet has written: its first row, its second and so on, those of one form together. */
function addRows(all: readonly Settlement[], writing: Writing): void {
  const most = Math.max(...all.map(({ added = [] }) => added.length));
  for (let nth = 0; nth < most; nth++) {
    const rows = all.flatMap(({ id, added = [] }) => added.slice(nth, nth + 1).map((row) => ({ id, row })));
    for (const [form, alike] of Map.groupBy(rows, ({ row }) => row.form))
      writing.add(adding(form, alike, { ...writing, state: STATE[all[0]!.to] }));
  }
}

/** What is there already was added by this packet, when it ran before. */
function adding(
  { table, columns, fromNow }: RowForm,
  rows: readonly Added[],
  { mark, nowMs, state }: Writing & { readonly state: number },
): string {
  const values = columns.map((column, index) => {
    const value = cases(rows, ({ row }) => literal(row.values[index]!));
    return fromNow.includes(column) ? `${nowMs} + ${value}` : value;
  });
  return `INSERT IGNORE INTO ${table} (${columns.join()}) SELECT ${values.join()} FROM requests
    WHERE id IN (${rows.map((one) => id(one.id)).join(',')}) AND write_mark = ${mark} AND state = ${state}`;
}
