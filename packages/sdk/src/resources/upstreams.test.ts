import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient, aProblem } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';
import type { Upstream } from '../types.generated.ts';

const UPSTREAMS = '/api/v1/admin/upstreams';
const ID = 'gpu-1:11434';

const UPSTREAM: Upstream = {
  ...{ id: ID, url: 'http://gpu-1:11434', source: 'database', status: 'up', since: null },
  ...{
    checked_at: null,
    last_error: null,
    version: '0.12.3',
    models: [],
    slots: 4,
    slots_auto: false,
    running: 0,
  },
  ...{ enabled: true, draining: false, breaker: 'auto', breakers: [], created_at: null },
  dispatched_by: null,
};

describe('fila.upstreams', () => {
  it('has a path for each verb, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: UPSTREAM }));
    const { upstreams } = aClient(server.url).fila;
    await upstreams.get(ID);
    await upstreams.add({ url: 'http://gpu-1:11434', slots: 4 });
    await upstreams.update(ID, { slots: 2 });
    await upstreams.enable(ID);
    await upstreams.disable(ID);
    await upstreams.drain(ID);
    await upstreams.undrain(ID);
    await upstreams.setBreaker(ID, 'open');
    expect(await upstreams.remove(ID)).toEqual(UPSTREAM);
    const one = `${UPSTREAMS}/gpu-1%3A11434`;
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `GET ${one}`,
      `POST ${UPSTREAMS} {"url":"http://gpu-1:11434","slots":4}`,
      `PUT ${one} {"slots":2}`,
      `POST ${one}/enable`,
      `POST ${one}/disable`,
      `POST ${one}/drain`,
      `POST ${one}/undrain`,
      `POST ${one}/breaker {"state":"open"}`,
      `DELETE ${one}`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('takes the addresses of IPv6, and refuses what would be another path', async () => {
    const server = await scriptedServer(() => ({ json: UPSTREAM }));
    const { upstreams } = aClient(server.url).fila;
    await upstreams.get('[::1]:11434');
    expect(server.calls.map(({ url }) => url)).toEqual([`${UPSTREAMS}/%5B%3A%3A1%5D%3A11434`]);
    for (const id of ['', '..', '../api-keys', 'a:1/drain', 'a:1?x', 'a:x'])
      await expect(upstreams.drain(id), id).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(server.calls).toHaveLength(1);
  });

  it('lists all at once', async () => {
    const server = await scriptedServer([{ json: { items: [UPSTREAM], next_cursor: null } }]);
    const { items } = await aClient(server.url).fila.upstreams.list();
    expect(items).toEqual([UPSTREAM]);
    expect(server.calls[0]).toMatchObject({ method: 'GET', url: UPSTREAMS });
  });

  it('reports a conflict without trying again', async () => {
    const server = await scriptedServer([aProblem(409, 'conflict')]);
    const adding = aClient(server.url).fila.upstreams.add({ url: 'http://gpu-1:11434' });
    await expect(adding).rejects.toMatchObject({ name: 'Conflict' });
    expect(server.calls).toHaveLength(1);
  });
});
