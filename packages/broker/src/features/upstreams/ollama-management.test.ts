import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createConnections } from './ollama-connections.ts';
import { createOllamaManagement, Refusal } from './ollama-management.ts';

async function managementOf(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connections = createConnections(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(async () => {
    await connections.close();
    server.close();
  });
  const wanted = new AbortController();
  const call = { method: 'POST', path: '/api/pull', body: '{}', signal: wanted.signal } as const;
  return { wanted, lines: createOllamaManagement(connections, '').manage(call) };
}

it('what nobody wants any more ends at the server, too', async () => {
  const closed = Promise.withResolvers<void>();
  const { wanted, lines } = await managementOf((_request, response) => {
    response.once('close', () => closed.resolve());
    response.write('{"status":"pulling');
    response.write(' manifest"}\n');
  });
  expect((await lines.next()).value).toEqual({ status: 'pulling manifest' });
  wanted.abort();
  await closed.promise;
  await expect(lines.next()).rejects.toBeInstanceOf(Refusal);
});

it('an answer that breaks off is no success', async () => {
  const { lines } = await managementOf((_request, response) => {
    response.write('{"status":"pulling manifest"}\n', () => response.destroy());
  });
  await lines.next();
  await expect(lines.next()).rejects.toMatchObject({
    message: expect.stringContaining('broke'),
    status: null,
  });
});

it('a refusal without words has its status', async () => {
  const { lines } = await managementOf((_request, response) => response.writeHead(405).end('<html>'));
  await expect(lines.next()).rejects.toMatchObject({ message: expect.stringContaining('405'), status: 405 });
});
