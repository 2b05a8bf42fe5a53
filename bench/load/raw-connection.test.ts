/** The cheap client against a real server, with the requests that loads are made of. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { RawConnection } from './raw-connection.ts';
import { requestWriter } from './request-plan.ts';

async function serve(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const asked = (port: number, path: string): string => requestWriter({ port, method: 'GET', path })(0);

it('reads answers with a length and chunked ones, in however many pieces, on one connection', async () => {
  let ended = 0;
  const port = await serve((request, response) => {
    if (request.url === '/chunked') response.write('{"a":');
    else response.setHeader('content-length', 7);
    if (request.url === '/length') response.write('{"a":');
    setImmediate(() => response.end(request.url === '/whole' ? '{"a":1}' : '1}'));
    request.socket.once('close', () => (ended += 1));
  });
  const connection = await RawConnection.open(port);
  expect(await connection.ask(asked(port, '/length'))).toEqual({ status: 200, body: '{"a":1}' });
  expect(await connection.ask(asked(port, '/chunked'))).toMatchObject({ status: 200 });
  expect(await connection.ask(asked(port, '/whole'))).toEqual({ status: 200, body: '{"a":1}' });
  expect(ended).toBe(0);
  connection.close();
});

it('says 0 when the connection breaks before the answer', async () => {
  const port = await serve((request) => void request.socket.destroy());
  const connection = await RawConnection.open(port);
  expect(await connection.ask(asked(port, '/'))).toEqual({ status: 0, body: '' });
  expect(await connection.ask(asked(port, '/'))).toEqual({ status: 0, body: '' });
});

it('sends prompts of 512 characters that differ, with keys and models in turns', async () => {
  const seen: { key: string | undefined; body: { prompt: string; model: string; callback_url: string } }[] =
    [];
  const port = await serve((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      seen.push({ key: request.headers.authorization, body: JSON.parse(body) as never });
      response.end('{}');
    });
  });
  const write = requestWriter({
    ...{ port, method: 'POST', path: '/', keys: ['a', 'b'], models: ['m1', 'm2', 'm3'] },
    ...{ promptStart: 'run 1', body: { callback_url: 'http://x/' } },
  });
  const connection = await RawConnection.open(port);
  for (const number of [0, 1, 2, 3]) expect((await connection.ask(write(number))).status).toBe(200);
  connection.close();
  expect(seen.map(({ key }) => key)).toEqual(['Bearer a', 'Bearer b', 'Bearer a', 'Bearer b']);
  expect(seen.map(({ body }) => body.model)).toEqual(['m1', 'm2', 'm3', 'm1']);
  expect(new Set(seen.map(({ body }) => body.prompt)).size).toBe(4);
  for (const { body } of seen) {
    expect(body.prompt).toHaveLength(512);
    expect(body.prompt.startsWith('run 1 ')).toBe(true);
    expect(body.callback_url).toBe('http://x/');
  }
});
