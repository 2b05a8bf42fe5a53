/** Finds deliveries that hang in the air and ends of requests that were not told, window after window through the tables. */
import { setImmediate } from 'node:timers/promises';
import { QueryTypes, type Sequelize } from 'sequelize';
import type { Clock } from '../../kernel/clock.ts';
import { STATE } from '../../engines/ledger/ledger.ts';
import { databaseTime } from './delivery-log-store.ts';
import { CALLBACK } from './webhook-events.ts';

/** Ids after the first, up to and with the second. */
export type Window = readonly [after: string, upTo: string];

/** A receiver that has no delivery of a request's end. */
export interface Untold {
  readonly requestId: string;
  readonly keyId: string;
  readonly state: number;
  readonly completedAt: number;
  readonly receiver: string;
}

export interface DeliveryCheckStore {
  /** Few enough rows each that a statement on one is short, and others come in between. */
  windows(table: 'requests' | 'webhook_deliveries'): AsyncIterable<Window>;
  /** Ends that are younger than this and whose deliveries the log must therefore still have. */
  untold(window: Window, logMs: number): Promise<Untold[]>;
  broken(rule: DeliveryRule, window: Window): Promise<string[]>;
  /** Looks again at each of them; how many were changed. */
  mend(rule: DeliveryRule, ids: readonly string[]): Promise<number>;
}

export type DeliveryRule = keyof typeof DELIVERY_RULES;

interface Rule {
  readonly about: string;
  readonly words: string;
  readonly broken: (now: string) => string;
  /** What the mending sets; null: it deletes. */
  readonly change: ((now: string) => string) | null;
}

/** What is done within seconds has not been done for this long. */
const LATE_MS = 60_000;
/** No attempt is claimed for longer. */
const LONGEST_CLAIM_MS = 600_000;
/** Between the clocks of brokers and database. */
const SKEW_MS = 5_000;
const WINDOW_ROWS = 1_000;
const BEYOND_ALL_IDS = '~';

const gone = (table: string, column: string): string =>
  `NOT EXISTS (SELECT 1 FROM ${table} o WHERE o.id = webhook_deliveries.${column})`;

export const DELIVERY_RULES = {
  'delivery-claim-is-alive': {
    about: 'deliveries that are claimed by a run that is dead',
    words: 'due again',
    broken: (now) =>
      `state = 'pending' AND lease_owner IS NOT NULL AND (next_at < ${now} - ${LATE_MS} OR next_at > ${now} + ${LONGEST_CLAIM_MS})`,
    change: (now) => `lease_owner = NULL, next_at = ${now}`,
  },
  'pending-delivery-is-due': {
    about: 'deliveries on their way that nobody will ever take',
    words: 'due now',
    broken: () => `state = 'pending' AND (due_host IS NULL OR next_at IS NULL)`,
    change: (now) => `due_host = host, next_at = ${now}, lease_owner = NULL`,
  },
  'ended-delivery-rests': {
    about: 'deliveries that have ended and would be taken again',
    words: 'taken out of the queue',
    broken: () => `state <> 'pending' AND (due_host IS NOT NULL OR lease_owner IS NOT NULL)`,
    change: () => 'due_host = NULL, next_at = NULL, lease_owner = NULL',
  },
  'delivery-has-request': {
    about: 'deliveries of requests that do not exist',
    words: 'removed',
    broken: () => `request_id IS NOT NULL AND ${gone('requests', 'request_id')}`,
    change: null,
  },
  'delivery-has-endpoint': {
    about: 'deliveries on their way to webhooks that do not exist',
    words: 'ended',
    broken: (now) =>
      `state = 'pending' AND receiver <> '${CALLBACK}' AND created_at < ${now} - ${LATE_MS} AND ${gone('webhook_endpoints', 'receiver')}`,
    change: (now) =>
      `state = 'failed', error = 'endpoint_deleted', completed_at = ${now}, due_host = NULL, next_at = NULL, lease_owner = NULL`,
  },
} as const satisfies Record<string, Rule>;

/** `clock` stands in for the database's own, in tests. */
export function deliveryCheckStore(sequelize: Sequelize, clock?: Clock): DeliveryCheckStore {
  const now = (): string => (clock ? String(clock.now()) : databaseTime(sequelize));
  const select = <Row extends object>(sql: string, replacements: unknown[]): Promise<Row[]> =>
    sequelize.query<Row>(sql, { type: QueryTypes.SELECT, replacements });

  async function* windows(table: string): AsyncGenerator<Window> {
    for (let after = ''; ;) {
      const [last] = await select<{ id: string }>(
        `SELECT id FROM ${table} WHERE id > ? ORDER BY id LIMIT 1 OFFSET ${WINDOW_ROWS - 1}`,
        [after],
      );
      yield [after, last?.id ?? BEYOND_ALL_IDS];
      if (!last) return;
      after = last.id;
      await setImmediate();
    }
  }

  return {
    windows,
    untold: async (window, logMs) => {
      const ended = `r.id > ? AND r.id <= ? AND r.notify = 1 AND r.state IN (${Object.keys(TYPES).join(',')})
        AND r.completed_at > ${now()} - ? AND r.completed_at < ${now()} - ${LATE_MS}
        AND r.id NOT IN (SELECT request_id FROM outbox)`;
      const rows = await select<Untold>(
        `SELECT ${COLUMNS}, '${CALLBACK}' AS receiver FROM requests r
         WHERE ${ended} AND r.callback IS NOT NULL AND ${noDelivery(`'${CALLBACK}'`)}
         UNION ALL
         SELECT ${COLUMNS}, e.id AS receiver FROM requests r
         JOIN webhook_endpoints e ON e.key_id = r.key_id AND e.subscribed_at <= r.completed_at - ${SKEW_MS}
         WHERE ${ended} AND ${WANTED} AND ${noDelivery('e.id')}`,
        [...window, logMs, ...window, logMs],
      );
      return rows.map((row) => ({
        ...row,
        state: Number(row.state),
        completedAt: Number(row.completedAt),
      }));
    },
    broken: async (rule, window) => {
      const rows = await select<{ id: string }>(
        `SELECT id FROM webhook_deliveries WHERE id > ? AND id <= ? AND ${DELIVERY_RULES[rule].broken(now())}`,
        [...window],
      );
      return rows.map(({ id }) => id);
    },
    mend: async (rule, ids) => {
      if (ids.length === 0) return 0;
      const { change, broken }: Rule = DELIVERY_RULES[rule];
      const which = `WHERE id IN (?) AND ${broken(now())}`;
      if (change !== null) {
        const sql = `UPDATE webhook_deliveries SET ${change(now())} ${which}`;
        return (await sequelize.query(sql, { type: QueryTypes.UPDATE, replacements: [ids] }))[1];
      }
      await sequelize.query('DELETE FROM webhook_attempts WHERE delivery_id IN (?)', { replacements: [ids] });
      return sequelize.query(`DELETE FROM webhook_deliveries ${which}`, {
        ...{ type: QueryTypes.BULKDELETE, replacements: [ids] },
      });
    },
  };
}

/** What the outbox would have said of each state. */
export const TYPES: Readonly<Record<number, string>> = {
  [STATE.completed]: 'request.completed',
  [STATE.failed]: 'request.failed',
  [STATE.cancelled]: 'request.cancelled',
  [STATE.expired]: 'request.expired',
};
const COLUMNS = 'r.id AS requestId, r.key_id AS keyId, r.state AS state, r.completed_at AS completedAt';
const TYPE_CASES = Object.entries(TYPES).map(([state, type]) => `WHEN ${state} THEN ' ${type} '`);
const WANTED = `(e.events IS NULL OR INSTR(CONCAT(' ', e.events, ' '), CASE r.state ${TYPE_CASES.join(' ')} END) > 0)`;

function noDelivery(receiver: string): string {
  return `NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.request_id = r.id AND d.receiver = ${receiver})`;
}
