import { describe, expect, it } from 'vitest';
import { Unavailable } from '../errors.ts';
import { aClient, aProblem } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

describe('fila.health', () => {
  it('asks without a key', async () => {
    const server = await scriptedServer(() => ({ json: { status: 'ok' } }));
    const { health } = aClient(server.url).fila;
    expect(await health.live()).toEqual({ status: 'ok' });
    expect(await health.ready()).toEqual({ status: 'ok' });
    await health.ready({ verbose: true });
    expect(server.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /livez',
      'GET /readyz',
      'GET /readyz?verbose',
    ]);
    for (const { headers } of server.calls) expect(headers).not.toHaveProperty('authorization');
  });

  it('says that the broker is down instead of failing, after one question', async () => {
    const json = { status: 'down', checks: [{ name: 'database', status: 'down' }] };
    const server = await scriptedServer([{ status: 503, json }]);
    const answer = await aClient(server.url).fila.health.ready({ verbose: true }).withResponse();
    expect(answer).toMatchObject({ data: json, status: 503 });
    expect(server.calls).toHaveLength(1);
  });

  it.each([
    aProblem(503, 'unavailable'),
    { status: 503, text: '<h1>No backend</h1>' },
    { status: 500, json: { status: 'ok' } },
  ])('fails when the answer does not say how the broker is', async (reply) => {
    const server = await scriptedServer([reply]);
    await expect(aClient(server.url).fila.health.ready({ maxRetries: 0 })).rejects.toThrow(Unavailable);
  });
});
