import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient, aProblem, KEY_ID } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

const LIMITS = '/api/v1/admin/limits';

describe('fila.limits', () => {
  it('has a path for each verb, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: {} }));
    const { limits } = aClient(server.url).fila;
    await limits.explain({ key: KEY_ID, class: 'read', address: '2001:db8::1' });
    await limits.penalties();
    await limits.lift('10.0.0.1');
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `GET ${LIMITS}/explain?key=${KEY_ID}&class=read&address=2001%3Adb8%3A%3A1`,
      `GET ${LIMITS}/penalties`,
      `POST ${LIMITS}/penalties/lift {"id":"10.0.0.1"}`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });
});

describe('a call that a limit refused', () => {
  const limited = (seconds: number) => ({
    ...aProblem(429, 'rate_limited', { retry_after: seconds, limit: 'minute' }),
    headers: { 'content-type': 'application/problem+json', 'retry-after': String(seconds) },
  });

  it('is made again after the time that was asked for', async () => {
    const server = await scriptedServer([limited(7), { json: { items: [], next_cursor: null } }]);
    const { fila, pauses } = aClient(server.url);
    await fila.limits.penalties();
    expect(pauses).toEqual([7_000]);
  });

  it('is not made again when that is longer than anybody waits: it would only be refused once more', async () => {
    const server = await scriptedServer([limited(3_600)]);
    const { fila, pauses } = aClient(server.url);
    await expect(fila.limits.penalties()).rejects.toMatchObject({
      ...{ name: 'RateLimited', code: 'rate_limited', retryAfterMs: 3_600_000 },
    });
    expect(server.calls).toHaveLength(1);
    expect(pauses).toEqual([]);
  });
});
