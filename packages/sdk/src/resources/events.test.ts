import { describe, expect, it } from 'vitest';
import { NotAllowed } from '../errors.ts';
import { aClient, aProblem, ADMIN_TOKEN } from '../testing/samples.ts';
import { scriptedServer, type Reply } from '../testing/scripted-server.ts';
import type { EventConnection } from './events.ts';

const block = (id: string, type: string): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ id, type, at: '2026-01-01T00:00:00.000Z' })}\n\n`;
const stream = (text: string): Reply => ({ text, headers: { 'content-type': 'text/event-stream' } });

describe('fila.events', () => {
  it('asks for what is wanted, with the admin token, and yields events one by one', async () => {
    const server = await scriptedServer([
      stream(`retry: 1000\n\n: hello\n\n${block('a-1', 'request.accepted')}`),
    ]);
    const { fila } = aClient(server.url);
    const options = { kinds: ['request', 'limit'], mostPerSecond: 5 } as const;
    for await (const event of fila.events(options)) {
      expect(event).toMatchObject({ id: 'a-1', type: 'request.accepted' });
      break;
    }
    expect(server.calls).toMatchObject([
      {
        url: '/api/v1/admin/events?kinds=request%2Climit&most_per_second=5',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      },
    ]);
  });

  it('comes back after the stream ends, a refusal or a lost connection, and goes on after the last it has seen', async () => {
    const server = await scriptedServer([
      stream(block('a-1', 'request.accepted')),
      aProblem(503, 'unavailable'),
      { instead: 'drop' },
      stream(block('a-2', 'request.completed')),
    ]);
    const seen: string[] = [];
    const connections: EventConnection[] = [];
    const options = { onConnection: (one: EventConnection) => connections.push(one) };
    for await (const { id } of aClient(server.url).fila.events(options)) {
      seen.push(id);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(['a-1', 'a-2']);
    expect(server.calls.map(({ headers }) => headers['last-event-id'])).toEqual([
      ...[undefined, 'a-1', 'a-1', 'a-1'],
    ]);
    expect(connections.map(({ isConnected }) => isConnected)).toEqual([true, false, false, false, true]);
    expect(connections[2]?.error?.code).toBe('unavailable');
  });

  it('survives text that is no event, and one that arrives in pieces', async () => {
    const text = `data: {"no": "type"}\n\ndata: {broken\n\n${block('a-1', 'gap')}`;
    const server = await scriptedServer([stream(text)]);
    for await (const { type } of aClient(server.url).fila.events()) {
      expect(type).toBe('gap');
      break;
    }
  });

  it('ends at once when the caller says so', async () => {
    const server = await scriptedServer([{ instead: 'hang' }]);
    const stopping = new AbortController();
    const seen = (async () => {
      for await (const event of aClient(server.url).fila.events({ signal: stopping.signal })) return event;
      return 'ended';
    })();
    while (server.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stopping.abort();
    expect(await seen).toBe('ended');
  });

  it('gives a silent connection up', async () => {
    const server = await scriptedServer([{ instead: 'hang' }, stream(block('a-1', 'gap'))]);
    const errors: (string | undefined)[] = [];
    const options = {
      silenceMs: 30,
      onConnection: ({ error }: EventConnection) => errors.push(error?.code),
    };
    for await (const { id } of aClient(server.url).fila.events(options)) {
      expect(id).toBe('a-1');
      break;
    }
    expect(errors).toEqual(['timed_out', undefined]);
  });

  it('fails when the token is refused, and when this is no broker', async () => {
    const server = await scriptedServer([aProblem(401, 'unauthorized'), { text: '<h1>Hello</h1>' }]);
    const { fila } = aClient(server.url);
    await expect(fila.events().next()).rejects.toThrow(NotAllowed);
    await expect(fila.events().next()).rejects.toMatchObject({ code: 'invalid_answer' });
  });
});

describe('fila.overview', () => {
  it('asks with the admin token', async () => {
    const server = await scriptedServer([{ json: { at: 'now' } }]);
    await aClient(server.url).fila.overview({ busiest: 5 });
    expect(server.calls).toMatchObject([{ method: 'GET', url: '/api/v1/admin/overview?busiest=5' }]);
  });
});

describe('requests of all keys', () => {
  it('are listed and cancelled with the admin token', async () => {
    const server = await scriptedServer([
      { json: { items: [], next_cursor: null } },
      { json: { id: 'req_1' } },
    ]);
    const { requests } = aClient(server.url).fila;
    await requests.listAll({ status: 'processing' }).page();
    await requests.cancelAny('req_1');
    expect(server.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /api/v1/admin/requests?status=processing',
      'POST /api/v1/admin/requests/req_1/cancel',
    ]);
  });
});
