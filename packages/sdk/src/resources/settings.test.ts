import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient, aProblem } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

const SETTINGS = '/api/v1/admin/settings';

describe('fila.settings', () => {
  it('has a path for each verb, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: { name: 'maxQueued', value: '500' } }));
    const { settings } = aClient(server.url).fila;
    await settings.list();
    await settings.get('maxQueued');
    await settings.set('maxQueued', { value: 500, reason: 'sale' });
    await settings.unset('maxQueued');
    await settings.versions({ limit: 5 }).page();
    await settings.restore(4);
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `GET ${SETTINGS}`,
      `GET ${SETTINGS}/maxQueued`,
      `PUT ${SETTINGS}/maxQueued {"value":500,"reason":"sale"}`,
      `DELETE ${SETTINGS}/maxQueued`,
      `GET ${SETTINGS}/versions?limit=5`,
      `POST ${SETTINGS}/versions/4/restore`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('goes through all versions, page by page', async () => {
    const server = await scriptedServer([
      { json: { items: [{ version: 3 }, { version: 2 }], next_cursor: '2' } },
      { json: { items: [{ version: 1 }], next_cursor: null } },
    ]);
    const seen: number[] = [];
    for await (const { version } of aClient(server.url).fila.settings.versions()) seen.push(version);
    expect(seen).toEqual([3, 2, 1]);
    expect(server.calls[1]!.url).toBe(`${SETTINGS}/versions?cursor=2`);
  });

  it('reports a setting that is not live as a conflict, without trying again', async () => {
    const server = await scriptedServer([aProblem(409, 'conflict')]);
    const changing = aClient(server.url).fila.settings.set('port', { value: 80 });
    await expect(changing).rejects.toMatchObject({ name: 'Conflict' });
    expect(server.calls).toHaveLength(1);
  });
});
