/** The peer's HTTP process: key from the database, three windows in Redis, row committed, job added, then 202. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { openDatabase } from './database.mjs';

const { PEER_PORT, PEER_DATABASE_URL, PEER_REDIS_URL } = process.env;
const { ApiKey, Request } = await openDatabase(PEER_DATABASE_URL);
const redis = new Redis(PEER_REDIS_URL, { maxRetriesPerRequest: null });
const queue = new Queue('requests', {
  connection: redis,
  defaultJobOptions: {
    attempts: 5,
    backoff: { type: 'exponential', delay: 1000 },
    removeOnComplete: true,
    removeOnFail: { age: 7 * 86_400, count: 10_000 },
  },
});

/** High enough that the load is never refused; what is measured is what asking costs. */
const POINTS = 1_000_000_000;
const windows = [60, 3_600, 86_400].map(
  (duration) =>
    new RateLimiterRedis({ storeClient: redis, keyPrefix: `limit:${duration}`, points: POINTS, duration }),
);

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const VIEW = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    status: { type: 'string' },
    model: { type: 'string' },
    result: { type: ['string', 'null'] },
    created_at: { type: 'string' },
    completed_at: { type: ['string', 'null'] },
  },
};
const viewOf = (row) => ({
  id: row.id,
  status: row.status,
  model: row.model,
  result: row.result ?? null,
  created_at: row.createdAt.toISOString(),
  completed_at: row.completedAt?.toISOString() ?? null,
});

const app = Fastify({ logger: false });

async function authenticate(request, reply) {
  const key = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const found = key && (await ApiKey.findOne({ where: { hash: sha256(key), isActive: true } }));
  if (!found) return reply.code(401).send({ error: 'invalid key' });
  request.apiKey = found;
}

async function limit(request, reply) {
  try {
    await Promise.all(windows.map((window) => window.consume(request.apiKey.id)));
  } catch (refused) {
    if (refused instanceof Error) throw refused;
    const seconds = Math.ceil(refused.msBeforeNext / 1000);
    return reply.code(429).header('retry-after', seconds).send({ error: 'too many requests' });
  }
}

app.get('/livez', async () => ({ ok: true }));

app.post('/keys', async () => {
  const key = `peer_${randomBytes(24).toString('base64url')}`;
  const webhook_secret = `whsec_${randomBytes(32).toString('base64')}`;
  await ApiKey.create({ id: randomUUID(), hash: sha256(key), webhookSecret: webhook_secret });
  return { key, webhook_secret };
});

app.post(
  '/api/v1/requests',
  {
    onRequest: [authenticate, limit],
    schema: {
      body: {
        type: 'object',
        required: ['prompt'],
        properties: {
          prompt: { type: 'string', minLength: 1 },
          model: { type: 'string' },
          callback_url: { type: 'string' },
        },
      },
      response: { 202: VIEW },
    },
  },
  async (request, reply) => {
    const { prompt, model = 'llama3:8b', callback_url } = request.body;
    const row = await Request.create({
      id: randomUUID(),
      keyId: request.apiKey.id,
      status: 'pending',
      ...{ model, prompt, callbackUrl: callback_url },
    });
    await queue.add('run', { id: row.id });
    return reply.code(202).send(viewOf(row));
  },
);

app.get(
  '/api/v1/requests/:id',
  { onRequest: [authenticate, limit], schema: { response: { 200: VIEW } } },
  async (request, reply) => {
    const row = await Request.findOne({ where: { id: request.params.id, keyId: request.apiKey.id } });
    return row ? viewOf(row) : reply.code(404).send({ error: 'no such request' });
  },
);

await app.listen({ port: Number(PEER_PORT), host: '127.0.0.1' });
