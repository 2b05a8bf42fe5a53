/** A network that breaks each connection after a number of bytes. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Passes a connection on and breaks it when its answer has given as many bytes as `cutAt` says; until the test ends. */
export async function cuttingProxy(target: string, cutAt: (connection: number) => number) {
  let connections = 0;
  const sockets = new Set<Socket>();
  const { hostname, port } = new URL(target);
  const server = createServer((client) => {
    let left = cutAt(connections++);
    const broker = connect(Number(port), hostname);
    sockets.add(client).add(broker);
    client.pipe(broker);
    broker.on('data', (part) => {
      client.write(part.subarray(0, left));
      left -= part.length;
      if (left <= 0) {
        client.destroySoon();
        broker.destroy();
      }
    });
    for (const one of [client, broker])
      one.on('error', () => undefined).on('close', () => (client.destroySoon(), broker.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, count: () => connections };
}
