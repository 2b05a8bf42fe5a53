/** What the tests of webhooks stand on: a real database, an outbox that fills by hand, and as many brokers as a test wants. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { mariadbAvailable, needMariadb } from '../../../../../../test/services/need.ts';
import { openDatabase, type Database } from '../../../engines/database/database.ts';
import { migrateDatabase } from '../../../engines/database/migrate.ts';
import type { Ledger } from '../../../engines/ledger/ledger.ts';
import { openMysqlLedger } from '../../../engines/ledger/mysql-ledger.ts';
import { openSqliteLedger } from '../../../engines/ledger/sqlite-ledger.ts';
import { dataKeyStore } from '../../../engines/vault/data-key-store.ts';
import type { Vault } from '../../../engines/vault/vault.ts';
import { openVault } from '../../../testing/open-vault.ts';
import { systemClock, type Clock } from '../../../kernel/clock.ts';
import { newId } from '../../../kernel/ids.ts';
import { silentLogger, type Logger } from '../../../kernel/logger.ts';
import type { Resolve } from '../ssrf-guard.ts';
import type { RequestSummary } from '../../requests/requests.ts';
import { endedRequest, openCallback, type Told } from './ended-request.ts';
import { type Stores, webhookStore, type WebhookStore } from '../webhook-store.ts';
import { createWebhooks, type LookUp, type Webhooks, type WebhookTimings } from '../webhooks.ts';

export interface RoomOptions {
  readonly timings?: Partial<WebhookTimings>;
  /** Also instead of the database's own. */
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly resolve?: Resolve;
  readonly allowCidrs?: readonly string[];
  /** Between the room and its store, to break what a test wants broken. */
  readonly through?: (store: WebhookStore) => WebhookStore;
  readonly deadRuns?: readonly string[];
  readonly lookUp?: LookUp;
}

export interface Bench {
  readonly database: Database;
  readonly stores: Stores;
  readonly ledger: Ledger;
  readonly vault: Vault;
  readonly keyId: string;
  /** Of a key, for callbacks. */
  readonly keySecret: string;
  /** The end of a request, as the ledger writes it. Resolves with the request's id. */
  event(part?: Told, type?: string): Promise<string>;
  /** A started room; it stops with its test. */
  room(options?: RoomOptions): Promise<Webhooks>;
  /** Rows of a table, as they are. */
  rows<Row extends object>(table: string): Promise<Row[]>;
}

/** Its tests run on SQLite, and on MariaDB where that is installed. */
export function describeWithWebhooks(name: string, tests: (bench: () => Bench) => void): void {
  describe(`${name}, on SQLite`, () => tests(useBench(openSqlite)));
  describe.skipIf(!mariadbAvailable)(`${name}, on MariaDB`, () => tests(useBench(openMariadb)));
}

interface Opened {
  readonly database: Database;
  remove(): Promise<void>;
}

function useBench(open: () => Promise<Opened>): () => Bench {
  let opened: Opened;
  let vault: Vault;
  let ledger: Ledger;
  let bench: Bench;
  const rooms: Webhooks[] = [];

  beforeAll(async () => {
    opened = await open();
    const { database } = opened;
    await migrateDatabase(database);
    vault = await openVault(randomBytes(32), dataKeyStore(database.sequelize));
    ledger = openLedger(database);
    const stores = { sequelize: database.sequelize, sql: ledger.sql };
    bench = benchOf({ database, stores, ledger, vault }, rooms);
  });
  afterEach(async () => {
    for (const room of rooms.splice(0)) await room.stop();
    for (const table of ['outbox', 'webhook_endpoints', 'webhook_deliveries', 'webhook_attempts'])
      await opened.database.sequelize.query(`DELETE FROM ${table}`);
  });
  afterAll(async () => {
    await ledger.close();
    await opened.database.close();
    await opened.remove();
  });
  return () => bench;
}

function openLedger({ mysqlUrl, sqliteFile }: Database): Ledger {
  return mysqlUrl === null ? openSqliteLedger(sqliteFile!) : openMysqlLedger(mysqlUrl);
}

function benchOf(
  { database, stores, ledger, vault }: Pick<Bench, 'database' | 'stores' | 'ledger' | 'vault'>,
  rooms: Webhooks[],
): Bench {
  const { sequelize } = database;
  const requests = new Map<string, RequestSummary>();
  const keyId = newId('key');
  const keySecret = `whsec_${randomBytes(32).toString('base64')}`;
  return {
    ...{ database, stores, ledger, vault, keyId, keySecret },
    event: async (part = {}, type = 'request.completed') => {
      const id = newId('req');
      requests.set(id, endedRequest({ keyId, ...part }));
      await sequelize.query('INSERT INTO outbox (request_id, key_id, type, created_at) VALUES (?, ?, ?, ?)', {
        replacements: [id, part.keyId ?? keyId, type, 1_800_000_000_000],
      });
      return id;
    },
    room: async (options = {}) => {
      const store = webhookStore(stores, options.clock);
      const room = createWebhooks({
        store: options.through?.(store) ?? store,
        vault,
        clock: options.clock ?? systemClock,
        logger: options.logger ?? silentLogger,
        run: newId('run'),
        deadRuns: options.deadRuns ?? [],
        logMs: () => 30 * 24 * 3_600_000,
        secretOf: async () => keySecret,
        openCallback,
        lookUp: options.lookUp ?? (async () => requests),
        allowCidrs: options.allowCidrs ?? ['127.0.0.0/8'],
        resolve: options.resolve,
        timings: { sweepMs: 20, stopGraceMs: 0, ...options.timings },
      });
      rooms.push(room);
      await room.start();
      return room;
    },
    rows: async <Row extends object>(table: string) => {
      const [rows] = await sequelize.query(`SELECT * FROM ${table}`);
      return rows as Row[];
    },
  };
}

async function openSqlite(): Promise<Opened> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fila-webhooks-'));
  const database = openDatabase({ databaseUrl: null, dataDir });
  return { database, remove: () => rm(dataDir, { recursive: true }) };
}

async function openMariadb(): Promise<Opened> {
  const mariadb = await needMariadb();
  const database = openDatabase({ databaseUrl: await mariadb.createDatabase(), dataDir: '' });
  return { database, remove: async () => undefined };
}

/** Waits until a state is reached; its test fails by its timeout when it never is. */
export async function until(isReached: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isReached())) await new Promise((resolve) => setTimeout(resolve, 5));
}
