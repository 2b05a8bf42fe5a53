import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient, aKey, aProblem, KEY_ID } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

const KEYS = '/api/v1/admin/api-keys';

describe('fila.keys', () => {
  it('makes a key once, also when the first answer is lost', async () => {
    const json = { ...aKey(), key: 'fila_live_new', webhook_secret: 'whsec_new' };
    const server = await scriptedServer([{ instead: 'drop' }, { status: 201, json }]);
    const created = await aClient(server.url).fila.keys.create({ name: 'shop', limit_minute: 60 });
    expect(created).toEqual(json);
    const [first, second] = server.calls;
    expect(first).toMatchObject({ method: 'POST', url: KEYS, body: '{"name":"shop","limit_minute":60}' });
    expect(first?.headers['idempotency-key']).toHaveLength(36);
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
  });

  it('has a path for each verb, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: aKey() }));
    const { keys } = aClient(server.url).fila;
    await keys.get(KEY_ID);
    await keys.update(KEY_ID, { name: 'new' });
    await keys.suspend(KEY_ID);
    await keys.resume(KEY_ID);
    expect(await keys.revoke(KEY_ID)).toEqual(aKey());
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `GET ${KEYS}/${KEY_ID}`,
      `PUT ${KEYS}/${KEY_ID} {"name":"new"}`,
      `POST ${KEYS}/${KEY_ID}/suspend`,
      `POST ${KEYS}/${KEY_ID}/resume`,
      `DELETE ${KEYS}/${KEY_ID}`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('rotates once, whatever comes back: a second time would end the overlap of the first', async () => {
    const json = { ...aKey(), key: 'fila_live_new', previous_secret_until: '2026-11-21T08:00:00.000Z' };
    const server = await scriptedServer([{ json }, aProblem(503, 'unavailable')]);
    const { keys } = aClient(server.url).fila;
    expect(await keys.rotate(KEY_ID, { overlap_seconds: 60 })).toEqual(json);
    await expect(keys.rotate(KEY_ID)).rejects.toMatchObject({ code: 'unavailable' });
    expect(server.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `POST ${KEYS}/${KEY_ID}/rotate?overlap_seconds=60`,
      `POST ${KEYS}/${KEY_ID}/rotate`,
    ]);
  });

  it('lists page by page', async () => {
    const server = await scriptedServer([
      { json: { items: [aKey({ name: 'a' })], next_cursor: 'c1' } },
      { json: { items: [aKey({ name: 'b' })], next_cursor: null } },
    ]);
    const names: string[] = [];
    for await (const { name } of aClient(server.url).fila.keys.list({ status: 'active' })) names.push(name);
    expect(names).toEqual(['a', 'b']);
    expect(server.calls.map((call) => call.url)).toEqual([
      `${KEYS}?status=active`,
      `${KEYS}?status=active&cursor=c1`,
    ]);
  });

  it('reports a conflict without trying again', async () => {
    const server = await scriptedServer([aProblem(409, 'conflict')]);
    await expect(aClient(server.url).fila.keys.resume(KEY_ID)).rejects.toMatchObject({ name: 'Conflict' });
    expect(server.calls).toHaveLength(1);
  });
});
