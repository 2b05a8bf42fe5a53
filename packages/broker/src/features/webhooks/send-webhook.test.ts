/** One attempt against receivers that behave, and against those that do not. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { rememberedUrls } from './remembered-urls.ts';
import { createSender, type SendResult } from './send-webhook.ts';
import { addressGuard, type Resolve } from './ssrf-guard.ts';

interface Talk {
  readonly url: string;
  readonly sockets: Socket[];
}

/** A receiver below HTTP: what it does with a connection is up to the test. */
async function receiver(talk: (socket: Socket) => void): Promise<Talk> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    talk(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, sockets };
}

/** Answers each call with these lines and then whatever follows. */
const saying = (text: string, then?: (socket: Socket) => void) => (socket: Socket) =>
  void socket.on('data', () => socket.write(text, () => then?.(socket)));

async function send(
  url: string,
  {
    timeoutMs = 5_000,
    signal = new AbortController().signal,
    resolve = undefined as Resolve | undefined,
  } = {},
): Promise<SendResult> {
  const isAllowed = addressGuard(['127.0.0.0/8']);
  const sender = createSender({
    ...{ clock: systemClock, isAllowed, known: rememberedUrls(isAllowed), timeoutMs, resolve },
    ...{ connectionsPerHost: 8, signal },
  });
  onTestFinished(() => sender.close());
  return sender.send({ url, headers: { 'webhook-id': 'msg_1' }, body: Buffer.from('{}') });
}

describe('an attempt', () => {
  it('posts the body as it is and keeps the beginning of the answer', async () => {
    const heard: string[] = [];
    const { url } = await receiver((socket) => {
      socket.on('data', (chunk) => {
        heard.push(chunk.toString());
        socket.write('HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nthank you');
      });
    });
    const result = await send(`${url}hook?a=1#part`);
    expect(result).toMatchObject({ kind: 'answered', status: 202, retryAfterMs: null });
    expect(result.kind === 'answered' && result.excerpt.toString()).toBe('thank you');
    expect(heard.join('')).toMatch(/^POST \/hook\?a=1 HTTP\/1\.1\r\n/);
    expect(heard.join('')).toMatch(/content-type: application\/json\r\n/);
    expect(heard.join('')).toMatch(/\r\n\r\n\{\}$/);
  });

  it('reads no more than 64 KiB of an answer without end, and keeps 1 KiB', async () => {
    let written = 0;
    const { url, sockets } = await receiver(
      saying('HTTP/1.1 200 OK\r\n\r\n', (socket) => {
        const pour = (): void => {
          while (socket.writable && socket.write('x'.repeat(1024))) written += 1024;
        };
        socket.on('drain', pour);
        pour();
      }),
    );
    const result = await send(url, { timeoutMs: 20_000 });
    expect(result).toMatchObject({ kind: 'answered', status: 200 });
    expect(result.latencyMs).toBeLessThan(5_000);
    expect(result.kind === 'answered' && result.excerpt).toHaveLength(1024);
    const [socket] = sockets;
    if (!socket!.closed) await new Promise((resolve) => socket!.once('close', resolve));
    expect(written).toBeGreaterThan(64 * 1024);
  });

  it.each([
    ['an answer that stops in the middle', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', 204],
    ['a body that never comes', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', 200],
    ['an error whose body never comes', 'HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nab', 500],
  ])('counts %s by its status', async (_what, text, status) => {
    const { url } = await receiver(saying(text));
    expect(await send(url, { timeoutMs: 300 })).toMatchObject({ kind: 'answered', status });
  });

  it('does not follow a redirect', async () => {
    const target = await receiver(saying('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    const moved = `HTTP/1.1 302 Found\r\nLocation: ${target.url}\r\nContent-Length: 0\r\n\r\n`;
    const { url } = await receiver(saying(moved));
    expect(await send(url)).toMatchObject({ kind: 'answered', status: 302 });
    expect(target.sockets).toHaveLength(0);
  });

  it('knows how long it is asked to stay away', async () => {
    const { url } = await receiver(
      saying('HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n'),
    );
    expect(await send(url)).toMatchObject({ status: 429, retryAfterMs: 7_000 });
  });

  const never: Resolve = () => new Promise(() => undefined);
  it.each([
    ['no answer', 'timeout', () => undefined, undefined],
    ['headers without end', 'timeout', saying('HTTP/1.1 200 OK\r\nX-A: '), undefined],
    ['a name that nobody resolves', 'timeout', () => undefined, never],
    ['a connection that breaks', 'unreachable', (socket: Socket) => socket.destroy(), undefined],
    ['something that is not HTTP', 'unreachable', saying('220 mail.example ESMTP\r\n'), undefined],
  ] as const)('fails on %s: %s', async (_what, error, talk, resolve) => {
    const { url } = await receiver(talk);
    const target = resolve ? url.replace('127.0.0.1', 'receiver.example') : url;
    const result = await send(target, { timeoutMs: 300, resolve });
    expect(result).toMatchObject({ kind: 'failed', error });
    expect(result.latencyMs).toBeLessThan(2_000);
  });

  it('fails where nobody listens, and where nobody may call', async () => {
    const { url, sockets } = await receiver(() => undefined);
    const { port } = new URL(url);
    expect(await send('http://127.0.0.1:1/')).toMatchObject({ kind: 'failed', error: 'unreachable' });
    for (const refused of [`http://[::1]:${port}/`, 'http://10.0.0.1/', `http://u:p@127.0.0.1:${port}/`])
      expect(await send(refused)).toMatchObject({ kind: 'failed', error: 'address_refused' });
    expect(sockets).toHaveLength(0);
  });

  it('ends when the daemon stops', async () => {
    const stopping = new AbortController();
    const { url } = await receiver(() => stopping.abort());
    expect(await send(url, { signal: stopping.signal })).toMatchObject({ kind: 'failed' });
  });
});
