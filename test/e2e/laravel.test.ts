/** The example for Laravel under real Illuminate components against a real broker: it asks, queues, hears, and fakes. */
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fila, type CreatedApiKey } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { simulatedAnswer } from '../../packages/cli/src/simulate-ollama/answers.ts';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { cuttingProxy } from '../helpers/cutting-proxy.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { startPhpServer, type PhpServer } from '../helpers/php-server.ts';
import { laravelAvailable, needLaravel } from '../services/need.ts';

const run = promisify(execFile);
const LARAVEL = join(import.meta.dirname, '../../examples/laravel');
const PATH = '/fila/webhook';
/** As a secret that is on its way out: valid, and not the one that Fila signs with. */
const OLD_SECRET = `whsec_${Buffer.from('the secret before the last one').toString('base64')}`;

interface SignOptions {
  id?: string;
  secret?: string;
  agoSeconds?: number;
}

describe.skipIf(!laravelAvailable)('an application with Laravel', () => {
  let ollama: SimulatedOllama;
  let daemon: Daemon;
  let client: Fila;
  let key: CreatedApiKey;

  beforeAll(async () => {
    ollama = await startSimulatedOllama({ answerTokens: 120, tokensPerSecond: 400 });
    daemon = await startDaemon({
      FILA_OLLAMA_URLS: ollama.url,
      FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
    });
    key = await new Fila({ url: daemon.url, adminToken: daemon.adminToken }).keys.create({ name: 'laravel' });
    client = new Fila({ url: daemon.url, apiKey: key.key });
  });
  afterAll(async () => {
    await daemon?.stop();
    await ollama?.stop();
  });

  const php = (script: string, prompt: string, more: Record<string, string> = {}) =>
    run(needLaravel().cli, [join(LARAVEL, 'app', script), prompt], {
      env: { ...process.env, FILA_URL: daemon.url, FILA_API_KEY: key.key, ...more },
    });

  const startServer = () =>
    startPhpServer(needLaravel().cli, join(LARAVEL, 'app/server.php'), (folder, url) => ({
      FILA_URL: daemon.url,
      FILA_API_KEY: key.key,
      FILA_WEBHOOK_SECRETS: `${OLD_SECRET},${key.webhook_secret}`,
      APP_URL: url,
      CACHE_PATH: join(folder, 'cache'),
    }));

  const eventOf = (type: string, data: Record<string, unknown>): string =>
    JSON.stringify({ type, timestamp: new Date().toISOString(), data });

  const failedEvent = eventOf('request.failed', {
    id: 'req_1',
    status: 'failed',
    error: { code: 'timeout' },
  });

  function signed(body: string, { id = 'msg_1', secret = OLD_SECRET, agoSeconds = 0 }: SignOptions = {}) {
    const timestamp = `${Math.floor(Date.now() / 1000) - agoSeconds}`;
    const signature = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
      .update(`${id}.${timestamp}.${body}`)
      .digest('base64');
    return {
      method: 'POST',
      headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` },
      body,
    };
  }

  const statusOf = async (server: PhpServer, call: RequestInit): Promise<number> =>
    (await fetch(server.url + PATH, call)).status;

  const told = (server: PhpServer, word: string): string[] =>
    server.logged().filter((line) => line.includes(word));

  it('asks and waits, and says why and in which call when it is refused', async () => {
    const { stdout } = await php('ask.php', 'Olá, São João!');
    expect(stdout).toBe(`${(await client.requests.list().page()).items[0]!.result!.text}\n`);
    const refused = await php('ask.php', 'Hi', { FILA_API_KEY: 'fila_live_wrong' }).catch(
      (error: { code: number; stderr: string }) => error,
    );
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^unauthorized: .* \(call \S+\)\n$/),
    });
    expect(refused.stderr).not.toContain('fila_live_wrong');
  });

  it('hears an answer while it is given, through connections that are cut anywhere', async () => {
    const proxy = await cuttingProxy(daemon.url, (n) => 1_200 + n * 300);
    const { stdout } = await php('stream.php', 'cut anywhere', { FILA_URL: proxy.url });
    expect(proxy.count()).toBeGreaterThan(2);
    expect(stdout).toBe(`${(await client.requests.list().page()).items[0]!.result!.text}\n`);
  });

  it('tries again after the time that it was asked to stay away, and gives up on what cannot succeed', async () => {
    const script = `require '${LARAVEL}/app/bootstrap.php';
      use Illuminate\\Support\\Facades\\Http;
      [$keys, $types, $waited] = [[], [], microtime(true)];
      Http::fake(function ($request) use (&$keys, &$types) {
        $keys[] = $request->header('Idempotency-Key')[0];
        $types = $request->header('Content-Type');
        return count($keys) === 1 ? Http::response(['code' => 'overloaded'], 503, ['Retry-After' => '1']) : Http::response(['code' => 'invalid_request'], 422);
      });
      try { Fila\\Laravel\\Facades\\Fila::create(['prompt' => 'x']); } catch (Fila\\FilaError $error) {
        echo json_encode([count($keys), count(array_unique($keys)), $types, $error->errorCode, microtime(true) - $waited >= 1]);
      }`;
    const { stdout } = await run(needLaravel().cli, ['-r', script]);
    expect(JSON.parse(stdout)).toEqual([2, 1, ['application/json'], 'invalid_request', true]);
  });

  it('waits through answers that may be better later, for as long as it was told to', async () => {
    const script = `require '${LARAVEL}/app/bootstrap.php';
      use Illuminate\\Support\\Facades\\Http;
      Http::fakeSequence()->push(['code' => 'overloaded'], 503)->push('from a proxy', 502)->push(['status' => 'processing'])->push(['status' => 'completed']);
      echo Fila\\Laravel\\Facades\\Fila::wait('req_1', timeoutSeconds: 30)['status'];`;
    const env = { ...process.env, FILA_RETRIES: '0' };
    expect((await run(needLaravel().cli, ['-r', script], { env })).stdout).toBe('completed');
  });

  it('queues a job that ends before the model has begun, and hears of the answer once, also when it is told twice', async () => {
    const server = await startServer();
    ollama.control({ held: true });
    const { stdout } = await php('submit.php', 'Write a haiku', { APP_URL: server.url });
    expect(stdout).toMatch(/^submitted /);
    const sent = (await client.requests.list().page()).items[0]!;
    expect(['pending', 'processing']).toContain(sent.status);
    ollama.control({ held: false });

    const deliveries = async () =>
      (await client.webhooks.deliveries.list({ request_id: sent.id }).page()).items;
    await expect.poll(async () => (await deliveries()).map(({ status }) => status)).toEqual(['delivered']);
    expect(told(server, `order 42: ${simulatedText(await client.requests.get(sent.id))}`)).toHaveLength(1);

    await client.webhooks.deliveries.redeliver((await deliveries())[0]!.id);
    await expect
      .poll(async () => (await deliveries()).map(({ status }) => status))
      .toEqual(['delivered', 'delivered']);
    expect(told(server, 'order 42')).toHaveLength(1);
  });

  it('refuses what was changed, is old, or is signed by somebody else', async () => {
    const server = await startServer();
    const good = signed(failedEvent);
    expect(await statusOf(server, { ...good, body: failedEvent.replace('failed', 'expired') })).toBe(400);
    expect(await statusOf(server, signed(failedEvent, { agoSeconds: 301 }))).toBe(400);
    expect(await statusOf(server, signed(failedEvent, { agoSeconds: -310 }))).toBe(400);
    expect(await statusOf(server, signed(failedEvent, { secret: 'whsec_c29tZWJvZHkgZWxzZQ==' }))).toBe(400);
    expect(await statusOf(server, { method: 'POST', body: failedEvent })).toBe(400);
    expect(server.logged().join('')).not.toContain('req_1');
    expect(await statusOf(server, good)).toBe(204);
    expect(told(server, 'req_1 failed: timeout')).toHaveLength(1);
  });

  it('takes each of its secrets, and what it does not know', async () => {
    const server = await startServer();
    const byNew = signed(failedEvent, { id: 'msg_new', secret: key.webhook_secret });
    expect(await statusOf(server, byNew)).toBe(204);
    expect(told(server, 'req_1 failed')).toHaveLength(1);
    const unknown = signed(eventOf('request.dreamt', { id: 'req_2' }), { id: 'msg_unknown' });
    expect(await statusOf(server, unknown)).toBe(204);
    expect(server.logged().join('')).not.toContain('req_2');
  });

  it('handles one webhook once, also when it comes at the same time again', async () => {
    const server = await startServer();
    const call = signed(failedEvent);
    const statuses = await Promise.all(Array.from({ length: 8 }, () => statusOf(server, call)));
    expect(statuses).toContain(204);
    expect(statuses.filter((status) => status !== 204 && status !== 503)).toEqual([]);
    expect(told(server, 'req_1 failed')).toHaveLength(1);
  });

  it('has a webhook come again whose work failed', async () => {
    const server = await startServer();
    const { id } = await client.requests.createAndWait({ prompt: 'later', metadata: { order: 7 } });
    const bodyOf = (id: string) => eventOf('request.completed', { id, metadata: { order: 7 } });
    expect(await statusOf(server, signed(bodyOf('req_none')))).toBe(500);
    expect(await statusOf(server, signed(bodyOf(id)))).toBe(204);
    expect(told(server, 'order 7')).toHaveLength(1);
  });

  it('is tested without a broker: its own tests pass', async () => {
    const { stdout } = await run(needLaravel().phpunit, [
      '--bootstrap',
      join(LARAVEL, 'app/bootstrap.php'),
      '--do-not-cache-result',
      join(LARAVEL, 'tests'),
    ]);
    expect(stdout).toMatch(/OK \(\d+ tests, \d+ assertions\)/);
  });
});

function simulatedText({ model }: { model: string }): string {
  return simulatedAnswer(model, 'Write a haiku');
}
