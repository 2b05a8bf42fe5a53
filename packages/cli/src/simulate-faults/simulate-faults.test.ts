import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Fila } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FaultPatch } from './faults.ts';
import { startSimulatedFaults } from './simulate-faults.ts';

const ANSWER = { id: 'req_1', status: 'completed', text: 'ação '.repeat(40) };

/** A broker that answers all calls alike, behind a network that does what it is told. */
async function behindFaults(patch: FaultPatch, answer?: RequestListener) {
  const arrived: IncomingHttpHeaders[] = [];
  const broker = createServer((request, response) => {
    arrived.push(request.headers);
    if (answer) return answer(request, response);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(ANSWER));
  }).listen(0, '127.0.0.1');
  await once(broker, 'listening');
  const faults = await startSimulatedFaults({
    target: `http://127.0.0.1:${(broker.address() as AddressInfo).port}`,
  });
  onTestFinished(async () => {
    await faults.stop();
    broker.close();
    broker.closeAllConnections();
  });
  const control = async (method: string, body?: object) => {
    const answered = await fetch(`${faults.url}/_simulate`, { method, body: body && JSON.stringify(body) });
    return { status: answered.status, body: (await answered.json()) as Record<string, unknown> };
  };
  await control('POST', patch);
  const fila = new Fila({ url: faults.url, apiKey: 'fila_live_x', sleep: async () => undefined } as never);
  return { arrived, control, fila, url: faults.url };
}

describe('a network that fails', () => {
  it.each([
    ['drop_before', 1],
    ['drop_after', 2],
    ['error_503', 1],
    ['rate_limited', 1],
    ['proxy_502', 1],
    ['cut', 2],
    ['twice', 2],
    ['byte_by_byte', 1],
  ] as const)('with %s is got over by the SDK, and the broker sees %i calls', async (fault, calls) => {
    const { arrived, fila, control } = await behindFaults({ next: [{ fault }] });
    expect(await fila.requests.create({ prompt: 'Hi' })).toEqual(ANSWER);
    expect(arrived).toHaveLength(calls);
    expect(new Set(arrived.map((headers) => headers['idempotency-key'])).size).toBe(1);
    const { calls: seen } = (await control('GET')).body as {
      calls: { fault: string | null; idempotency_key: string }[];
    };
    expect(seen[0]).toMatchObject({ method: 'POST', path: '/api/v1/requests', fault });
    expect(new Set(seen.map((call) => call.idempotency_key)).size).toBe(1);
  });

  it.each([
    ['html_200', 'invalid_answer'],
    ['redirect', 'http_302'],
  ] as const)('with %s is an error: %s', async (fault, code) => {
    const { arrived, fila } = await behindFaults({ all: { fault } });
    await expect(fila.requests.create({ prompt: 'Hi' })).rejects.toMatchObject({ code });
    expect(arrived).toEqual([]);
  });

  it('hangs until the client has had enough', async () => {
    const { arrived, fila } = await behindFaults({ all: { fault: 'hang' } });
    const asked = fila.requests.get('req_1', { timeoutMs: 50, maxRetries: 0 });
    await expect(asked).rejects.toMatchObject({ code: 'timed_out' });
    expect(arrived).toEqual([]);
  });

  it('takes the wish to wait away', async () => {
    const { arrived, fila } = await behindFaults({ next: [{ fault: 'no_wait' }] });
    for (const _ of [1, 2]) await fila.requests.get('req_1', { waitSeconds: 5 });
    expect(arrived.map(({ prefer }) => prefer)).toEqual([undefined, 'wait=5']);
  });

  it('cuts a stream after so many bytes, and tells where the client came back', async () => {
    const event = (id: string, name: string, data: object) =>
      `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    const first = event('1', 'token', { text: 'a' });
    const { fila, control } = await behindFaults(
      { next: [{ fault: 'cut', bytes: first.length + 3 }] },
      (request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const rest = event('2', 'token', { text: 'b' }) + event('3', 'done', ANSWER);
        response.end(request.headers['last-event-id'] === '1' ? rest : first + rest);
      },
    );
    let text = '';
    for await (const heard of fila.requests.stream('req_1')) if (heard.type === 'token') text += heard.text;
    expect(text).toBe('ab');
    const { calls } = (await control('GET')).body as { calls: { last_event_id: string | null }[] };
    expect(calls.map((call) => call.last_event_id)).toEqual([null, '1']);
  });

  it('is told in words what it does not know', async () => {
    const { control } = await behindFaults({});
    for (const patch of [{ next: [{ fault: 'odd' }] }, { al: null }, { next: [{ fault: 'cut', times: 0 }] }])
      expect(await control('POST', patch)).toMatchObject({
        status: 400,
        body: { error: expect.any(String) },
      });
  });
});
