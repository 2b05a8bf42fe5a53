/** Runs every file of examples/ against one daemon, as its first line says, and reads what it prints. A new example is one row here. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fila } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { simulatedAnswer } from '../../packages/cli/src/simulate-ollama/answers.ts';
import {
  simulatedEmbedding,
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { startPhpServer } from '../helpers/php-server.ts';
import { laravelAvailable, needLaravel, needPhp, phpAvailable } from '../services/need.ts';

const run = promisify(execFile);
const EXAMPLES = join(import.meta.dirname, '../../examples');
/** What examples are made of, and what is no program. */
const PARTS =
  /^(README\.md|laravel\/(README\.md|composer\.json|app\/bootstrap\.php|(config|routes|src|tests)\/.*))$/;

const answer = (prompt: string): string => simulatedAnswer('llama3:8b', prompt);
/** Asked as a chat. */
const reply = (content: string): string => simulatedAnswer('llama3:8b', [{ role: 'user', content }]);

interface Example {
  readonly file: string;
  /** All of these, in any order. */
  readonly prints: readonly (string | RegExp)[];
  /** For one that runs on until it is ended: where it takes webhooks. What it prints is then what it logs. */
  readonly takesWebhooksAt?: string;
}

/** Its first digits: one of the clients gets it in single precision. */
const VECTOR = `as a vector: ${String(simulatedEmbedding('nomic-embed-text', 'Why is the sky blue?')[0]).slice(0, 7)}`;

const BY_ITSELF: readonly Example[] = [
  { file: 'first-request.ts', prints: [answer('Why is the sky blue?')] },
  {
    file: 'wait.ts',
    prints: ['is pending', 'is completed, of order 42', answer('Write a haiku about queues.')],
  },
  { file: 'stream.ts', prints: [answer('Tell me a story.'), /^completed, \d+ tokens$/m] },
  { file: 'webhook-node.ts', prints: ['request.completed req_', answer('Why is the sky blue?')] },
  { file: 'webhook-fastify.ts', prints: ['request.completed req_', answer('Why is the sky blue?')] },
  {
    file: 'retries-and-idempotency.ts',
    prints: ['one request', /idempotency_mismatch \(call \S+\)/, answer('Thank the customer of order 42.')],
  },
  {
    file: 'admin-automation.ts',
    prints: [
      'created key_',
      'limited to 1 a minute, 2 at once',
      answer('Say hello.'),
      /rate_limited, come back in \d+ s/,
      'revoked: unauthorized',
    ],
  },
  {
    file: 'batch.ts',
    prints: ['red', 'green', 'blue'].map(
      (colour) => `${colour}: ${answer(`Name a fruit that is ${colour}.`)}`,
    ),
  },
  { file: 'ollama-client.ts', prints: [reply('Why is the sky blue?'), VECTOR] },
  { file: 'openai-client.ts', prints: [reply('Why is the sky blue?'), VECTOR] },
  { file: 'curl.sh', prints: [/^\{"id":"req_/m, answer('Why is the sky blue?'), 'event: done'] },
];

const IN_PHP: readonly Example[] = [
  { file: 'php/first-request.php', prints: [answer('Why is the sky blue?')] },
  { file: 'php/stream.php', prints: [answer('Tell me a story.'), 'completed'] },
  { file: 'php/batch.php', prints: [/^greeting: ./m, /^farewell: ./m] },
  { file: 'php/webhook-receiver.php', prints: [/request\.completed req_/], takesWebhooksAt: '/' },
];

const WITH_LARAVEL: readonly Example[] = [
  { file: 'laravel/app/ask.php', prints: [answer('Why is the sky blue?')] },
  { file: 'laravel/app/stream.php', prints: [answer('Tell me a story')] },
  { file: 'laravel/app/submit.php', prints: [/^submitted \S+$/m] },
  {
    file: 'laravel/app/server.php',
    prints: [`order 42: ${answer('Tell me.')}`],
    takesWebhooksAt: '/fila/webhook',
  },
];

describe('examples/', () => {
  let ollama: SimulatedOllama;
  let daemon: Daemon;
  let client: Fila;
  let environment: Readonly<Record<string, string>>;

  beforeAll(async () => {
    ollama = await startSimulatedOllama({ slots: 4 });
    daemon = await startDaemon({ FILA_OLLAMA_URLS: ollama.url, FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' });
    const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
    const { key, webhook_secret: secret } = await admin.keys.create({ name: 'examples' });
    client = new Fila({ url: daemon.url, apiKey: key });
    environment = {
      FILA_URL: daemon.url,
      FILA_API_KEY: key,
      FILA_TOKEN: daemon.adminToken,
      FILA_WEBHOOK_SECRET: secret,
      FILA_WEBHOOK_SECRETS: secret,
    };
  });
  afterAll(async () => {
    await daemon?.stop();
    await ollama?.stop();
  });

  async function outputOf(program: string, { file }: Example): Promise<string> {
    const env = { ...process.env, ...environment };
    const { stdout } = await run(program, [join(EXAMPLES, file)], { env, timeout: 60_000 });
    return stdout;
  }

  /** Tells a receiver of a request that has ended, and gives what it then says. */
  async function heardBy(php: string, { file, takesWebhooksAt, prints }: Example): Promise<string> {
    const server = await startPhpServer(php, join(EXAMPLES, file), (folder, url) => ({
      ...environment,
      APP_URL: url,
      CACHE_PATH: join(folder, 'cache'),
      FILA_SEEN_FILE: join(folder, 'seen'),
    }));
    await client.requests.create({
      prompt: 'Tell me.',
      metadata: { order: 42 },
      callback_url: server.url + takesWebhooksAt,
    });
    const said = (): string => server.logged().join('\n');
    await expect.poll(said, { timeout: 20_000 }).toMatch(prints[0]!);
    return said();
  }

  function expectAll(output: string, { prints }: Example): void {
    for (const text of prints) expect(output).toMatch(text);
  }

  it('has a row here for every program in it', () => {
    const programs = readdirSync(EXAMPLES, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(EXAMPLES.length + 1));
    const rows = [...BY_ITSELF, ...IN_PHP, ...WITH_LARAVEL].map(({ file }) => file);
    expect(rows.sort()).toEqual(programs.filter((file) => !PARTS.test(file)).sort());
  });

  it.each(BY_ITSELF)('$file does what it says', async (example) => {
    const program = example.file.endsWith('.sh') ? 'sh' : process.execPath;
    expectAll(await outputOf(program, example), example);
  });

  describe.skipIf(!phpAvailable)('in PHP', () => {
    it.each(IN_PHP)('$file does what it says', async (example) => {
      const ask = example.takesWebhooksAt ? heardBy : outputOf;
      expectAll(await ask(needPhp(), example), example);
    });
  });

  describe.skipIf(!laravelAvailable)('with Laravel', () => {
    it.each(WITH_LARAVEL)('$file does what it says', async (example) => {
      const ask = example.takesWebhooksAt ? heardBy : outputOf;
      expectAll(await ask(needLaravel().cli, example), example);
    });
  });
});
