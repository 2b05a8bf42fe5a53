import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

const AUDIT = '/api/v1/admin/audit';

describe('fila.audit', () => {
  it('has a path for each method, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: { items: [], next_cursor: null } }));
    const { audit } = aClient(server.url).fila;
    await audit.list({ act: 'keys', order: 'oldest' }).page();
    await audit.get(42);
    await audit.verify();
    await audit.checkpoint();
    await audit.checkpoints().page();
    expect(server.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${AUDIT}?act=keys&order=oldest`,
      `GET ${AUDIT}/rows/42`,
      `GET ${AUDIT}/verify`,
      `POST ${AUDIT}/checkpoints`,
      `GET ${AUDIT}/checkpoints`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('goes through all pages', async () => {
    const pages = [
      { items: [{ seq: 3 }, { seq: 2 }], next_cursor: '2' },
      { items: [{ seq: 1 }], next_cursor: null },
    ];
    const server = await scriptedServer(pages.map((json) => ({ json })));
    const seen: number[] = [];
    for await (const { seq } of aClient(server.url).fila.audit.list()) seen.push(seq);
    expect(seen).toEqual([3, 2, 1]);
    expect(server.calls[1]!.url).toBe(`${AUDIT}?cursor=2`);
  });
});
