import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient, aProblem } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';
import type { Plan } from '../types.generated.ts';

const PLANS = '/api/v1/admin/plans';
const GOLD: Plan = {
  ...{ name: 'gold', limit_minute: 600, limit_hour: 0, limit_day: 0, limit_burst: 0, limit_tokens_day: 0 },
  ...{ max_queued: 0, max_concurrent: 0, weight: 0, created_at: '2026-01-01T00:00:00.000Z' },
};

describe('fila.plans', () => {
  it('has a path for each verb, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: GOLD }));
    const { plans } = aClient(server.url).fila;
    await plans.create({ name: 'gold', limit_minute: 600 });
    await plans.get('gold');
    await plans.update('gold', { limit_minute: 900 });
    await plans.list();
    expect(await plans.remove('gold')).toEqual(GOLD);
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `POST ${PLANS} {"name":"gold","limit_minute":600}`,
      `GET ${PLANS}/gold`,
      `PUT ${PLANS}/gold {"limit_minute":900}`,
      `GET ${PLANS}`,
      `DELETE ${PLANS}/gold`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('refuses a name that would be another path', async () => {
    const server = await scriptedServer(() => ({ json: GOLD }));
    for (const name of ['', '..', 'a/b', 'a?b'])
      await expect(aClient(server.url).fila.plans.remove(name)).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    expect(server.calls).toHaveLength(0);
  });

  it('reports a conflict without trying again', async () => {
    const server = await scriptedServer([aProblem(409, 'conflict')]);
    await expect(aClient(server.url).fila.plans.remove('gold')).rejects.toMatchObject({ name: 'Conflict' });
    expect(server.calls).toHaveLength(1);
  });
});
