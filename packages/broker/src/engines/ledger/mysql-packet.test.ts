/** One packet of SQL: nothing that is put in can become SQL, and every operation gets its own answer out of the results. */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import type { Claim, ClaimedRow, NewRow, Settlement } from './ledger.ts';
import type { LedgerOp, OpsOf } from './ledger-ops.ts';
import { mysqlPacket, type Packet } from './mysql-packet.ts';

const OWNER = newId('run');
const KEY = newId('key');
const OK = { affectedRows: 1 };

/** An operation that keeps its answer. */
function op<Kind extends LedgerOp['kind']>(
  kind: Kind,
  rest: Omit<OpsOf<Kind>, 'kind' | 'resolve' | 'reject'>,
): { op: LedgerOp; answer: () => unknown } {
  const answers: unknown[] = [];
  const keep = (value: unknown): void => void answers.push(value ?? 'done');
  const reject = (error: unknown): void => void answers.push(error);
  return { op: { kind, ...rest, resolve: keep, reject } as unknown as LedgerOp, answer: () => answers[0] };
}

const newRow = (more: Partial<NewRow> = {}): NewRow => ({
  ...{ id: newId('req'), laneId: 1, keyId: KEY, priority: 5, createdAt: 1, runAt: null, deadlineAt: null },
  ...{
    body: Buffer.from("'; DROP TABLE requests; --"),
    metadata: null,
    notify: false,
    callback: null,
    retryOf: null,
    idempotency: null,
  },
  ...more,
});
const settlement = (more: Partial<Settlement> = {}): Settlement => ({
  ...{ id: newId('req'), fence: 1, owner: OWNER, to: 'completed', countsAttempt: true, notify: false },
  ...more,
});
const claimOf = (laneId: number, limit = 2): Claim => ({ laneId, limit, owner: OWNER, leaseMs: 30_000 });
const claim = (laneId: number, limit = 2) => op('claim', { claim: claimOf(laneId, limit) });

function open() {
  const added: LedgerOp[] = [];
  const { build } = mysqlPacket('NOW_MS', (one) => void added.push(one));
  return { added, build: (...ops: { op: LedgerOp }[]): Packet => build(ops.map((one) => one.op)) };
}

/** Statement by statement; our own SQL has no semicolon inside a statement. */
const statementsOf = (packet: Packet): string[] => packet.sql.split(';\n');

/** Answers each SELECT of rows with what `rowsOf` says, everything else with OK. */
function answer(packet: Packet, rowsOf: (sql: string) => object[]): void {
  packet.answer(statementsOf(packet).map((sql) => (sql.startsWith('SELECT') ? rowsOf(sql) : OK)));
}

const claimed = (laneId: number, more: Partial<ClaimedRow> = {}) => {
  const { id, fence, attempts } = { id: newId('req'), fence: 1, attempts: 0, ...more };
  return { id, lane_id: laneId, key_id: KEY, fence, attempts, deadline_at: null, body: Buffer.from('b') };
};

/** What is left of a packet without the only forms of text it may hold: hexadecimal, ids, and names of events. */
function bare(sql: string): string {
  return sql
    .replaceAll(/'request\.(completed|failed|cancelled|expired)'/g, '')
    .replaceAll(/X'[0-9a-f]*'/g, '')
    .replaceAll(/_ascii'(?:[a-z]{3}_[0-9a-z]{26})?'/g, '');
}

describe('what goes into a packet', () => {
  const nasty = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      "'",
      '"',
      '\\',
      "\\'",
      '`',
      '--',
      '-- ',
      '#',
      '/*',
      '*/',
      ';',
      ';\n',
      '\0',
      "ħ'",
      '’',
      "x' OR '1'='1",
    ),
  );
  const anything = fc.oneof(nasty, fc.double(), fc.bigInt(), fc.constant(null), fc.constant(undefined));
  const idLike = fc.oneof(
    { weight: 12, arbitrary: fc.constant(newId('req')) },
    nasty,
    nasty.map((text) => newId('req') + text),
  );
  const numberLike = fc.oneof({ weight: 12, arbitrary: fc.integer() }, anything) as fc.Arbitrary<number>;
  const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));
  const blobs = fc.oneof(
    bytes,
    nasty.map((text) => Buffer.from(text)),
  );

  const inserts = fc
    .record({
      id: idLike,
      laneId: numberLike,
      keyId: idLike,
      priority: numberLike,
      body: blobs,
      metadata: blobs,
      callback: blobs,
      retryOf: fc.oneof(fc.constant(null), idLike),
      idempotency: fc.oneof(fc.constant(null), fc.record({ digest: blobs, fingerprint: blobs })),
    })
    .map((row) => op('insert', { row: newRow(row) }));
  const discards = fc.record({ id: idLike, reason: blobs }).map((one) => op('discard', one));
  const claims = fc
    .record({ laneId: numberLike, limit: numberLike, owner: idLike, leaseMs: numberLike })
    .map((one) => op('claim', { claim: one }));
  const settles = fc
    .record({
      ...{ id: idLike, fence: numberLike, owner: idLike, upstream: nasty, delayMs: numberLike },
      ...{ processingMs: numberLike, promptTokens: numberLike, result: blobs },
      error: fc.record({ code: nasty, sealed: blobs }),
      to: fc.constantFrom('completed', 'failed', 'delayed', 'pending', 'expired'),
    })
    .map((one) => op('settle', { settlement: { ...one, countsAttempt: true, notify: true } as Settlement }));
  const cancels = fc.record({ id: idLike, keyId: idLike }).map((one) => op('cancel', one));
  const renews = fc
    .record({
      owner: idLike,
      leaseMs: numberLike,
      held: fc.array(fc.record({ id: idLike, fence: numberLike })),
    })
    .map((one) => op('renew', one));
  const ops = fc.array(fc.oneof(inserts, claims, settles, cancels, discards, renews), {
    minLength: 1,
    maxLength: 6,
  });

  it('is refused or harmless: no quote, comment or statement of its own, whatever it is', () => {
    let built = 0;
    fc.assert(
      fc.property(ops, (all) => {
        let packet: Packet;
        try {
          packet = open().build(...all);
        } catch {
          return;
        }
        built += 1;
        expect(bare(packet.sql)).not.toMatch(/['"`\\#]|--|\/\*|[^\x20-\x7e\n]/);
        const starts = statementsOf(packet).map((sql) => sql.split(' ')[0]);
        const within = starts[0] === 'START' && starts.at(-1) === 'COMMIT' ? starts.slice(1, -1) : starts;
        for (const start of within) expect(['INSERT', 'UPDATE', 'SELECT']).toContain(start);
        const writing = within.filter((start) => start !== 'SELECT');
        if (within === starts) expect(writing).toHaveLength(1);
        expect(bare(packet.sql).split(';')).toHaveLength(starts.length);
      }),
      { numRuns: 3_000 },
    );
    expect(built).toBeGreaterThan(300);
  });

  it('carries any bytes and any name of an upstream, as hexadecimal', () => {
    const text = `"host'; -- /*`;
    const { sql } = open().build(
      op('settle', { settlement: settlement({ upstream: text, result: Buffer.from(text) }) }),
      op('insert', { row: newRow() }),
    );
    expect(sql).toContain(`X'${Buffer.from(text).toString('hex')}'`);
    expect(sql).not.toContain('DROP');
  });

  it.each([
    ['an id of another form', op('insert', { row: newRow({ id: "req_'" }) })],
    ['an id with a line behind it', op('insert', { row: newRow({ keyId: `${KEY}\n` }) })],
    ['a number that is none', op('claim', { claim: { ...claimOf(1), limit: NaN } })],
    ['a number with a fraction', op('claim', { claim: { ...claimOf(1), leaseMs: 0.5 } })],
    ['a text instead of a number', op('claim', { claim: { ...claimOf(1), laneId: '1 OR 1' as never } })],
    ['claims under two names', op('claim', { claim: { ...claimOf(1), owner: newId('run') } })],
  ])('is refused when it is %s', (_what, one) => {
    expect(() => open().build(claim(2), one)).toThrow();
  });

  it('is a transaction of its own where one statement writes what stays so, and has one around it elsewhere', () => {
    const insert = () => op('insert', { row: newRow() });
    const settled = (more: Partial<Settlement> = {}) => op('settle', { settlement: settlement(more) });
    const startsOf = (...ops: { op: LedgerOp }[]) =>
      statementsOf(open().build(...ops)).map((sql) => sql.split(' ')[0]);
    expect(startsOf(insert(), insert())).toEqual(['INSERT']);
    expect(startsOf(settled(), settled())).toEqual(['UPDATE', 'SELECT']);
    expect(startsOf(insert(), settled())).toEqual(['START', 'INSERT', 'UPDATE', 'SELECT', 'COMMIT']);
    // Another broker may claim what was handed back before it is asked whose it is.
    expect(startsOf(settled({ to: 'pending' }))).toEqual(['START', 'UPDATE', 'SELECT', 'COMMIT']);
    const once = { digest: Buffer.alloc(32), fingerprint: Buffer.alloc(32) };
    expect(startsOf(op('insert', { row: newRow({ idempotency: once }) }))[0]).toBe('START');
    expect(startsOf(claim(1))).toEqual(['START', 'UPDATE', 'SELECT', 'COMMIT']);
  });

  it('may be a cancel of an id that is none: that is simply not there', () => {
    const one = op('cancel', { id: "' OR 1=1", keyId: KEY });
    expect(statementsOf(open().build(one))).toHaveLength(2);
    expect(one.answer()).toBe(false);
  });
});

describe('what comes out of a packet', () => {
  it('answers every operation by its own rows', () => {
    const [done, stale] = [settlement(), settlement()];
    const [here, gone] = [newId('req'), newId('req')];
    const all = {
      insert: op('insert', { row: newRow() }),
      two: claim(7),
      none: claim(8),
      done: op('settle', { settlement: done }),
      stale: op('settle', { settlement: stale }),
      cancelled: op('cancel', { id: here, keyId: KEY }),
      notCancelled: op('cancel', { id: gone, keyId: KEY }),
      renewed: op('renew', { owner: OWNER, leaseMs: 5, held: [{ id: here, fence: 1 }, { id: gone, fence: 1 }] }), // prettier-ignore
      nothing: op('renew', { owner: OWNER, leaseMs: 5, held: [] }),
    };
    const rows = [claimed(7), claimed(7)];
    const packet = open().build(...Object.values(all));
    answer(packet, (sql) => {
      if (sql.includes('lane_id IN')) return rows;
      return [{ id: done.id, fence: done.fence }, { id: here }].filter(({ id }) => sql.includes(id));
    });
    const answers = Object.values(all).map((one) => one.answer());
    const taken = rows.map((row) =>
      expect.objectContaining({ id: row.id, laneId: 7, keyId: KEY, body: row.body }),
    );
    expect(answers).toEqual([
      { kind: 'inserted' },
      taken,
      [],
      true,
      false,
      true,
      false,
      new Set([here]),
      new Set(),
    ]);
  });

  it('never answers under the mark of another packet', () => {
    const { build } = open();
    const marks = Array.from({ length: 50 }, () => /write_mark = (\d+)/.exec(build(claim(1)).sql)![1]);
    expect(new Set(marks).size).toBe(50);
  });
});

describe('the cursor of a lane', () => {
  const hex = (id: string): string => `X'${Buffer.from(id).toString('hex')}'`;

  it('stands behind the last row that was claimed, while claims are filled', () => {
    const { build } = open();
    const rows = [claimed(1), claimed(1)];
    const first = claim(1);
    const packet = build(first);
    expect(packet.sql).toContain(`id > _ascii''`);
    answer(packet, () => rows);
    expect(build(claim(1)).sql).toContain(hex(rows[1]!.id));
    expect(build(claim(2)).sql).toContain(`id > _ascii''`);
  });

  it('is not trusted when a claim comes up short: the lane is looked at again from its start', () => {
    const { build, added } = open();
    const early = claimed(1);
    answer(build(claim(1, 1)), () => [claimed(1)]);
    const short = claim(1, 3);
    const late = claimed(1);
    answer(build(short), () => [late]);
    expect(short.answer()).toBeUndefined();
    expect(added).toMatchObject([{ kind: 'claim', claim: { laneId: 1, limit: 2 } }]);
    const again = build({ op: added[0]! });
    expect(again.sql).toContain(`id > _ascii''`);
    answer(again, () => [early]);
    expect(short.answer()).toMatchObject([{ id: early.id }, { id: late.id }]);
    expect(added).toHaveLength(1);
  });

  it('is not needed when a claim from the start comes up short: the lane is empty', () => {
    const { build, added } = open();
    const short = claim(1, 3);
    answer(build(short), () => [claimed(1)]);
    expect(short.answer()).toHaveLength(1);
    expect(added).toEqual([]);
  });

  it('keeps what was claimed already when the second look fails, and fails when there was nothing', () => {
    for (const rows of [[claimed(1)], []]) {
      const { build, added } = open();
      answer(build(claim(1, 1)), () => [claimed(1)]);
      const short = claim(1, 3);
      answer(build(short), () => rows);
      (added[0] as OpsOf<'claim'>).reject(new Error('away'));
      if (rows.length > 0) expect(short.answer()).toMatchObject([{ id: rows[0]!.id }]);
      else expect(short.answer()).toEqual(new Error('away'));
    }
  });

  it('is forgotten after a second, however busy the lane, for rows may have come back before it', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const { build } = open();
    for (let i = 0; i < 5; i++) {
      const packet = build(claim(1, 1));
      expect(packet.sql.includes(`id > _ascii''`)).toBe(i === 0 || i === 4);
      answer(packet, () => [claimed(1)]);
      vi.setSystemTime(Date.now() + 300);
    }
  });

  it('gives all rows to the first of two claims of one lane, and an answer to both', () => {
    const [one, other] = [claim(1), claim(1)];
    answer(open().build(one, other), () => [claimed(1), claimed(1), claimed(1)]);
    expect(one.answer()).toHaveLength(3);
    expect(other.answer()).toEqual([]);
  });
});
