/** Every inconsistency that verify knows, made by hand on each database: it is named, and mended where that is possible. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from './kernel/clock.ts';
import { newId } from './kernel/ids.ts';
import { ALL_RIGHTS } from './kernel/key-rights.ts';
import { silentLogger } from './kernel/logger.ts';
import { DATABASES, type Engines } from './testing/databases.ts';
import { createRequests } from './features/requests/requests.ts';
import { startReceiver } from './features/webhooks/testing/receiver.ts';
import { until } from './features/webhooks/testing/webhook-bench.ts';
import { webhookStore } from './features/webhooks/webhook-store.ts';
import { createWebhooks } from './features/webhooks/webhooks.ts';
import { createVerify } from './features/verify/verify.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const OWNER = newId('run');
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const TABLES = ['requests', 'outbox', 'idempotency_keys', 'webhook_endpoints', 'webhook_deliveries'];

function house({ ledger, activeLanes, vault, database }: Engines) {
  const keyId = newId('key');
  const requests = createRequests({
    offerLane: () => false,
    makeRoom: () => null,
    ...{
      ledger,
      activeLanes,
      vault,
      clock: systemClock,
      logger: silentLogger,
      defaultModel: () => 'llama3:8b',
    },
    ...{ hasReceivers: async () => true, problemOfCallback: () => null },
  });
  const store = webhookStore({ sequelize: database.sequelize, sql: ledger.sql });
  const webhooks = createWebhooks({
    ...{ store, vault, clock: systemClock, logger: silentLogger, run: newId('run'), deadRuns: [] },
    ...{ secretOf: async () => SECRET, lookUp: (id) => requests.describe(id), logMs: () => 30 * DAY_MS },
    openCallback: requests.openCallback,
    ...{ allowCidrs: ['127.0.0.0/8'], timings: { sweepMs: 20 } },
  });
  const checks = [ledger.checks, requests.checks, webhooks.checks];
  const verify = createVerify({ ledger, activeLanes, logger: silentLogger, checks });
  const key = {
    id: keyId,
    name: 'k',
    expiresAt: null,
    limitMinute: 0,
    limitHour: 0,
    limitDay: 0,
    rights: ALL_RIGHTS,
    ...{ plan: null, limitBurst: 0, limitTokensDay: 0, maxQueued: 0, maxConcurrent: 0, weight: 0 },
  };

  async function accepted(callback_url?: string, idempotencyKey: string | null = null): Promise<string> {
    const input = { prompt: 'hello', ...(callback_url ? { callback_url } : {}) };
    const arrival = { key, input, idempotencyKey };
    const last = () => Promise.reject(new Error('accept is the last stage'));
    return (await requests.accept(arrival, last)).request.id;
  }
  async function claim(id: string) {
    const { laneId } = (await ledger.find(id))!;
    const claimed = await ledger.claim({ laneId, limit: 100, owner: OWNER, leaseMs: 30_000 });
    return claimed.find((row) => row.id === id)!;
  }
  return {
    ...{ keyId, webhooks, store, accepted, claim },
    /** A request that has ended two minutes ago. */
    completed: async (callback_url?: string): Promise<string> => {
      const id = await accepted(callback_url);
      const { fence, notify } = await claim(id);
      const result = requests.sealResult(id, { text: 'hi', finish_reason: 'stop' });
      await ledger.settle({
        ...{ id, fence, owner: OWNER, notify, to: 'completed', countsAttempt: true, result },
      });
      await database.sequelize.query(
        `UPDATE requests SET completed_at = completed_at - ${2 * MINUTE_MS} WHERE id = '${id}'`,
      );
      return id;
    },
    sql: async <Row extends object>(statement: string): Promise<Row[]> =>
      (await database.sequelize.query(statement))[0] as Row[],
    found: async (): Promise<Record<string, string[]>> =>
      Object.fromEntries(
        (await verify.run({ fix: false })).problems.map(({ rule, sample }) => [rule, sample.sort()]),
      ),
    fixed: async (): Promise<Record<string, number>> =>
      Object.fromEntries((await verify.run({ fix: true })).problems.map(({ rule, fixed }) => [rule, fixed])),
  };
}

describe.each(DATABASES)('verify on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('', () => {
    let engines: Engines | undefined;
    let here: ReturnType<typeof house>;
    beforeEach(async () => {
      engines ??= await open();
      here = house(engines);
      for (const table of TABLES) await here.sql(`DELETE FROM ${table}`);
    });

    /** The room runs, and has told receivers of one request; the endpoint stands since long. */
    async function told() {
      const [callback, endpoint] = [await startReceiver(), await startReceiver()];
      callback.secrets.push(SECRET);
      const { id, secret } = await here.webhooks.endpoints.create(here.keyId, { url: endpoint.url });
      endpoint.secrets.push(secret);
      const events = ['request.failed' as const];
      await here.webhooks.endpoints.create(here.keyId, { url: endpoint.url, events });
      await here.sql(`UPDATE webhook_endpoints SET subscribed_at = 1`);
      await here.webhooks.start();
      onTestFinished(() => here.webhooks.stop());
      const requestId = await here.completed(callback.url);
      here.webhooks.wake();
      const deliveries = () => here.sql<{ state: string }>('SELECT state FROM webhook_deliveries');
      await until(async () => (await deliveries()).filter(({ state }) => state === 'delivered').length === 2);
      return { callback, endpoint, endpointId: id, requestId };
    }

    it('finds nothing where everything was told, or is not to be told', async () => {
      await told();
      expect(await here.found()).toEqual({});
    });

    it('names each receiver that was not told, and tells it under the id it would have had', async () => {
      const { callback, endpoint, endpointId, requestId } = await told();
      await here.sql('DELETE FROM webhook_deliveries');
      expect(await here.found()).toEqual({
        'ended-request-is-told': [`${requestId}/callback`, `${requestId}/${endpointId}`],
      });
      expect(await here.fixed()).toEqual({ 'ended-request-is-told': 2 });
      await until(() => callback.heard.length + endpoint.heard.length === 4);
      for (const { heard } of [callback, endpoint]) expect(heard[1]!.id).toBe(heard[0]!.id);
      expect(await here.fixed()).toEqual({});
      expect(await here.sql('SELECT id FROM webhook_deliveries')).toHaveLength(2);
    });

    it.each([
      ['ended before the log begins', `UPDATE requests SET completed_at = completed_at - ${30 * DAY_MS}`],
      ['ended a moment ago', `UPDATE requests SET completed_at = completed_at + ${2 * MINUTE_MS}`],
      ['ended before the endpoint wanted it', `UPDATE webhook_endpoints SET subscribed_at = ${Date.now()}`],
      [
        'still stands in the outbox',
        `INSERT INTO outbox (request_id, key_id, type, created_at) SELECT id, key_id, 'request.completed', ${Date.now()} FROM requests`,
      ],
    ])('misses no delivery of what %s', async (_what, statement) => {
      await here.webhooks.endpoints.create(here.keyId, { url: 'https://a.example/' });
      await here.sql(`UPDATE webhook_endpoints SET subscribed_at = 1`);
      await here.completed();
      await here.sql('DELETE FROM outbox');
      expect(Object.values(await here.found()).flat()).toHaveLength(1);
      await here.sql(statement);
      expect(await here.found()).toEqual({});
    });

    it.each([
      [
        'delivery-claim-is-alive',
        `lease_owner = 'run_dead', next_at = ${Date.now() - 2 * MINUTE_MS}`,
        { state: 'pending', lease_owner: null },
      ],
      [
        'delivery-claim-is-alive',
        `lease_owner = 'run_dead', next_at = ${Date.now() + DAY_MS}`,
        { state: 'pending', lease_owner: null },
      ],
      ['pending-delivery-is-due', 'due_host = NULL', { due_host: 'a.example' }],
      ['pending-delivery-is-due', 'next_at = NULL', { due_host: 'a.example' }],
      [
        'ended-delivery-rests',
        `state = 'delivered', completed_at = 1`,
        { state: 'delivered', due_host: null, next_at: null },
      ],
      [
        'delivery-has-endpoint',
        `receiver = 'whk_00000000000000000000000000', created_at = 1`,
        { state: 'failed', error: 'endpoint_deleted', due_host: null },
      ],
      ['delivery-has-request', `request_id = 'req_00000000000000000000000000'`, undefined],
    ])('%s: names a delivery with %s, and mends it', async (rule, damage, expected) => {
      const requestId = await here.completed();
      await here.sql('DELETE FROM outbox');
      const [whole, broken] = [1, 2].map((n) => ({
        ...{ id: newId('dlv'), messageId: newId('req'), requestId, keyId: here.keyId, type: `t${n}` },
        ...{ receiver: 'callback', replayedFrom: null, host: 'a.example', url: Buffer.from('') },
        ...{ body: Buffer.from(''), createdAt: Date.now() },
      }));
      await here.store.deliveries.add([whole!, broken!]);
      expect(await here.found()).toEqual({});
      await here.sql(`UPDATE webhook_deliveries SET ${damage} WHERE id = '${broken!.id}'`);
      expect(await here.found()).toEqual({ [rule]: [broken!.id] });
      expect(await here.fixed()).toEqual({ [rule]: 1 });
      expect(await here.found()).toEqual({});
      const [row] = await here.sql(`SELECT * FROM webhook_deliveries WHERE id = '${broken!.id}'`);
      expect(row).toEqual(expected === undefined ? undefined : expect.objectContaining(expected));
      expect(await here.sql(`SELECT * FROM webhook_deliveries WHERE id = '${whole!.id}'`)).toHaveLength(1);
    });

    it.each(['body', 'result', 'callback'])(
      'names a request whose %s was changed or moved',
      async (column) => {
        const [one, other] = [
          await here.completed('https://a.example/'),
          await here.completed('https://a.example/'),
        ];
        await here.sql('DELETE FROM outbox');
        await here.sql('UPDATE requests SET notify = 0');
        expect(await here.found()).toEqual({});
        const [row] = await here.sql<{ value: Buffer }>(
          `SELECT ${column} AS value FROM requests WHERE id = '${other}'`,
        );
        await here.sql(
          `UPDATE requests SET ${column} = x'${Buffer.from(row!.value).toString('hex')}' WHERE id = '${one}'`,
        );
        expect(await here.found()).toEqual({ 'content-opens': [`${one}/${column}`] });
        expect(await here.fixed()).toEqual({ 'content-opens': 0 });
      },
    );

    it('reads large contents page by page, and finds what is broken on the last', async () => {
      const ids = [];
      for (let n = 0; n < 4; n++) ids.push(await here.accepted());
      await here.sql(
        `UPDATE requests SET body = ${LARGE[engines!.database.dialect]} WHERE id <> '${ids[3]}'`,
      );
      await here.sql(`UPDATE requests SET body = x'00' WHERE id = '${ids[3]}'`);
      const pages: number[] = [];
      for (let after = ''; ;) {
        const page = await engines!.ledger.checks.sealed(after);
        if (page.length === 0) break;
        pages.push(page.length);
        after = page.at(-1)!.id;
      }
      expect(pages).toEqual([1, 1, 2]);
      expect((await here.found())['content-opens']).toEqual(ids.map((id) => `${id}/body`));
    });

    it('gives back requests whose lease was over long ago, and forgets keys of nothing', async () => {
      const id = await here.accepted(undefined, 'once');
      await here.claim(id);
      await here.sql(`UPDATE requests SET lease_until = 1`);
      expect(await here.found()).toEqual({ 'rescued-in-time': [id] });
      expect(await here.fixed()).toEqual({ 'rescued-in-time': 1 });
      expect(await engines!.ledger.find(id)).toMatchObject({ state: 'pending', deliveries: 1 });
      await here.sql('DELETE FROM requests');
      expect(await here.found()).toEqual({ 'idempotency-key-has-request': [id] });
      expect(await here.fixed()).toEqual({ 'idempotency-key-has-request': 1 });
      expect(await here.found()).toEqual({});
    });
  });
});

/** Five million bytes. */
const LARGE = { sqlite: 'zeroblob(5000000)', mysql: `REPEAT(x'00', 5000000)` };
