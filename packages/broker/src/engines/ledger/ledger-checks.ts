/** What must always be true of the stored rows: each rule finds the rows that break it, and mends those that can be mended. */
import { STATE } from './ledger.ts';
import { marksFor, type SqlRunner } from './sql-runner.ts';

export interface BrokenRule {
  readonly rule: string;
  /** What is wrong, for a person. */
  readonly about: string;
  /** How many rows break it, and the first of them. */
  readonly count: number;
  readonly sample: string[];
  /** Null: this needs a person. Else what the mending does. */
  readonly remedy: string | null;
}

export interface LedgerChecks {
  /** The rules that are broken now. */
  find(): Promise<BrokenRule[]>;
  /** Mends a rule's rows; resolves with how many. Rules that need a person are left alone. */
  mend(rule: string): Promise<number>;
  /** Requests after this id with what of them is sealed, few enough to be held at once. None: there are no more. */
  sealed(after: string): Promise<SealedRow[]>;
}

export interface SealedRow {
  readonly id: string;
  readonly sealed: Readonly<Record<(typeof SEALED)[number], Buffer | null>>;
}

interface Rule {
  readonly about: string;
  /** FROM … WHERE … of the rows that break it; the row's name is `r`. */
  readonly broken: (sql: SqlRunner) => string;
  readonly id?: string;
  readonly remedy?: { readonly words: string; readonly statement: (sql: SqlRunner) => string };
}

const { completed, failed, cancelled, expired, delayed, processing, pending } = STATE;
const ENDED = `r.state IN (${completed}, ${failed}, ${cancelled}, ${expired})`;
/** A sweep that runs every second and has not done its work for this long does not run. */
const LATE_MS = 60_000;
const SAMPLE = 10;
const SEALED = [
  'body',
  'metadata',
  'result',
  'error',
  'callback',
  'retry_note',
  'discard_reason',
  'custom_id',
] as const;
const PAGE_ROWS = 200;
const PAGE_BYTES = 8 * 1024 * 1024;

const RULES: Readonly<Record<string, Rule>> = {
  'state-is-known': {
    about: 'requests in a state that does not exist',
    broken: () => `FROM requests r WHERE r.state NOT IN (${Object.values(STATE).join(',')})`,
  },
  'completed-has-result': {
    about: 'completed requests without a result',
    broken: () => `FROM requests r WHERE r.state = ${completed} AND r.result IS NULL`,
  },
  'only-completed-has-result': {
    about: 'requests with a result that are not completed',
    broken: () => `FROM requests r WHERE r.state <> ${completed} AND r.result IS NOT NULL`,
  },
  'ended-has-end': {
    about: 'requests that have ended at no time',
    broken: () => `FROM requests r WHERE ${ENDED} AND r.completed_at IS NULL`,
  },
  'failed-has-code': {
    about: 'failed requests without a reason',
    broken: () => `FROM requests r WHERE r.state = ${failed} AND r.error_code IS NULL`,
  },
  'processing-has-lease': {
    about: 'requests that are processed by nobody',
    broken: () =>
      `FROM requests r WHERE r.state = ${processing} AND (r.lease_owner IS NULL OR r.lease_until IS NULL)`,
    remedy: {
      words: 'made pending again',
      statement:
        () => `UPDATE requests SET state = ${pending}, wake_at = deadline_at, lease_owner = NULL, lease_until = NULL
        WHERE state = ${processing} AND (lease_owner IS NULL OR lease_until IS NULL)`,
    },
  },
  'only-processing-has-lease': {
    about: 'leases of requests that nobody processes',
    broken: () => `FROM requests r WHERE r.state <> ${processing} AND r.lease_owner IS NOT NULL`,
    remedy: {
      words: 'leases removed',
      statement: () =>
        `UPDATE requests SET lease_owner = NULL, lease_until = NULL WHERE state <> ${processing} AND lease_owner IS NOT NULL`,
    },
  },
  'delayed-wakes': {
    about: 'delayed requests that nothing will wake',
    broken: () => `FROM requests r WHERE r.state = ${delayed} AND r.wake_at IS NULL`,
    remedy: {
      words: 'made pending',
      statement: () =>
        `UPDATE requests SET state = ${pending}, wake_at = deadline_at WHERE state = ${delayed} AND wake_at IS NULL`,
    },
  },
  'woken-in-time': {
    about: 'requests that were due a minute ago or more: no sweep runs',
    broken: (sql) =>
      `FROM requests r WHERE r.wake_at < ${sql.nowMs} - ${LATE_MS} AND r.state IN (${pending}, ${delayed})`,
  },
  'rescued-in-time': {
    about: 'leases that ran out minutes ago: no sweep runs',
    broken: (sql) =>
      `FROM requests r WHERE r.state = ${processing} AND r.lease_until < ${sql.nowMs} - ${10 * LATE_MS}`,
    remedy: {
      words: 'made pending again',
      statement: (sql) =>
        `UPDATE requests SET state = ${pending}, wake_at = deadline_at, deliveries = deliveries + 1, lease_owner = NULL, lease_until = NULL
        WHERE state = ${processing} AND lease_until < ${sql.nowMs} - ${10 * LATE_MS}`,
    },
  },
  'lane-exists': {
    about: 'requests of a lane that does not exist',
    broken: () => 'FROM requests r WHERE NOT EXISTS (SELECT 1 FROM lanes l WHERE l.id = r.lane_id)',
  },
  'retry-exists': {
    about: 'dead letters whose retry does not exist',
    broken: () =>
      'FROM requests r WHERE r.retried_as IS NOT NULL AND NOT EXISTS (SELECT 1 FROM requests n WHERE n.id = r.retried_as)',
  },
  'idempotency-key-has-request': {
    about: 'idempotency keys of requests that do not exist',
    broken: () =>
      'FROM idempotency_keys r WHERE NOT EXISTS (SELECT 1 FROM requests q WHERE q.id = r.request_id)',
    id: 'r.request_id',
    remedy: {
      words: 'forgotten',
      statement: () =>
        'DELETE FROM idempotency_keys WHERE NOT EXISTS (SELECT 1 FROM requests q WHERE q.id = idempotency_keys.request_id)',
    },
  },
  'event-has-request': {
    about: 'events of requests that do not exist',
    broken: () => 'FROM outbox r WHERE NOT EXISTS (SELECT 1 FROM requests q WHERE q.id = r.request_id)',
    id: 'r.request_id',
    remedy: {
      words: 'removed',
      statement: () =>
        'DELETE FROM outbox WHERE NOT EXISTS (SELECT 1 FROM requests q WHERE q.id = outbox.request_id)',
    },
  },
  'event-is-read': {
    about: 'events that no delivery was made of for a minute: webhooks do not run',
    broken: (sql) => `FROM outbox r WHERE r.created_at < ${sql.nowMs} - ${LATE_MS}`,
    id: 'r.request_id',
  },
};

export function ledgerChecks(sql: SqlRunner): LedgerChecks {
  /** Ids of the next page; one that is too large for a page is a page of its own. */
  async function pageAfter(after: string): Promise<string[]> {
    const bytes = SEALED.map((column) => `COALESCE(LENGTH(${column}), 0)`).join(' + ');
    const rows = await sql.all<{ id: string; bytes: number }>(
      `SELECT id, ${bytes} AS bytes FROM requests WHERE id > ? ORDER BY id LIMIT ${PAGE_ROWS}`,
      [after],
    );
    let room = PAGE_BYTES;
    const end = rows.findIndex((row, index) => (room -= Number(row.bytes)) < 0 && index > 0);
    return (end < 0 ? rows : rows.slice(0, end)).map(({ id }) => id);
  }

  return {
    async find() {
      const found: BrokenRule[] = [];
      for (const [rule, { about, broken, id = 'r.id', remedy }] of Object.entries(RULES)) {
        const where = broken(sql);
        const [row] = await sql.all<{ n: number }>(`SELECT COUNT(*) AS n ${where}`);
        const count = Number(row!.n);
        if (count === 0) continue;
        const sample = await sql.all<{ id: string }>(`SELECT ${id} AS id ${where} LIMIT ${SAMPLE}`);
        found.push({
          rule,
          about,
          count,
          sample: sample.map((one) => one.id),
          remedy: remedy?.words ?? null,
        });
      }
      return found;
    },
    sealed: async (after) => {
      const ids = await pageAfter(after);
      if (ids.length === 0) return [];
      const rows = await sql.all<SealedRow['sealed'] & { id: string }>(
        `SELECT id, ${SEALED.join(', ')} FROM requests WHERE id IN ${marksFor(ids)} ORDER BY id`,
        ids,
      );
      return rows.map(({ id, ...sealed }) => ({ id, sealed }));
    },
    mend: async (rule) => {
      const remedy = RULES[rule]?.remedy;
      return remedy ? sql.run(remedy.statement(sql)) : 0;
    },
  };
}
