/** The stream on the wire: its text, its heartbeats, its errors, and readers who do not read. */
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import Fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LedgerUnavailable } from '../../engines/ledger/ledger.ts';
import type { Request } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { ALL_RIGHTS } from '../../kernel/key-rights.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import { streamRoutes } from './stream-routes.ts';
import type { StreamEvent, Streams } from './streams.ts';

const AT = { fence: 1, thinking: 0, text: 5 };
const DONE = { type: 'done', request: { id: 'req_1' } as Request, at: AT } as const;

async function serve(listen: Streams['listen'], stallMs?: number) {
  const app = Fastify();
  const cancelled: string[] = [];
  const cancel = async (_key: string, id: string): Promise<Request> => {
    cancelled.push(id);
    throw fail('conflict');
  };
  const keyOf = () => ({ id: 'key_1', rights: ALL_RIGHTS }) as AcceptedKey;
  app.setErrorHandler((error, _request, reply) => reply.code(418).send((error as Error).message));
  streamRoutes({ requests: { cancel }, streams: { listen }, keyOf, logger: silentLogger, stallMs })(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return { port, cancelled, url: `http://127.0.0.1:${port}/api/v1/requests/req_1/stream` };
}

const events = (...list: readonly StreamEvent[]): Streams['listen'] =>
  async function* () {
    yield* list;
  };

describe('a stream on the wire', () => {
  it('has a name, data and an id for each event, and comments in between', async () => {
    const { url } = await serve(
      events(
        { type: 'state', status: 'processing' },
        { type: 'quiet' },
        { type: 'token', thinking: 'Hm\n', at: { fence: 1, thinking: 3, text: 0 } },
        { type: 'restart', at: { fence: 2, thinking: 0, text: 0 } },
        { type: 'token', text: 'Olá', at: { fence: 2, thinking: 0, text: 3 } },
        DONE,
      ),
    );
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect((await response.text()).split('\n\n')).toEqual([
      'retry: 1000\nevent: state\ndata: {"status":"processing"}',
      ': waiting',
      'id: 1.3.0\nevent: token\ndata: {"thinking":"Hm\\n"}',
      'id: 2.0.0\nevent: restart\ndata: {}',
      'id: 2.0.3\nevent: token\ndata: {"text":"Olá"}',
      'id: 1.0.5\nevent: done\ndata: {"id":"req_1"}',
      '',
    ]);
  });

  it.each([
    [fail('not_found'), { code: 'not_found', status: 404, retryable: false }],
    [new LedgerUnavailable('away'), { code: 'unavailable', status: 503, retryable: true }],
    [new Error('secret'), { code: 'internal_error', status: 500 }],
  ])('that breaks with %s in the middle says so and ends', async (error, problem) => {
    const { url } = await serve(async function* () {
      yield { type: 'state', status: 'pending' };
      throw error;
    });
    const text = await (await fetch(url)).text();
    expect(text).not.toContain('secret');
    const [, data] = /event: error\ndata: (.*)\n\n$/.exec(text) ?? [];
    expect(JSON.parse(data!)).toMatchObject(problem);
  });

  it('that cannot begin is refused with a status', async () => {
    const { url } = await serve(async function* () {
      throw fail('not_found', { detail: 'There is no such request.' });
    });
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([418, 'There is no such request.']);
  });

  it('goes on where its reader says, and takes nothing else for a place', async () => {
    const seen: unknown[] = [];
    const { url } = await serve(async function* (_key, _id, { after }) {
      seen.push(after);
      yield DONE;
    });
    await fetch(url);
    await fetch(url, { headers: { 'last-event-id': '1.0.5' } });
    expect(seen).toEqual([null, AT]);
    expect((await fetch(url, { headers: { 'last-event-id': 'x' } })).status).toBe(418);
  });

  it('cuts off who reads nothing, and lets go of what he listened to', async () => {
    let isLeft = false;
    const piece = { type: 'token', text: 'x'.repeat(4096), at: AT } as const;
    const { port } = await serve(async function* () {
      try {
        while (true) yield piece;
      } finally {
        isLeft = true;
      }
    }, 50);
    const reader = connect(port, '127.0.0.1').on('error', () => undefined);
    reader.write('GET /api/v1/requests/req_1/stream HTTP/1.1\r\nhost: x\r\n\r\n');
    reader.pause();
    await expect.poll(() => isLeft, { timeout: 10_000 }).toBe(true);
    reader.destroy();
  });

  it.each([
    ['', []],
    ['?cancel_on_disconnect=true', ['req_1']],
  ])('whose reader leaves cancels the request only when he asked for it: %j', async (query, expected) => {
    let isLeft = (): void => undefined;
    const left = new Promise<void>((resolve) => (isLeft = resolve));
    const { port, cancelled } = await serve(async function* (_key, _id, { signal }) {
      yield { type: 'state', status: 'pending' };
      if (!signal.aborted) await once(signal, 'abort');
      isLeft();
    });
    const reader = connect(port, '127.0.0.1');
    reader.write(`GET /api/v1/requests/req_1/stream${query} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await once(reader, 'data');
    reader.destroy();
    await left;
    await new Promise(setImmediate);
    expect(cancelled).toEqual(expected);
  });
});
