/** Hears by webhook that a request has ended, with node:http. Beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/webhook-node.ts */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Fila, InvalidWebhook, type WebhookEvent } from '@fila/sdk';

const fila = new Fila();
/** Webhooks come at least once. An application remembers their ids in the transaction of its work. */
const seen = new Set<string>();

async function receive(request: IncomingMessage): Promise<void> {
  // The bytes as they came: what was parsed and written again has another signature.
  const event = await fila.webhooks.unwrap(await buffer(request), request.headers, endpoint.secret);
  const id = String(request.headers['webhook-id']);
  if (seen.has(id)) return;
  seen.add(id);
  // The broker waits 10 seconds for an answer: work that may take longer comes after it.
  setImmediate(handle, event);
}

async function handle(event: WebhookEvent): Promise<void> {
  if (event.type !== 'request.completed') return console.log(event.type);
  const { result } = await fila.requests.get(event.data.id);
  console.log(`${event.type} ${event.data.id}\n${result?.text}`);
  await fila.webhooks.delete(endpoint.id);
  server.close();
}

const server = createServer((request, response) => {
  receive(request).then(
    () => response.writeHead(204).end(),
    (error: unknown) => response.writeHead(error instanceof InvalidWebhook ? 400 : 500).end(),
  );
});
await once(server.listen(0, '127.0.0.1'), 'listening');

const { port } = server.address() as AddressInfo;
const endpoint = await fila.webhooks.create({ url: `http://127.0.0.1:${port}/fila` });
await fila.requests.create({ prompt: process.argv[2] ?? 'Why is the sky blue?' });
