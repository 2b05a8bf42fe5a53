import { describe, expect, it } from 'vitest';
import { aClient, ADMIN_TOKEN, aProblem, aRequest, REQUEST_ID } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const asked = (calls: { method: string; url: string }[]): string[] =>
  calls.map(({ method, url }) => `${method} ${url}`);

describe('fila.requests', () => {
  it('creates with one Idempotency-Key for all attempts, another for the next call', async () => {
    const created = { status: 202, json: aRequest() };
    const server = await scriptedServer([
      { instead: 'drop' },
      aProblem(503, 'unavailable'),
      created,
      created,
    ]);
    const { fila } = aClient(server.url);
    await fila.requests.create({ prompt: 'x' });
    await fila.requests.create({ prompt: 'x' }, { maxRetries: 0 });
    const [first, second, third, fourth] = server.calls.map((call) => call.headers['idempotency-key']);
    expect(first).toMatch(UUID);
    expect([second, third]).toEqual([first, first]);
    expect(fourth).toMatch(UUID);
    expect(fourth).not.toBe(first);
  });

  it('creates with the key of the caller, and waits if asked to', async () => {
    const server = await scriptedServer([{ json: aRequest({ status: 'completed' }) }]);
    const { fila } = aClient(server.url);
    const request = await fila.requests.create(
      { prompt: 'x' },
      { idempotencyKey: 'order-7', waitSeconds: 9.2 },
    );
    expect(request.status).toBe('completed');
    expect(server.calls[0]?.headers).toMatchObject({ 'idempotency-key': 'order-7', prefer: 'wait=10' });
  });

  it('explains and traces by id, as an operator', async () => {
    const server = await scriptedServer(() => ({ json: {} }));
    await aClient(server.url).fila.requests.explain(REQUEST_ID);
    await aClient(server.url).fila.requests.trace(REQUEST_ID);
    expect(asked(server.calls)).toEqual([
      `GET /api/v1/admin/requests/${REQUEST_ID}/explain`,
      `GET /api/v1/admin/requests/${REQUEST_ID}/trace`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('gets and cancels by id', async () => {
    const server = await scriptedServer(() => ({ json: aRequest() }));
    const { fila } = aClient(server.url);
    await fila.requests.get(REQUEST_ID);
    await fila.requests.cancel(REQUEST_ID);
    expect(asked(server.calls)).toEqual([
      `GET /api/v1/requests/${REQUEST_ID}`,
      `POST /api/v1/requests/${REQUEST_ID}/cancel`,
    ]);
    expect(server.calls[0]?.headers).not.toHaveProperty('prefer');
  });

  it('lists one page, without what is undefined', async () => {
    const page = { items: [aRequest()], next_cursor: 'c1' };
    const server = await scriptedServer([{ json: page }]);
    const query = { status: 'failed', model: 'a b&c', limit: 2, cursor: undefined } as const;
    expect(await aClient(server.url).fila.requests.list(query).page()).toEqual(page);
    expect(asked(server.calls)).toEqual(['GET /api/v1/requests?status=failed&model=a%20b%26c&limit=2']);
  });

  it('lists those of all keys with the admin token, page by page', async () => {
    const server = await scriptedServer([
      { json: { items: [{ id: 'req_b' }], next_cursor: 'req_b' } },
      { json: { items: [{ id: 'req_a' }], next_cursor: null } },
    ]);
    const ids: string[] = [];
    for await (const { id } of aClient(server.url).fila.requests.listAll({ key: 'key_a' })) ids.push(id);
    expect(ids).toEqual(['req_b', 'req_a']);
    expect(asked(server.calls)).toEqual([
      'GET /api/v1/admin/requests?key=key_a',
      'GET /api/v1/admin/requests?key=key_a&cursor=req_b',
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('goes through all pages, asking only for what the loop reaches, and again from the start', async () => {
    const pages: Record<string, unknown> = {
      '/api/v1/requests?limit=2': {
        items: [aRequest({ id: 'req_1' }), aRequest({ id: 'req_2' })],
        next_cursor: 'c/1',
      },
      '/api/v1/requests?limit=2&cursor=c%2F1': { items: [], next_cursor: 'c2' },
      '/api/v1/requests?limit=2&cursor=c2': { items: [aRequest({ id: 'req_3' })], next_cursor: null },
    };
    const server = await scriptedServer(({ url }) => ({ json: pages[url] }));
    const list = aClient(server.url).fila.requests.list({ limit: 2 });
    expect(server.calls).toEqual([]);

    for await (const request of list) {
      expect(request.id).toBe('req_1');
      break;
    }
    expect(server.calls).toHaveLength(1);

    const ids: string[] = [];
    for await (const { id } of list) ids.push(id);
    expect(ids).toEqual(['req_1', 'req_2', 'req_3']);
    expect(asked(server.calls.slice(1))).toEqual(Object.keys(pages).map((url) => `GET ${url}`));
  });

  it('starts the loop at the cursor of the caller', async () => {
    const server = await scriptedServer([{ json: { items: [], next_cursor: null } }]);
    for await (const _ of aClient(server.url).fila.requests.list({ cursor: 'c9' })) expect.unreachable();
    expect(asked(server.calls)).toEqual(['GET /api/v1/requests?cursor=c9']);
  });

  it('fails within the loop when a page cannot be had', async () => {
    const server = await scriptedServer([aProblem(400, 'invalid_cursor')]);
    const list = aClient(server.url).fila.requests.list({ cursor: 'x' });
    await expect(list[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'invalid_cursor' });
  });
});
