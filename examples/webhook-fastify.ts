/** Hears by webhook that a request has ended, with Fastify. Beside `npm start`:  FILA_API_KEY=fila_live_… npx node examples/webhook-fastify.ts */
import { Fila, InvalidWebhook, type WebhookEvent } from '@fila/sdk';
import Fastify from 'fastify';

const fila = new Fila();
const app = Fastify();
/** Webhooks come at least once. An application remembers their ids in the transaction of its work. */
const seen = new Set<string>();

// The bytes as they came: what was parsed and written again has another signature.
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
  done(null, body),
);

app.post('/fila', async (request, reply) => {
  const event = await fila.webhooks.unwrap(request.body as Buffer, request.headers, endpoint.secret);
  const id = String(request.headers['webhook-id']);
  // The broker waits 10 seconds for an answer: work that may take longer comes after it.
  if (!seen.has(id)) setImmediate(handle, event);
  seen.add(id);
  return reply.code(204).send();
});

app.setErrorHandler((error, _request, reply) =>
  reply.code(error instanceof InvalidWebhook ? 400 : 500).send(),
);

async function handle(event: WebhookEvent): Promise<void> {
  if (event.type !== 'request.completed') return console.log(event.type);
  const { result } = await fila.requests.get(event.data.id);
  console.log(`${event.type} ${event.data.id}\n${result?.text}`);
  await fila.webhooks.delete(endpoint.id);
  await app.close();
}

const address = await app.listen({ port: 0, host: '127.0.0.1' });
const endpoint = await fila.webhooks.create({ url: `${address}/fila` });
await fila.requests.create({ prompt: process.argv[2] ?? 'Why is the sky blue?' });
