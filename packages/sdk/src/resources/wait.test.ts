import { describe, expect, it } from 'vitest';
import { Aborted, NotFound, TimedOut, type FilaError } from '../errors.ts';
import type { Request } from '../types.generated.ts';
import { aClient, aProblem, aRequest, REQUEST_ID } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

const pending = { json: aRequest() };
const processing = { json: aRequest({ status: 'processing', attempts: 1 }) };
const completed = { json: aRequest({ status: 'completed', attempts: 1 }) };
const failureOf = (promise: PromiseLike<unknown>): Promise<FilaError> =>
  Promise.resolve(promise).then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as FilaError,
  );

describe('fila.requests.wait', () => {
  it.each(['completed', 'failed', 'cancelled', 'expired'] as const)(
    'ends with a %s request',
    async (status) => {
      const server = await scriptedServer([pending, processing, { json: aRequest({ status }) }]);
      expect(await aClient(server.url).fila.requests.wait(REQUEST_ID)).toEqual(aRequest({ status }));
      expect(server.calls.map((call) => call.headers.prefer)).toEqual(['wait=20', 'wait=20', 'wait=20']);
    },
  );

  it('gives the last answer on demand', async () => {
    const server = await scriptedServer([pending, { ...completed, headers: { 'x-request-id': 'call-2' } }]);
    const answer = await aClient(server.url).fila.requests.wait(REQUEST_ID).withResponse();
    expect(answer).toMatchObject({ requestId: 'call-2', data: { status: 'completed' } });
  });

  it('tells of changes, once each, and then asks more often', async () => {
    const again = { json: aRequest({ status: 'processing', attempts: 2 }) };
    const server = await scriptedServer([pending, pending, processing, processing, again, completed]);
    const seen: Request[] = [];
    await aClient(server.url).fila.requests.wait(REQUEST_ID, { onChange: (request) => seen.push(request) });
    expect(seen).toEqual([pending.json, processing.json, again.json, completed.json]);
    expect(server.calls[0]?.headers.prefer).toBe('wait=2');
  });

  it('leaves time between polls that the broker answers at once', async () => {
    const server = await scriptedServer([pending, pending, completed]);
    const { fila, pauses } = aClient(server.url);
    await fila.requests.wait(REQUEST_ID);
    expect(pauses).toHaveLength(2);
    for (const pauseMs of pauses) expect(pauseMs).toBeGreaterThan(200);
  });

  it('goes on through a broker that fails, is away and comes back on the same port', async () => {
    const before = await scriptedServer([pending, aProblem(503, 'unavailable'), { instead: 'drop' }]);
    let retries = 0;
    const { fila } = aClient(before.url, {
      maxRetries: 0,
      sleep: async () => {
        retries += 1;
        if (retries === 4) await before.stop();
        if (retries === 7) await scriptedServer([completed], Number(new URL(before.url).port));
      },
    });
    expect(await fila.requests.wait(REQUEST_ID)).toEqual(completed.json);
    expect(retries).toBe(7);
  });

  it('is TimedOut when the time is over, with the id, and whatever the broker does', async () => {
    const server = await scriptedServer((_, index) => (index === 0 ? pending : { instead: 'hang' }));
    const startedMs = performance.now();
    const error = await failureOf(aClient(server.url).fila.requests.wait(REQUEST_ID, { timeoutMs: 300 }));
    expect(error).toBeInstanceOf(TimedOut);
    expect(error.detail).toBe(
      `${REQUEST_ID} was not final in time. It goes on: wait for it again, or cancel it.`,
    );
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(290);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(server.calls[0]?.headers.prefer).toBe('wait=1');
  });

  it('is TimedOut with the last failure as its cause when the broker stays away', async () => {
    const server = await scriptedServer([]);
    await server.stop();
    const { fila } = aClient(server.url, { sleep: undefined });
    const error = await failureOf(fila.requests.wait(REQUEST_ID, { timeoutMs: 300 }));
    expect(error).toBeInstanceOf(TimedOut);
    expect(error.cause).toMatchObject({ code: 'connection_failed' });
  });

  it('does not wait for what cannot come', async () => {
    const server = await scriptedServer([aProblem(404, 'not_found')]);
    expect(await failureOf(aClient(server.url).fila.requests.wait(REQUEST_ID))).toBeInstanceOf(NotFound);
  });

  it('stops at once when the caller says so, also between two polls', async () => {
    const controller = new AbortController();
    const server = await scriptedServer([pending]);
    const { fila } = aClient(server.url, { sleep: undefined });
    const onChange = (): void => controller.abort();
    const error = await failureOf(fila.requests.wait(REQUEST_ID, { signal: controller.signal, onChange }));
    expect(error).toBeInstanceOf(Aborted);
    expect(server.calls).toHaveLength(1);
  });
});

describe('fila.requests.createAndWait', () => {
  it('creates under one key, then waits', async () => {
    const server = await scriptedServer([
      { instead: 'drop' },
      { status: 202, json: aRequest() },
      processing,
      completed,
    ]);
    const request = await aClient(server.url).fila.requests.createAndWait({ prompt: 'x' });
    expect(request).toEqual(completed.json);
    expect(server.calls.map((call) => call.method)).toEqual(['POST', 'POST', 'GET', 'GET']);
    const keys = server.calls.map((call) => call.headers['idempotency-key']);
    expect(keys).toEqual([expect.any(String), keys[0], undefined, undefined]);
  });

  it('does not ask again for a request that is final already', async () => {
    const server = await scriptedServer([completed]);
    const seen: string[] = [];
    const onChange = ({ status }: Request): void => void seen.push(status);
    const { fila } = aClient(server.url);
    await fila.requests.createAndWait({ prompt: 'x' }, { idempotencyKey: 'order-7', onChange });
    expect(server.calls).toHaveLength(1);
    expect(server.calls[0]?.headers['idempotency-key']).toBe('order-7');
    expect(seen).toEqual(['completed']);
  });

  it('is TimedOut in time also when creating takes too long', async () => {
    const server = await scriptedServer(() => ({ instead: 'hang' }));
    const waited = aClient(server.url).fila.requests.createAndWait({ prompt: 'x' }, { timeoutMs: 100 });
    expect(await failureOf(waited)).toBeInstanceOf(TimedOut);
    expect(server.calls).toHaveLength(1);
  });

  it('fails soon when there is no broker at all', async () => {
    const server = await scriptedServer([]);
    await server.stop();
    const { fila, pauses } = aClient(server.url);
    const error = await failureOf(fila.requests.createAndWait({ prompt: 'x' }));
    expect(error.code).toBe('connection_failed');
    expect(pauses).toHaveLength(2);
  });
});
