/** The peer's worker process: row read, model asked as a stream, result written, signed webhook sent. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { Agent, request } from 'undici';
import { openDatabase } from './database.mjs';

const { PEER_PORT, PEER_DATABASE_URL, PEER_REDIS_URL, PEER_OLLAMA_URL, PEER_CONCURRENCY } = process.env;
const { ApiKey, Request } = await openDatabase(PEER_DATABASE_URL);
const dispatcher = new Agent({ connections: 128, headersTimeout: 0, bodyTimeout: 0 });

async function ask({ model, prompt }) {
  const { statusCode, body } = await request(`${PEER_OLLAMA_URL}/api/generate`, {
    ...{ dispatcher, method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ model, prompt, stream: true }),
  });
  if (statusCode !== 200) throw new Error(`The model answered ${statusCode}: ${await body.text()}`);
  let text = '';
  let rest = '';
  let isDone = false;
  for await (const piece of body.setEncoding('utf8')) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const { response, done } = JSON.parse(line);
      text += response;
      isDone ||= done;
    }
  }
  if (!isDone) throw new Error('The model broke off.');
  return text;
}

async function tell(row, secret) {
  const body = JSON.stringify({
    type: 'request.completed',
    timestamp: row.completedAt.toISOString(),
    data: { id: row.id, status: row.status, model: row.model, created_at: row.createdAt.toISOString() },
  });
  const id = `msg_${row.id}`;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const { statusCode, body: answer } = await request(row.callbackUrl, {
    ...{ dispatcher, method: 'POST', body },
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    },
  });
  await answer.dump();
  if (statusCode >= 300) throw new Error(`The receiver answered ${statusCode}.`);
}

/** A key's secret never changes. */
const secrets = new Map();
async function secretOf(keyId) {
  if (!secrets.has(keyId)) secrets.set(keyId, (await ApiKey.findByPk(keyId)).webhookSecret);
  return secrets.get(keyId);
}

new Worker(
  'requests',
  async ({ data: { id } }) => {
    const row = await Request.findByPk(id);
    if (row.status !== 'completed')
      await row.update({ status: 'completed', result: await ask(row), completedAt: new Date() });
    if (row.callbackUrl) await tell(row, await secretOf(row.keyId));
  },
  {
    connection: new Redis(PEER_REDIS_URL, { maxRetriesPerRequest: null }),
    concurrency: Number(PEER_CONCURRENCY),
  },
).on('error', (error) => console.error(error));

// So that whoever starts it can tell when it is ready.
createServer((_, response) => response.end('ok')).listen(Number(PEER_PORT), '127.0.0.1');
