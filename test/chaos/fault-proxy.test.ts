/** The proxy does what it is told, to each connection and direction, and nothing when it is told nothing. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Faults, type FaultProxy, startFaultProxy } from './fault-proxy.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (let close = closing.pop(); close; close = closing.pop()) await close();
});

/** A server that sends back what it gets, and the proxy before it. */
async function proxied(faults: Faults | null = null): Promise<FaultProxy & { received: () => Buffer[] }> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      received.push(bytes);
      socket.write(bytes);
    });
    socket.on('end', () => socket.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startFaultProxy((server.address() as AddressInfo).port, 7);
  await proxy.set(faults);
  closing.push(
    () => proxy.stop(),
    async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    },
  );
  return { ...proxy, received: () => received };
}

interface Client {
  readonly socket: Socket;
  readonly pieces: Buffer[];
  /** Resolves when it has so many bytes. */
  has(bytes: number): Promise<void>;
  /** `end`, or the code of the error it closed with. */
  readonly closed: Promise<string>;
}

async function client(port: number): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const pieces: Buffer[] = [];
  let code = 'end';
  socket.on('data', (bytes: Buffer) => pieces.push(bytes));
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? 'error'));
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(code)));
  closing.push(async () => socket.destroy());
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), closed]);
  const size = () => pieces.reduce((sum, piece) => sum + piece.length, 0);
  const has = async (bytes: number): Promise<void> => {
    while (size() < bytes) await once(socket, 'data');
  };
  return { socket, pieces, has, closed };
}

const text = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString();

/** Whether a promise is still open after this time. */
async function isOpenAfter(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open');
  return (await Promise.race([promise, new Promise((resolve) => setTimeout(resolve, ms, open))])) === open;
}

describe('a proxy without faults', () => {
  it('passes everything on, large and small, and both ends', async () => {
    const proxy = await proxied();
    const { socket, pieces, closed } = await client(proxy.port);
    const sent = Buffer.alloc(3_000_000, 'a proxy ');
    socket.end(sent);
    expect(await closed).toBe('end');
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    expect(proxy.connections()).toEqual([]);
  });
});

describe('latency', () => {
  it('delays one direction by itself and its jitter, and keeps the order', async () => {
    const proxy = await proxied({ down: { latencyMs: 60, jitterMs: 40 } });
    const { socket, pieces, has } = await client(proxy.port);
    const started = performance.now();
    for (const word of ['a', 'b', 'c', 'd']) {
      socket.write(word);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await has(4);
    expect(text(pieces)).toBe('abcd');
    const tookMs = performance.now() - started;
    expect(tookMs).toBeGreaterThanOrEqual(60);
    // Late together, not one after the other.
    expect(tookMs).toBeLessThan(230);
    expect(text(proxy.received())).toBe('abcd');
  });
});

describe('new connections', () => {
  it('are refused when told so, and taken again at the same port', async () => {
    const proxy = await proxied({ connections: 'refuse' });
    expect(await (await client(proxy.port)).closed).toBe('ECONNREFUSED');
    await proxy.set(null);
    const { socket, has } = await client(proxy.port);
    socket.write('x');
    await has(1);
  });

  it('are reset when told so', async () => {
    const proxy = await proxied({ connections: 'reset' });
    expect(await (await client(proxy.port)).closed).toBe('ECONNRESET');
  });

  it('suffer in the share that was asked for, the same ones for the same seed', async () => {
    const patterns = [];
    for (const _ of [1, 2]) {
      const proxy = await proxied({ connections: 'reset', share: 0.5 });
      const ends = [];
      for (let i = 0; i < 12; i++) {
        const { socket, closed } = await client(proxy.port);
        socket.end();
        ends.push((await closed) === 'ECONNRESET' ? 'reset' : 'passed');
      }
      patterns.push(ends);
    }
    expect(patterns[0]).toEqual(patterns[1]);
    expect(new Set(patterns[0])).toEqual(new Set(['reset', 'passed']));
  });
});

describe('a black hole', () => {
  it('holds everything, also on connections that were there, and lets it through when healed', async () => {
    const proxy = await proxied();
    const old = await client(proxy.port);
    old.socket.write('1');
    await old.has(1);
    await proxy.set({ connections: 'blackhole' });
    const fresh = await client(proxy.port);
    old.socket.write('2');
    fresh.socket.write('3');
    expect(await isOpenAfter(60, Promise.race([old.has(2), fresh.has(1)]))).toBe(true);
    expect(text(proxy.received())).toBe('1');
    await proxy.set(null);
    await Promise.all([old.has(2), fresh.has(1)]);
    expect(text(old.pieces) + text(fresh.pieces)).toBe('123');
  });
});

describe('a reset', () => {
  it('ends what is open in the middle, at both sides, and not what comes later', async () => {
    const proxy = await proxied();
    const { socket, has, closed } = await client(proxy.port);
    socket.write('x');
    await has(1);
    proxy.resetAll();
    expect(await closed).toBe('ECONNRESET');
    const next = await client(proxy.port);
    next.socket.write('y');
    await next.has(1);
  });

  it('can be of one connection among others', async () => {
    const proxy = await proxied();
    const [one, other] = [await client(proxy.port), await client(proxy.port)];
    for (const { socket, has } of [one, other]) {
      socket.write('x');
      await has(1);
    }
    proxy.connections()[0]!.reset();
    expect(await one.closed).toBe('ECONNRESET');
    other.socket.write('y');
    await other.has(2);
  });
});

describe('a slicer', () => {
  it('cuts one direction into single bytes', async () => {
    const proxy = await proxied({ down: { sliceBytes: 1 } });
    const { socket, pieces, has } = await client(proxy.port);
    socket.write('ação 🚀');
    await has(Buffer.byteLength('ação 🚀'));
    expect(text(pieces)).toBe('ação 🚀');
    expect(pieces.length).toBeGreaterThan(3);
    expect(proxy.received()).toHaveLength(1);
  });
});

describe('a bandwidth', () => {
  it('limits what passes in a second', async () => {
    const proxy = await proxied({ up: { bytesPerSecond: 20_000, sliceBytes: 500 } });
    const { socket, has } = await client(proxy.port);
    const started = performance.now();
    socket.write(Buffer.alloc(4_000));
    await has(4_000);
    expect(performance.now() - started).toBeGreaterThanOrEqual(190);
  });
});

describe('a cap', () => {
  it('lets so many bytes through and then keeps the connection half open, also when the server ends', async () => {
    const proxy = await proxied({ down: { capBytes: 5 } });
    const { socket, pieces, has, closed } = await client(proxy.port);
    socket.write('0123456789');
    await has(5);
    socket.end('and more');
    expect(await isOpenAfter(60, closed)).toBe(true);
    await proxy.set(null);
    expect(await isOpenAfter(60, closed)).toBe(true);
    expect(text(pieces)).toBe('01234');
    expect(text(proxy.received())).toBe('0123456789and more');
  });

  it('can be of one connection only', async () => {
    const proxy = await proxied();
    const [one, other] = [await client(proxy.port), await client(proxy.port)];
    for (const { socket, has } of [one, other]) {
      socket.write('ab');
      await has(2);
    }
    proxy.connections()[0]!.set({ down: { capBytes: 0 } });
    one.socket.write('cd');
    other.socket.write('cd');
    await other.has(4);
    expect(await isOpenAfter(40, one.has(3))).toBe(true);
  });
});
