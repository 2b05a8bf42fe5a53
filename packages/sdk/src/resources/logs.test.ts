import { expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

it('fila.logs.list goes through all pages of what it asks for, with the admin token', async () => {
  const pages = [
    { items: [{ id: 9 }, { id: 8 }], next_cursor: '8' },
    { items: [{ id: 7 }], next_cursor: null },
  ];
  const server = await scriptedServer(pages.map((json) => ({ json })));
  const seen: number[] = [];
  for await (const { id } of aClient(server.url).fila.logs.list({ level: 'error', text: 'a&b' }))
    seen.push(id);
  expect(seen).toEqual([9, 8, 7]);
  expect(server.calls.map(({ url }) => url)).toEqual([
    '/api/v1/admin/logs?level=error&text=a%26b',
    '/api/v1/admin/logs?level=error&text=a%26b&cursor=8',
  ]);
  for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
});
