import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../kernel/logger.ts';
import { createServer, type Routes, type Server, type ServerDeps } from './server.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (let next = undo.pop(); next; next = undo.pop()) await next();
});

const access = { config: { access: 'anyone' } } as const;

/** Answers `/slow` when told to; `entered` resolves once the call has arrived. */
function slowRoute() {
  let release = (): void => {};
  let enter = (): void => {};
  const entered = new Promise<void>((resolve) => (enter = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  const route: Routes = (app) => {
    app.get('/slow', access, async () => {
      enter();
      await released;
      return { slow: true };
    });
  };
  return { route, entered, release };
}

const routes: Routes = (app) => {
  app.get('/things/:id', access, async (request) => request.params);
  app.delete('/things/:id', access, async () => null);
  app.post('/things', access, async (request) => ({ got: request.body }));
};

async function started(more: Partial<ServerDeps> = {}): Promise<Server> {
  const server = createServer({
    ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1024, adminToken: 'x'.repeat(40), logger: silentLogger },
    ...{ acceptKey: async () => null, routes: [routes], ...more },
  });
  undo.push(() => server.stop());
  await server.start();
  return server;
}

async function connected(server: Server): Promise<Socket> {
  const socket = connect({
    port: Number(new URL(server.url()).port),
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  undo.push(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Sends bytes and reads until the server hangs up. */
async function exchange(server: Server, bytes: string) {
  const socket = await connected(server);
  socket.write(bytes);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  const [head, body] = answer.split('\r\n\r\n') as [string, string];
  const [statusLine, ...headers] = head.split('\r\n');
  return { status: Number(statusLine!.split(' ')[1]), headers: headers.join('\n').toLowerCase(), body };
}

const call = (server: Server, path: string, init?: RequestInit) => fetch(server.url() + path, init);
const post = (body: string, type = 'application/json'): RequestInit => ({
  ...{ method: 'POST', body, headers: { 'content-type': type } },
});

describe('what is not HTTP', () => {
  it.each([
    { given: 'NONSENSE\r\n\r\n', status: 400, code: 'bad_request' },
    { given: 'GET /things HTTP/9.9\r\n\r\n', status: 400, code: 'bad_request' },
    { given: '\x16\x03\x01\x02\x00\x01\x00\x01', status: 400, code: 'bad_request' },
    { given: 'GET / HTTP/1.1\r\nHost: a\r\nBad Header: a\r\n\r\n', status: 400, code: 'bad_request' },
    { given: `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n`, status: 431, code: 'headers_too_large' },
    {
      given: `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
      ...{ status: 431, code: 'headers_too_large' },
    },
  ])('is answered with a problem, then hung up on: $code', async ({ given, status, code }) => {
    const answer = await exchange(await started(), given);
    expect(answer.status).toBe(status);
    expect(answer.headers).toContain('content-type: application/problem+json');
    expect(answer.headers).toContain('connection: close');
    expect(answer.headers).toContain(`content-length: ${answer.body.length}`);
    expect(JSON.parse(answer.body)).toMatchObject({ code, status, request_id: 'none' });
  });

  it('does not disturb the calls of others', async () => {
    const server = await started();
    await exchange(server, 'NONSENSE\r\n\r\n');
    expect((await call(server, '/things/1')).status).toBe(200);
  });
});

describe('a call', () => {
  it('to a path with other methods is told which', async () => {
    const server = await started();
    for (const [method, path, allow] of [
      ['PUT', '/things/1', 'DELETE, GET, HEAD'],
      ['OPTIONS', '/things/1', 'DELETE, GET, HEAD'],
      ['GET', '/things', 'POST'],
      ['DELETE', '/things', 'POST'],
    ] as const) {
      const answer = await call(server, path, { method });
      expect(answer.status, `${method} ${path}`).toBe(405);
      expect(answer.headers.get('allow')).toBe(allow);
      expect(await answer.json()).toMatchObject({ code: 'method_not_allowed' });
    }
    expect((await call(server, '/things/1', { method: 'HEAD' })).status).toBe(200);
  });

  it.each([
    { path: '/nothing', init: {}, status: 404, code: 'not_found' },
    { path: '/things/%zz', init: {}, status: 400, code: 'bad_request' },
    { path: '/things', init: post('{"a":'), status: 400, code: 'malformed_json' },
    { path: '/things', init: post('{}', 'text/plain'), status: 415, code: 'unsupported_media_type' },
    { path: '/things', init: post('{}', 'application/jsonp'), status: 415, code: 'unsupported_media_type' },
    { path: '/things', init: post(`"${'a'.repeat(1024)}"`), status: 413, code: 'body_too_large' },
  ])('that cannot be answered gets a problem: $code for $path', async ({ path, init, status, code }) => {
    const answer = await call(await started(), path, init);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const requestId = answer.headers.get('x-request-id');
    expect(await answer.json()).toMatchObject({ code, status, request_id: requestId });
  });

  it('is told at once that its body is too large, and may send the rest: its connection is not reset', async () => {
    const socket = await connected(await started());
    const rest = 'a'.repeat(512 * 1024);
    const length = `Host: a\r\nContent-Type: application/json\r\nContent-Length: ${2 * rest.length}`;
    socket.write(`POST /things HTTP/1.1\r\n${length}\r\n\r\n`);
    const [refused] = (await once(socket, 'data')) as [Buffer];
    expect(String(refused)).toMatch(/^HTTP\/1.1 413 /);
    socket.write(rest + rest);
    socket.write('GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\n');
    const [next] = (await once(socket, 'data')) as [Buffer];
    expect(String(next)).toMatch(/^HTTP\/1.1 200 /);
  });

  it('may carry a JSON body up to the limit, also with a charset', async () => {
    const server = await started();
    const text = 'a'.repeat(1022);
    const answer = await call(server, '/things', post(`"${text}"`, 'Application/JSON; charset=utf-8'));
    expect(await answer.json()).toEqual({ got: text });
  });

  it('is answered with headers that keep browsers and caches away', async () => {
    const { headers } = await call(await started(), '/things/1');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});

describe('the id of a call', () => {
  it.each(['abc', 'A-b_c.1', 'x'.repeat(64)])(
    'is the own one of the caller when harmless: %s',
    async (id) => {
      const answer = await call(await started(), '/nothing', { headers: { 'x-request-id': id } });
      expect(answer.headers.get('x-request-id')).toBe(id);
      expect(await answer.json()).toMatchObject({ request_id: id });
    },
  );

  it.each(['', 'a b', 'a"b', 'a,b', 'é', '<a>', 'x'.repeat(65)])('is ours instead of %j', async (id) => {
    const server = await started();
    const answer = await call(server, '/nothing', { headers: { 'x-request-id': id } });
    const first = answer.headers.get('x-request-id');
    const second = (await call(server, '/nothing')).headers.get('x-request-id');
    for (const one of [first, second]) expect(one).toMatch(/^[0-9a-z]{8}-[0-9a-z]+$/);
    expect(second).not.toBe(first);
    expect(second!.slice(0, 8)).toBe(first!.slice(0, 8));
  });

  it('is in the log with the route, but nothing else that the caller wrote', async () => {
    const lines: object[] = [];
    const logger: Logger = { ...silentLogger, info: (fields) => void lines.push(fields) };
    const server = await started({ logger });
    await call(server, '/things/private?token=private', { headers: { 'x-request-id': 'mine' } });
    await server.stop();
    expect(lines).toContainEqual(
      expect.objectContaining({ http: 'mine', method: 'GET', route: '/things/:id', status: 200 }),
    );
    expect(JSON.stringify(lines)).not.toContain('private');
  });
});

describe('stopping', () => {
  async function stopMs(server: Server): Promise<number> {
    const startMs = performance.now();
    await server.stop();
    return performance.now() - startMs;
  }

  it('lets a running call end, says that the connection closes, and takes no new one', async () => {
    const { route, entered, release } = slowRoute();
    // Long enough for idle connections to be closed a few times in the meantime.
    const server = await started({ routes: [route], onStopping: () => setTimeout(release, 200) });
    const url = server.url();
    const running = call(server, '/slow');
    await entered;
    await server.stop();
    const answer = await running;
    expect(await answer.json()).toEqual({ slow: true });
    expect(answer.headers.get('connection')).toBe('close');
    await expect(fetch(`${url}/slow`)).rejects.toThrow();
  });

  it('answers a call that still gets in with a problem and when to try again', async () => {
    const server = createServer({
      ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1024, adminToken: 'x', logger: silentLogger },
      ...{ acceptKey: async () => null, routes: [routes] },
    });
    let answer: Response | undefined;
    // Runs when the server no longer takes work but still listens.
    server.app.addHook('preClose', async () => {
      answer = await call(server, '/things/1');
    });
    await server.start();
    await server.stop();
    expect(answer?.status).toBe(503);
    expect(answer?.headers.get('retry-after')).toBe('2');
    expect(await answer?.json()).toMatchObject({
      ...{ code: 'unavailable', detail: 'The broker is stopping. Nothing was accepted.' },
    });
  });

  it.each([
    { how: 'that is kept alive', sent: 'GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\n', isAnswered: true },
    {
      how: 'that sent half of its second call',
      ...{ sent: 'GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /th', isAnswered: true },
    },
    { how: 'that was broken', sent: 'NONSENSE\r\n\r\n', isAnswered: true },
    { how: 'that never sent anything', sent: '', isAnswered: false },
    { how: 'that sent half a call', sent: 'GET /things/1 HTTP/1.1\r\nHo', isAnswered: false },
  ])('is not held up by an open connection $how', async ({ sent, isAnswered }) => {
    const server = await started();
    const socket = await connected(server);
    if (sent) socket.write(sent);
    if (isAnswered) await once(socket, 'data');
    // Whoever connected before has been seen once a later call is answered.
    else await call(server, '/things/1');
    expect(await stopMs(server)).toBeLessThan(1_000);
  });

  it('may happen twice, and before the start', async () => {
    let count = 0;
    const server = await started({ onStopping: () => (count += 1) });
    await server.stop();
    await server.stop();
    expect(count).toBe(1);
    const never = createServer({
      ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1024, adminToken: 'x', logger: silentLogger },
      ...{ acceptKey: async () => null, routes: [] },
    });
    await never.stop();
  });
});
