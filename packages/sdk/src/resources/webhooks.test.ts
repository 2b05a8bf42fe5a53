import { describe, expect, it } from 'vitest';
import { createSend } from '../http.ts';
import { API_KEY } from '../testing/samples.ts';
import { scriptedServer, type Script } from '../testing/scripted-server.ts';
import type { Webhook } from '../types.generated.ts';
import { createWebhooks, type Webhooks } from './webhooks.ts';

const PATH = '/api/v1/webhooks';
const ID = 'whk_01jdz8k3v5xq9w2m4n6p8r0s1t';
const DELIVERY = 'dlv_01jdz8k3v5xq9w2m4n6p8r0s1t';
const WEBHOOK: Webhook = {
  ...{ id: ID, url: 'https://shop.example/hook', events: null, status: 'enabled', disabled_reason: null },
  ...{ disabled_at: null, failing_since: null, previous_secret_until: null },
  ...{ created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:00.000Z' },
};

async function against(script: Script) {
  const server = await scriptedServer(script);
  const webhooks: Webhooks = createWebhooks(
    createSend({
      ...{ url: server.url, apiKey: API_KEY, adminToken: undefined, maxRetries: 2, timeoutMs: 5_000 },
      ...{ userAgent: undefined, onAttempt: undefined, fetch: (url, init) => fetch(url, init) },
      ...{ sleep: async () => undefined, random: () => 0.5 },
    }),
  );
  return { server, webhooks };
}

describe('fila.webhooks', () => {
  it('makes an endpoint once, also when the first answer is lost', async () => {
    const json = { ...WEBHOOK, secret: 'whsec_new' };
    const { server, webhooks } = await against([{ instead: 'drop' }, { status: 201, json }]);
    expect(await webhooks.create({ url: WEBHOOK.url, events: ['request.failed'] })).toEqual(json);
    const [first, second] = server.calls;
    expect(first).toMatchObject({
      ...{ method: 'POST', url: PATH },
      body: '{"url":"https://shop.example/hook","events":["request.failed"]}',
    });
    expect(first?.headers['idempotency-key']).toHaveLength(36);
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
  });

  it('has a path for each verb, and the API key on each', async () => {
    const { server, webhooks } = await against(() => ({ json: WEBHOOK }));
    await webhooks.get(ID);
    await webhooks.update(ID, { events: null });
    await webhooks.delete(ID);
    await webhooks.test(ID);
    await webhooks.rotate(ID);
    await webhooks.rotate(ID, { overlap_seconds: 0 });
    await webhooks.enable(ID);
    await webhooks.redeliver(ID, { since: '2027-01-01T00:00:00Z' });
    await webhooks.deliveries.get(DELIVERY);
    await webhooks.deliveries.redeliver(DELIVERY);
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `GET ${PATH}/${ID}`,
      `PUT ${PATH}/${ID} {"events":null}`,
      `DELETE ${PATH}/${ID}`,
      `POST ${PATH}/${ID}/test`,
      `POST ${PATH}/${ID}/rotate`,
      `POST ${PATH}/${ID}/rotate?overlap_seconds=0`,
      `POST ${PATH}/${ID}/enable`,
      `POST ${PATH}/${ID}/redeliver {"since":"2027-01-01T00:00:00Z"}`,
      `GET ${PATH}/deliveries/${DELIVERY}`,
      `POST ${PATH}/deliveries/${DELIVERY}/redeliver`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${API_KEY}`);
  });

  it('does not repeat a rotation by itself: its lost answer had the secret', async () => {
    const { server, webhooks } = await against([{ instead: 'drop' }, { json: WEBHOOK }]);
    await expect(webhooks.rotate(ID)).rejects.toMatchObject({ name: 'ConnectionFailed' });
    expect(server.calls).toHaveLength(1);
  });

  it('lists endpoints and deliveries page by page', async () => {
    const { server, webhooks } = await against([
      { json: { items: [WEBHOOK], next_cursor: 'c1' } },
      { json: { items: [WEBHOOK], next_cursor: null } },
      { json: { items: [{ id: DELIVERY }], next_cursor: 'd1' } },
      { json: { items: [], next_cursor: null } },
    ]);
    const ids: string[] = [];
    for await (const { id } of webhooks.list({ limit: 1 })) ids.push(id);
    const query = { endpoint_id: ID, event: 'request.failed' };
    for await (const { id } of webhooks.deliveries.list(query)) ids.push(id);
    expect(ids).toEqual([ID, ID, DELIVERY]);
    expect(server.calls.map((call) => call.url)).toEqual([
      `${PATH}?limit=1`,
      `${PATH}?limit=1&cursor=c1`,
      `${PATH}/deliveries?endpoint_id=${ID}&event=request.failed`,
      `${PATH}/deliveries?endpoint_id=${ID}&event=request.failed&cursor=d1`,
    ]);
  });
});
