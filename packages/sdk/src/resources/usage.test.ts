import { expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

it('fila.usage asks with the admin token, for a key and a time', async () => {
  const server = await scriptedServer(() => ({ json: { hours: [] } }));
  const { usage } = aClient(server.url).fila;
  await usage.get({ key: 'key_a', since: '2026-11-20T08:00:00.000Z' });
  expect(await usage.get()).toEqual({ hours: [] });
  expect(server.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /api/v1/admin/usage?key=key_a&since=2026-11-20T08%3A00%3A00.000Z',
    'GET /api/v1/admin/usage',
  ]);
  for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
});
