/** The reference client in PHP against a real broker: it asks, waits, and is told by a webhook that it believes once. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fila } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { cuttingProxy } from '../helpers/cutting-proxy.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { startPhpServer } from '../helpers/php-server.ts';
import { needPhp, phpAvailable } from '../services/need.ts';

const run = promisify(execFile);
const EXAMPLES = join(import.meta.dirname, '../../examples/php');

describe.skipIf(!phpAvailable)('a client in PHP', () => {
  let ollama: SimulatedOllama;
  let daemon: Daemon;
  let admin: Fila;

  beforeAll(async () => {
    ollama = await startSimulatedOllama({ answerTokens: 120, tokensPerSecond: 400 });
    daemon = await startDaemon({ FILA_OLLAMA_URLS: ollama.url, FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' });
    admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
  });
  afterAll(async () => {
    await daemon?.stop();
    await ollama?.stop();
  });

  it('prints the answer, and a plain sentence when its key is wrong', async () => {
    const { key } = await admin.keys.create({ name: 'php' });
    const ask = (secret: string) =>
      run(needPhp(), [join(EXAMPLES, 'first-request.php'), 'Olá, São João!'], {
        env: { ...process.env, FILA_URL: daemon.url, FILA_API_KEY: secret },
      });
    expect((await ask(key)).stdout.trim().length).toBeGreaterThan(0);
    expect(JSON.stringify(ollama.state().calls.at(-1)!.body)).toContain('Olá, São João!');
    const refused = await ask('fila_live_wrong').catch((error: { code: number; stderr: string }) => error);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^unauthorized: /) });
    expect(refused.stderr).not.toContain('fila_live_wrong');
  });

  it('believes a webhook, ignores it the second time, and refuses one that was changed', async () => {
    const { key, webhook_secret: secret } = await admin.keys.create({ name: 'told' });
    const { url, logged } = await startPhpServer(
      needPhp(),
      join(EXAMPLES, 'webhook-receiver.php'),
      (folder) => ({
        FILA_WEBHOOK_SECRET: secret,
        FILA_SEEN_FILE: join(folder, 'seen'),
      }),
    );
    const client = new Fila({ url: daemon.url, apiKey: key });
    const { id } = await client.requests.createAndWait({ prompt: 'Hi', callback_url: url });
    const told = (): string[] => logged().filter((line) => line.includes(id));
    const deliveryOf = async () => (await client.webhooks.deliveries.list({ request_id: id }).page()).items;
    await expect.poll(async () => (await deliveryOf()).map(({ status }) => status)).toEqual(['delivered']);
    expect(told()).toHaveLength(1);
    const deliveryId = (await deliveryOf())[0]!.id;
    await client.webhooks.deliveries.redeliver(deliveryId);
    await expect
      .poll(async () => (await deliveryOf()).map(({ status }) => status))
      .toEqual(['delivered', 'delivered']);
    expect(told()).toHaveLength(1);
    const tampered = await fetch(url, {
      method: 'POST',
      headers: {
        'webhook-id': 'msg_x',
        'webhook-timestamp': `${Math.floor(Date.now() / 1000)}`,
        'webhook-signature': 'v1,AAAA',
      },
      body: JSON.stringify({ type: 'request.completed', data: { id } }),
    });
    expect(tampered.status).toBe(400);
    expect(told()).toHaveLength(1);
  });

  it('hears an answer while it is given, through connections that are cut anywhere', async () => {
    const { key } = await admin.keys.create({ name: 'stream' });
    const client = new Fila({ url: daemon.url, apiKey: key });
    const { id } = await client.requests.create({ prompt: 'cut anywhere' });
    const proxy = await cuttingProxy(daemon.url, (n) => 1_200 + n * 300);
    const { stdout } = await run(needPhp(), [join(EXAMPLES, 'stream.php'), id], {
      env: { ...process.env, FILA_URL: proxy.url, FILA_API_KEY: key },
    });
    expect(proxy.count()).toBeGreaterThan(2);
    expect(stdout).toBe(`${(await client.requests.get(id)).result!.text}\ncompleted\n`);
  });

  it('sends many requests at once, and reads each result once through connections that are cut', async () => {
    const { key } = await admin.keys.create({ name: 'batch' });
    const proxy = await cuttingProxy(daemon.url, (n) => 900 + n * 500);
    const { stdout } = await run(needPhp(), [join(EXAMPLES, 'batch.php')], {
      env: { ...process.env, FILA_URL: proxy.url, FILA_API_KEY: key },
    });
    const texts = ['Olá', 'Adeus'].map((text) => simulatedAnswer('llama3:8b', `Translate: ${text}`, 120));
    expect(stdout).toBe(['greeting', 'farewell'].map((name, n) => `${name}: ${texts[n]}\n`).join(''));
    expect(proxy.count()).toBeGreaterThan(2);
  });
});
