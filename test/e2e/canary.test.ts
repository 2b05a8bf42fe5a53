/** What clients write and models answer lies nowhere in the clear: not in a database, not in Redis, not in a log. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Fila } from '@fila/sdk';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { startSimulatedOllama } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { needMariadb } from '../services/need.ts';

const CANARY = 'canario7f3a9b';

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)(
    'a canary in prompt, answer, embedding, tool, metadata, error, key and reason is found in no store and no log',
    async () => {
      const ollama = await startSimulatedOllama({ slots: 2 });
      const engines = await environment();
      const daemon = await startDaemon({
        ...engines,
        FILA_OLLAMA_URLS: `${ollama.url}#slots=2`,
        FILA_LOG_LEVEL: 'debug',
        FILA_MAX_ATTEMPTS: '2',
        FILA_RETRY_BASE_MS: '10',
      });
      const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
      const { id, key, webhook_secret: webhookSecret } = await admin.keys.create({ name: 'bird' });
      await admin.keys.update(id, { limit_minute: 0 }, { headers: { 'x-fila-reason': CANARY } });
      expect((await admin.audit.get(2)).reason).toBe(CANARY);
      const fila = new Fila({ url: daemon.url, apiKey: key });
      const prompt = `Tell me about [[canary:${CANARY}]]`;

      const told = await fila.requests.createAndWait({ prompt, metadata: { note: CANARY } });
      expect(told.result?.text).toContain(CANARY);
      expect(told.metadata).toEqual({ note: CANARY });
      await fila.requests.createAndWait({
        messages: [{ role: 'user', content: `${prompt} [[fault:mid_stream_error]]` }],
      });
      const now = { type: 'function' as const, function: { name: CANARY } };
      const asking = await fila.requests.createAndWait({
        messages: [{ role: 'user', content: 'Now?' }],
        tools: [now],
      });
      expect(asking.result?.tool_calls?.[0]?.function.name).toBe(CANARY);
      const [vector = []] = await fila.embed([prompt], { model: 'nomic-embed-text', dimensions: 4 });
      expect(vector).toHaveLength(4);
      const wrong = await fetch(`${daemon.url}/api/v1/requests?${CANARY}=1`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: `{"${CANARY}": "${CANARY}"}`,
      });
      expect(wrong.status).toBe(422);
      const waiting = await fila.requests.create({
        prompt,
        metadata: { note: CANARY },
        run_at: new Date(Date.now() + 3_600_000).toISOString(),
      });
      expect(waiting.status).toBe('pending');

      const stores = await storesOf(engines, daemon);
      expect(await daemon.stop()).toBe(0);
      stores.push({ name: 'log', content: Buffer.from(daemon.log()) }, ...(await filesOf(daemon)));
      expect(stores.find((one) => one.name === 'log')!.content.length).toBeGreaterThan(500);
      const secrets = [CANARY, key, webhookSecret, vector.join()];
      const found = stores.flatMap(({ name, content }) =>
        secrets
          .filter((secret) => holds(content, secret))
          .map((secret) => `${secret.slice(0, 14)} in ${name}`),
      );
      expect(found).toEqual([]);
      // The check itself can see: what is not secret is found.
      expect(stores.filter(({ content }) => holds(content, told.id)).length).toBeGreaterThan(0);
      await ollama.stop();
    },
  );
});

interface Store {
  readonly name: string;
  readonly content: Buffer;
}

async function storesOf(engines: Record<string, string>, daemon: Daemon): Promise<Store[]> {
  const databaseUrl = engines['FILA_DATABASE_URL'];
  const redisUrl = engines['FILA_REDIS_URL'];
  if (!databaseUrl || !redisUrl) return filesOf(daemon);
  const dump = await (await needMariadb()).dump(new URL(databaseUrl).pathname.slice(1));
  expect(dump.toString()).toContain('INSERT INTO `requests`');
  const redis = new Redis(redisUrl);
  const parts: Buffer[] = [];
  for (const name of await redis.keys('*'))
    parts.push(Buffer.from(name), (await redis.dumpBuffer(name)) ?? Buffer.alloc(0));
  redis.disconnect();
  expect(parts.length).toBeGreaterThan(0);
  return [
    { name: 'MariaDB dump', content: Buffer.from(dump) },
    { name: 'Redis dump', content: Buffer.concat(parts) },
  ];
}

/** SQLite file, WAL, lock and all else in the data folder; with shared engines there is no database among them. */
async function filesOf(daemon: Daemon): Promise<Store[]> {
  const entries = await readdir(daemon.dataDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((one) => one.isFile());
  return Promise.all(
    files.map(async ({ name, parentPath }) => ({ name, content: await readFile(join(parentPath, name)) })),
  );
}

/** In the clear, as base64 at any offset, or as hexadecimal. */
function holds(content: Buffer, secret: string): boolean {
  const forms = [
    secret,
    Buffer.from(secret).toString('hex'),
    ...[0, 1, 2].map((offset) => base64At(secret, offset)),
  ];
  const text = content.toString('latin1');
  return forms.some((form) => text.includes(form)) || text.toLowerCase().includes(forms[1]!);
}

function base64At(secret: string, offset: number): string {
  return Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
    .toString('base64')
    .slice(offset === 0 ? 0 : 4, -4);
}
