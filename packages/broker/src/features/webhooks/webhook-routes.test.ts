/** The routes of webhooks over real HTTP: what a key's owner may do, what nobody else may see, and the contract's shapes. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { expect, it, onTestFinished } from 'vitest';
import type { WebhookDelivery, WebhookDeliveryDetails } from '../../kernel/contract.generated.ts';
import { newId } from '../../kernel/ids.ts';
import { NO_LIMITS } from '../../kernel/key-limits.ts';
import { ALL_RIGHTS } from '../../kernel/key-rights.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { keyOf } from '../../http/authenticate.ts';
import { SCHEMAS } from '../../http/contract.ts';
import { buildApp } from '../../http/server.ts';
import { startReceiver } from './testing/receiver.ts';
import { describeWithWebhooks, until, type Bench, type RoomOptions } from './testing/webhook-bench.ts';
import { webhookRoutes } from './webhook-routes.ts';

const PATH = '/api/v1/webhooks';
const OTHER = newId('key');
const validator = new Ajv2020({ strict: false, allErrors: true });
ajvFormats.default(validator);
for (const schema of SCHEMAS) validator.addSchema(schema);

/** Calls as the bench's key, or as another, and holds each answer to its schema. */
async function serve(bench: Bench, options: RoomOptions = {}) {
  const webhooks = await bench.room(options);
  const app = buildApp({
    ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1_048_576, adminToken: 'admin', logger: silentLogger },
    acceptKey: async (secret) => ({
      ...{ id: secret === 'other' ? OTHER : bench.keyId, name: secret, expiresAt: null },
      ...{ ...NO_LIMITS, plan: null, rights: ALL_RIGHTS },
    }),
    routes: [webhookRoutes({ webhooks, keyOf })],
  });
  onTestFinished(() => app.close());
  return async <Body = Record<string, unknown>>(
    call: string,
    schema: string,
    options: { body?: object; as?: string } = {},
  ): Promise<{ status: number; body: Body }> => {
    const [method, path] = call.split(' ') as ['GET', string];
    const answer = await app.inject({
      ...{ method, url: `${PATH}${path}`, payload: options.body },
      headers: { authorization: `Bearer ${options.as ?? 'own'}` },
    });
    const body = answer.json<Body>();
    expect(validator.validate(schema, body), JSON.stringify([body, validator.errors])).toBe(true);
    return { status: answer.statusCode, body };
  };
}

describeWithWebhooks('the routes of webhooks', (bench) => {
  it('manage an endpoint from its creation to its end', async () => {
    const call = await serve(bench());
    const url = 'https://receiver.example/hook?token=1';
    const made = await call('POST ', 'CreatedWebhook', { body: { url, events: ['request.failed'] } });
    expect(made).toMatchObject({ status: 201, body: { url, events: ['request.failed'], status: 'enabled' } });
    const id = String(made.body['id']);
    const { secret: _secret, ...webhook } = made.body;
    expect((await call(`GET /${id}`, 'Webhook')).body).toEqual(webhook);
    expect((await call('GET ', 'WebhookList')).body).toEqual({ items: [webhook], next_cursor: null });
    const changed = await call(`PUT /${id}`, 'Webhook', { body: { events: null } });
    expect(changed.body).toMatchObject({ url, events: null });
    const rotated = await call(`POST /${id}/rotate?overlap_seconds=60`, 'CreatedWebhook');
    expect(rotated.body['secret']).not.toBe(made.body['secret']);
    expect(rotated.body['previous_secret_until']).not.toBeNull();
    expect((await call(`POST /${id}/enable`, 'Webhook')).body).toMatchObject({ status: 'enabled' });
    expect((await call(`DELETE /${id}`, 'Webhook')).body).toMatchObject({ id });
    expect(await call(`GET /${id}`, 'Problem')).toMatchObject({ status: 404 });
  });

  it('show nothing of one key to another', async () => {
    const call = await serve(bench());
    const { body } = await call('POST ', 'CreatedWebhook', { body: { url: 'https://receiver.example/' } });
    const id = String(body['id']);
    const test = await call(`POST /${id}/test`, 'WebhookDelivery');
    const since = '2026-01-01T00:00:00Z';
    for (const [what, sent] of [
      [`GET /${id}`, undefined],
      [`PUT /${id}`, { events: null }],
      [`DELETE /${id}`, undefined],
      [`POST /${id}/rotate`, undefined],
      [`POST /${id}/enable`, undefined],
      [`POST /${id}/test`, undefined],
      [`GET /deliveries/${String(test.body['id'])}`, undefined],
      [`POST /${id}/redeliver`, { since }],
      [`POST /deliveries/${String(test.body['id'])}/redeliver`, undefined],
      ['GET /whk_nothing', undefined],
      ['GET /deliveries/dlv_nothing', undefined],
      ['POST /deliveries/dlv_nothing/redeliver', undefined],
    ] as const)
      expect(await call(what, 'Problem', { body: sent, as: 'other' }), what).toMatchObject({ status: 404 });
    expect((await call('GET ', 'WebhookList', { as: 'other' })).body).toMatchObject({ items: [] });
    for (const query of ['', `?endpoint_id=${id}`])
      expect(
        (await call(`GET /deliveries${query}`, 'WebhookDeliveryList', { as: 'other' })).body,
      ).toMatchObject({ items: [] });
  });

  it('refuse what cannot be a receiver, and say where it is wrong', async () => {
    const call = await serve(bench());
    for (const url of [
      'ftp://a.example/',
      'https://u:p@a.example/',
      'http://10.0.0.1/',
      'http://[::1]/',
      'x',
    ])
      expect(await call('POST ', 'Problem', { body: { url } }), url).toMatchObject({
        status: 422,
        body: { code: 'validation_failed', errors: [{ pointer: '/url' }] },
      });
    const { body } = await call('POST ', 'CreatedWebhook', { body: { url: 'https://a.example/' } });
    const update = { body: { url: 'http://169.254.169.254/' } };
    expect(await call(`PUT /${String(body['id'])}`, 'Problem', update)).toMatchObject({ status: 422 });
    for (const wrong of [
      {},
      { url: 1 },
      { url: 'https://a.example/', events: ['request.done'] },
      { uri: '' },
    ])
      expect(await call('POST ', 'Problem', { body: wrong })).toMatchObject({ status: 422 });
    expect(await call('GET ?cursor=key_1', 'Problem')).toMatchObject({ status: 400 });
  });

  it('list page by page, and end at twenty endpoints', async () => {
    const call = await serve(bench());
    for (let n = 0; n < 20; n++)
      await call('POST ', 'CreatedWebhook', { body: { url: `https://${n}.example/` } });
    const more = await call('POST ', 'Problem', { body: { url: 'https://more.example/' } });
    expect(more).toMatchObject({ status: 409, body: { code: 'conflict' } });
    const urls: string[] = [];
    let cursor: string | null = '';
    do {
      const page: { body: { items: { url: string }[]; next_cursor: string | null } } = await call(
        `GET ?limit=7${cursor && `&cursor=${cursor}`}`,
        'WebhookList',
      );
      urls.push(...page.body.items.map(({ url }) => url));
      cursor = page.body.next_cursor;
    } while (cursor !== null);
    expect(urls).toEqual(Array.from({ length: 20 }, (_, n) => `https://${19 - n}.example/`));
  });

  it('show each delivery with its answer, and deliver again under the same message id', async () => {
    const call = await serve(bench());
    const receiver = await startReceiver(() => ({ status: 400, body: `no ${'x'.repeat(200_000)}` }));
    const { body } = await call('POST ', 'CreatedWebhook', { body: { url: receiver.url } });
    const id = String(body['id']);
    receiver.secrets.push(String(body['secret']));
    const sent = await call<WebhookDelivery>(`POST /${id}/test`, 'WebhookDelivery');
    expect(sent).toMatchObject({
      status: 202,
      body: { type: 'webhook.test', status: 'pending', attempts: 0 },
    });
    const log = async (query = ''): Promise<WebhookDelivery[]> =>
      (
        await call<{ items: WebhookDelivery[] }>(
          `GET /deliveries?endpoint_id=${id}${query}`,
          'WebhookDeliveryList',
        )
      ).body.items;
    await until(async () => (await log())[0]!.status === 'failed');
    const [failed] = await log('&status=failed');
    expect(failed).toMatchObject({
      ...{ id: sent.body.id, webhook_id: id, attempts: 1, response_status: 400, error: 'status' },
      ...{ next_attempt_at: null, replayed_from: null, request_id: null },
    });
    expect(failed!.response_excerpt).toHaveLength(1024);
    expect(failed!.latency_ms).toBeGreaterThanOrEqual(0);

    receiver.reply = () => ({ status: 200, body: 'thank you' });
    const again = await call<WebhookDelivery>(`POST /deliveries/${failed!.id}/redeliver`, 'WebhookDelivery');
    expect(again).toMatchObject({
      status: 202,
      body: { message_id: failed!.message_id, replayed_from: failed!.id, status: 'pending' },
    });
    await until(async () => (await log('&status=delivered')).length === 1);
    expect(receiver.heard.map((one) => one.id)).toEqual([failed!.message_id, failed!.message_id]);
    expect((await log())[0]).toMatchObject({ id: again.body.id, response_excerpt: 'thank you' });
  });

  it('keep one log of callbacks and endpoints, found by receiver, request, status and type, page by page', async () => {
    const call = await serve(bench());
    const receiver = await startReceiver((_, count) => ({ status: count === 1 ? 503 : 204 }));
    receiver.secrets.push(bench().keySecret);
    const endpoint = await startReceiver();
    const { body } = await call('POST ', 'CreatedWebhook', { body: { url: endpoint.url } });
    endpoint.secrets.push(String(body['secret']));
    const requests: string[] = [];
    for (const type of ['request.completed', 'request.failed'])
      requests.push(await bench().event({ callbackUrl: receiver.url }, type));
    type Page = { items: WebhookDelivery[]; next_cursor: string | null };
    const log = async (query: string): Promise<Page> =>
      (await call<Page>(`GET /deliveries${query}`, 'WebhookDeliveryList')).body;
    await until(async () => (await log('?status=delivered')).items.length === 3);

    const all = (await log('')).items;
    expect(all.map(({ id }) => id)).toEqual(
      all
        .map(({ id }) => id)
        .sort()
        .reverse(),
    );
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page = await log(`?limit=1${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(all.map(({ id }) => id));
    const count = async (query: string): Promise<number> => (await log(query)).items.length;
    expect(await count(`?endpoint_id=${String(body['id'])}`)).toBe(2);
    expect(await count('?endpoint_id=callback')).toBe(2);
    expect(await count(`?request_id=${requests[0]}`)).toBe(2);
    expect(await count('?event=request.failed')).toBe(2);
    expect(await count(`?event=request.failed&endpoint_id=callback&request_id=${requests[1]}`)).toBe(1);
    expect(await call('GET /deliveries?endpoint_id=whk_1', 'Problem')).toMatchObject({ status: 422 });
    expect(await call('GET /deliveries?cursor=x', 'Problem')).toMatchObject({ status: 400 });
  });

  it('show every attempt of a callback, and deliver it again under the same message id', async () => {
    const room = { timings: { retryDelaysMs: () => [0] } };
    const call = await serve(bench(), room);
    const receiver = await startReceiver((_, count) => (count === 1 ? { instead: 'drop' } : { status: 500 }));
    receiver.secrets.push(bench().keySecret);
    const requestId = await bench().event({ callbackUrl: receiver.url });
    const log = async (): Promise<WebhookDelivery[]> =>
      (await call<{ items: WebhookDelivery[] }>('GET /deliveries', 'WebhookDeliveryList')).body.items;
    await until(async () => (await log())[0]?.status === 'failed');
    const [failed] = await log();
    expect(failed).toMatchObject({ webhook_id: null, request_id: requestId, attempts: 2 });
    const details = await call<WebhookDeliveryDetails>(
      `GET /deliveries/${failed!.id}`,
      'WebhookDeliveryDetails',
    );
    expect(details.body.history).toMatchObject([
      { attempt: 1, response_status: null, error: 'unreachable' },
      { attempt: 2, response_status: 500, error: 'status' },
    ]);
    for (const { latency_ms } of details.body.history) expect(latency_ms).toBeGreaterThanOrEqual(0);

    receiver.reply = () => ({});
    const again = await call<WebhookDelivery>(`POST /deliveries/${failed!.id}/redeliver`, 'WebhookDelivery');
    expect(again.body).toMatchObject({ webhook_id: null, message_id: failed!.message_id });
    await until(async () => (await log())[0]!.status === 'delivered');
    expect(new Set(receiver.heard.map(({ id }) => id))).toEqual(new Set([failed!.message_id]));
  });

  it('deliver again what failed since a time, once each, and no test', async () => {
    const call = await serve(bench());
    const receiver = await startReceiver(() => ({ status: 410 }));
    const { body } = await call('POST ', 'CreatedWebhook', { body: { url: receiver.url } });
    const id = String(body['id']);
    receiver.secrets.push(String(body['secret']));
    await call(`POST /${id}/test`, 'WebhookDelivery');
    await until(async () => (await call(`GET /${id}`, 'Webhook')).body['status'] === 'disabled');
    const requests = [await bench().event(), await bench().event()];
    const hasFailed = (row: object): boolean => 'state' in row && row.state === 'failed';
    await until(async () => (await bench().rows('webhook_deliveries')).filter(hasFailed).length === 3);
    const since = { body: { since: '2026-01-01T00:00:00Z' } };
    expect(await call(`POST /${id}/redeliver`, 'Problem', since)).toMatchObject({ status: 409 });
    expect(await call(`POST /${id}/test`, 'Problem')).toMatchObject({ status: 409 });

    receiver.reply = () => ({});
    await call(`POST /${id}/enable`, 'Webhook');
    const later = { body: { since: '2027-01-15T08:00:01Z' } };
    expect((await call(`POST /${id}/redeliver`, 'WebhookRedelivery', later)).body).toEqual({ count: 0 });
    expect(await call(`POST /${id}/redeliver`, 'WebhookRedelivery', since)).toMatchObject({
      ...{ status: 202, body: { count: 2 } },
    });
    await until(() => receiver.heard.length === 3);
    expect(
      receiver.heard
        .slice(1)
        .map(({ event }) => event.data.id)
        .sort(),
    ).toEqual(requests.sort());
    expect((await call(`POST /${id}/redeliver`, 'WebhookRedelivery', since)).body).toEqual({ count: 0 });
  });

  it('deleting an endpoint ends what is on its way to it', async () => {
    const call = await serve(bench());
    const receiver = await startReceiver(() => ({ status: 503, headers: { 'retry-after': '0' } }));
    const { body } = await call('POST ', 'CreatedWebhook', { body: { url: receiver.url } });
    receiver.secrets.push(String(body['secret']));
    await bench().event();
    await until(() => receiver.heard.length === 1);
    await call(`DELETE /${String(body['id'])}`, 'Webhook');
    // Its time comes.
    await until(async () => {
      await bench().database.sequelize.query(
        'UPDATE webhook_deliveries SET next_at = 1 WHERE lease_owner IS NULL AND next_at IS NOT NULL',
      );
      const [row] = await bench().rows<{ state: string; error: string }>('webhook_deliveries');
      return row!.state === 'failed' && row!.error === 'endpoint_deleted';
    });
    expect(receiver.heard).toHaveLength(1);
  });
});
