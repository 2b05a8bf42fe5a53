/** The clean-up of what the rooms really keep, on each database. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createCleanUp, type Leftovers } from './features/clean-up/clean-up.ts';
import { operationStore } from './features/operations/operation-store.ts';
import { webhookStore } from './features/webhooks/webhook-store.ts';
import { newId } from './kernel/ids.ts';
import { silentLogger } from './kernel/logger.ts';
import { DATABASES } from './testing/databases.ts';

const DAY_MS = 24 * 3_600_000;

async function start(leftovers: readonly Leftovers[]): Promise<void> {
  const cleanUp = createCleanUp({ leftovers, logger: silentLogger, everyMs: 1 });
  onTestFinished(() => cleanUp.stop());
  await cleanUp.start();
}

describe.each(DATABASES)('on $name', ({ isAvailable, open }) => {
  it.skipIf(!isAvailable)('what is too old goes in batches, whoever asks, and the rest stays', async () => {
    const { database, ledger, vault } = await open();
    const { sequelize } = database;
    const rows = async (table: string): Promise<number> => {
      const [[row]] = (await sequelize.query(`SELECT COUNT(*) AS n FROM ${table}`)) as [[{ n: number }], 0];
      return Number(row.n);
    };
    const insert = (table: string, more: object[]) => sequelize.getQueryInterface().bulkInsert(table, more);
    const now = Date.now();
    const [old, young] = [now - 31 * DAY_MS, now - 29 * DAY_MS];
    const OLD = 450;

    const seal = (row: string) =>
      vault.seal({ table: 'operations', row, column: 'filter' }, Buffer.from('{}'));
    const operation = (ended_at: number | null, state = 'completed') => {
      const id = newId('op');
      return { id, kind: 'k', state, filter: seal(id), rate: 1, created_at: old, ended_at };
    };
    await insert('operations', [
      ...Array.from({ length: OLD }, () => operation(old)),
      ...[operation(young), operation(null, 'running')],
    ]);

    const delivery = (completed_at: number | null) => ({
      ...{ id: newId('dlv'), message_id: newId('req'), request_id: newId('req'), key_id: newId('key') },
      ...{ receiver: 'callback', type: 'request.completed', original: 1, host: 'a.example', attempts: 1 },
      ...{ state: completed_at === null ? 'pending' : 'delivered', created_at: old, completed_at },
      body: Buffer.from('sealed'),
    });
    const deliveries = [...Array.from({ length: OLD }, () => delivery(old)), delivery(young), delivery(null)];
    await insert('webhook_deliveries', deliveries);
    await insert(
      'webhook_attempts',
      deliveries.map(({ id }) => ({ delivery_id: id, attempt: 1, ended_at: old })),
    );

    const key = (index: number, created_at: number) => {
      const digest = Buffer.alloc(32);
      digest.writeUInt32BE(index);
      return {
        ...{ key_id: newId('key'), digest, fingerprint: digest, request_id: newId('req'), created_at },
      };
    };
    await insert('idempotency_keys', [
      ...Array.from({ length: 1_200 }, (_, index) => key(index, now - 2 * DAY_MS + index)),
      key(1, now - DAY_MS / 2),
    ]);

    const [here, there] = [
      webhookStore({ sequelize, sql: ledger.sql }).deliveries,
      webhookStore({ sequelize, sql: ledger.sql }).deliveries,
    ];
    const operations = operationStore(sequelize);
    const all: Leftovers[] = [
      { what: 'keys', forget: () => ledger.sweeps.forgetIdempotencyKeys(DAY_MS) },
      { what: 'deliveries', forget: () => here.forget(30 * DAY_MS) },
      { what: 'operations', forget: () => operations.forget(30 * DAY_MS) },
    ];
    const first = await Promise.all(all.map(({ forget }) => forget()));
    expect(first).toEqual([500, 200, 200]);
    await start(all);
    await start([{ what: 'deliveries', forget: () => there.forget(30 * DAY_MS) }]);
    await vi.waitFor(
      async () => {
        expect(await Promise.all(TABLES.map(rows))).toEqual([1, 2, 2, 2]);
      },
      { timeout: 10_000 },
    );
  });
});

const TABLES = ['idempotency_keys', 'webhook_deliveries', 'webhook_attempts', 'operations'];
