/** For tests of the audit trail: a broker's room on a database, more brokers on the same one, and bare SQL to tamper with it. */
import { dirname } from 'node:path';
import { onTestFinished } from 'vitest';
import { openDatabase, type Database } from '../../../engines/database/database.ts';
import type { AuditRow } from '../../../kernel/contract.generated.ts';
import { silentLogger, type Logger } from '../../../kernel/logger.ts';
import type { Engines } from '../../../testing/databases.ts';
import { createAudit, type Act, type ActCall, type Audit } from '../audit.ts';
import { auditStore } from '../audit-store.ts';

export const ACT: Act = { name: 'things.change', kind: 'thing', isOneTransaction: true };

export function callBy(id: string, more: Partial<ActCall> = {}): ActCall {
  return {
    ...{ actor: { kind: 'user', id, name: null }, ip: '10.0.0.1', requestId: 'call-1', reason: null },
    ...{ params: { id: 'thing-1' }, body: undefined, ...more },
  };
}

export interface AuditBench {
  readonly clock: { nowMs: number; now(): number };
  room(more?: { logger?: Logger; database?: Database }): Audit;
  /** Another broker's connections to the same database. */
  otherDatabase(): Database;
  sql(statement: string): Promise<void>;
  /** One row of the trail for each. */
  fill(audit: Audit, count: number): Promise<void>;
  rows(audit: Audit): Promise<AuditRow[]>;
}

export function auditBench(engines: Engines): AuditBench {
  const clock = { nowMs: 1_800_000_000_000, now: () => clock.nowMs };
  const { database, vault } = engines;
  return {
    clock,
    room: ({ logger = silentLogger, database: other = database } = {}) =>
      createAudit({
        ...{ store: auditStore(other.sequelize), together: other.together, vault, clock, logger },
      }),
    otherDatabase: () => {
      const { mysqlUrl, sqliteFile } = database;
      const other = openDatabase({ databaseUrl: mysqlUrl, dataDir: dirname(sqliteFile ?? '') });
      onTestFinished(() => other.close());
      return other;
    },
    sql: async (statement) => {
      await database.sequelize.query(statement);
    },
    fill: async (audit, count) => {
      for (let n = 0; n < count; n++) await audit.perform(ACT, callBy(`filler-${n}`), async () => n);
    },
    rows: async (audit) => (await audit.list({ order: 'oldest', limit: 1000 })).items,
  };
}
