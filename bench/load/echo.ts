/** A process that answers as soon as it has woken, and does nothing else: what two processes on this machine cost each other. */
import { createServer, type AddressInfo } from 'node:net';

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('data', () => socket.write('.'));
  socket.on('error', () => undefined);
});

process.on('message', ({ number }: { number: number }) =>
  process.send!({ number, result: (server.address() as AddressInfo).port }),
);
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send!({ number: 0 }));
