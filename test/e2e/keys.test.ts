/** The whole life of a key: made at a real terminal and by flags, found nowhere afterwards, held to its terms on every broker. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Fila, type CreateApiKey, type CreatedApiKey } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { openTerminal } from '../helpers/terminal.ts';
import { needMariadb, tmuxAvailable } from '../services/need.ts';

const run = promisify(execFile);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Answer {
  readonly status: number;
  readonly body: { readonly code?: string; readonly id?: string; readonly error?: string };
}

const KEY = /fila_live_[0-9A-Za-z]{36}/;
const WEBHOOK_SECRET = /whsec_[A-Za-z0-9+/]{43}=/;
const MODELS = ['llama3:8b', 'llama3:70b', 'qwen:7b'].map((name) => ({ name }));
/** How long a change may go unseen on another broker. */
const SEEN_AFTER_MS = 1_000;

/** What is secret about a key: its first characters are shown in lists. */
const hiddenPart = (key: string): string => key.slice(18);

async function filesIn(folder: string): Promise<{ path: string; text: string }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (path) => ({ path, text: await readFile(path, 'latin1') })));
}

/** The arguments of every process, again and again until `work` is done. */
async function watchingProcesses<T>(work: Promise<T>): Promise<{ value: T; seen: string }> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  let seen = '';
  while (!isDone) {
    seen += (await run('ps', ['-ww', '-eo', 'args'])).stdout;
    await delay(30);
  }
  return { value: await done, seen };
}

describe.each(ENGINE_SETS)('keys on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('with its engines', () => {
    let ollama: SimulatedOllama;
    let settings: Record<string, string>;
    let daemons: Daemon[];
    let admin: Fila;
    /** Of the person at the terminal. */
    let home: string;
    /** Every one that was made here, with its webhook secret where it has one. */
    const secrets: string[] = [];
    /** Of brokers that were started again since. */
    let olderLogs = '';

    const environmentOf = (more: Record<string, string> = {}): NodeJS.ProcessEnv =>
      daemonEnvironment(daemons[0]!.dataDir, {
        ...{ FILA_URL: daemons[0]!.url, FILA_CONFIG_DIR: join(home, 'fila'), HOME: home, NO_COLOR: '1' },
        ...more,
      });
    function fila(words: readonly string[], input = ''): Promise<Ended> {
      return new Promise((resolve) => {
        const child = execFile(
          process.execPath,
          [CLI, ...words],
          { env: environmentOf() },
          (error, stdout, stderr) => resolve({ code: error ? Number(child.exitCode) : 0, stdout, stderr }),
        );
        child.stdin?.end(input);
      });
    }
    async function call(path: string, key: string, body?: object, at = daemons[0]!): Promise<Answer> {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
      const isInContract = path.startsWith('/api/v1/');
      const answer = await (isInContract ? checkedFetch : fetch)(`${at.url}${path}`, init);
      return { status: answer.status, body: (await answer.json()) as Answer['body'] };
    }
    const authenticated = async (key: string, at?: Daemon): Promise<number> =>
      (await call('/api/v1/authenticate', key, {}, at)).status;
    async function newKey(terms: Partial<CreateApiKey> = {}): Promise<CreatedApiKey> {
      const made = await admin.keys.create({ name: 'shop', ...terms });
      secrets.push(made.key, made.webhook_secret);
      return made;
    }
    async function start(): Promise<void> {
      // Several brokers only where they share their engines.
      const count = 'FILA_REDIS_URL' in settings ? 2 : 1;
      olderLogs += daemons.map((daemon) => daemon.log()).join('\n');
      const folders = daemons.map(({ dataDir }) => dataDir);
      daemons = [];
      for (let i = 0; i < count; i++) daemons.push(await startDaemon(settings, folders[i]));
      admin = new Fila({ url: daemons[0]!.url, adminToken: daemons[0]!.adminToken });
    }

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 4, models: MODELS });
      home = await mkdtemp(join(tmpdir(), 'fila-home-'));
      settings = { ...(await environment()), FILA_OLLAMA_URLS: `${ollama.url}#slots=4` };
      daemons = [];
      await start();
    });
    afterAll(async () => {
      for (const daemon of daemons) expect(await daemon.stop()).toBe(0);
      await ollama.stop();
      await rm(home, { recursive: true, force: true });
    });

    describe.skipIf(!tmuxAvailable)('made by the wizard at a terminal', () => {
      it('are what was answered, and work; the shell remembers the command and no secret', async () => {
        const terminal = openTerminal({
          ...{ columns: 200, rows: 100, command: ['bash', '--norc', '-i'] },
          environment: {
            ...environmentOf(),
            ...{ PS1: 'ready>', HISTFILE: join(home, '.bash_history'), NODE: process.execPath, CLI },
            ...{ LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' },
          },
        });
        onTestFinished(() => terminal.close());
        await terminal.answer(/ready>/, '"$NODE" "$CLI" keys create --queues any');
        await terminal.answer(/Name of the client system:/, 'till 7');
        await terminal.answer(/Plan \(.*:/, '');
        await terminal.answer(/60 seconds \(.*:/, 'lots');
        await terminal.answer(/no number(?:.|\n)*60 seconds \(.*:/, '600');
        await terminal.answer(/24 hours \(.*:/, '');
        await terminal.answer(/Tokens in any 24 hours \(.*:/, '');
        await terminal.answer(/Scopes.*all\):/, 'requests:write, requests:read');
        await terminal.answer(/Models.*:/, 'llama3*');
        await terminal.answer(/Networks.*:/, '127.0.0.0/8');
        await terminal.answer(/Good from.*:/, '');
        await terminal.answer(/Expires.*:/, '365d');
        await terminal.answer(/Make the key "till 7"\? .*\]/, 'y');
        const screen = await terminal.shows(/shown this once(?:.|\n)*ready>/);
        const [[key], [webhookSecret]] = [KEY.exec(screen)!, WEBHOOK_SECRET.exec(screen)!];
        secrets.push(key, webhookSecret);
        await terminal.answer(/ready>/, 'exit');
        await terminal.exitCode();
        expect(await readFile(join(home, '.bash_history'), 'utf8')).toContain('keys create');

        expect(await call('/api/v1/requests', key, { prompt: 'Hello' })).toMatchObject({ status: 202 });
        const { items } = await admin.keys.list().page();
        expect(items[0]).toMatchObject({
          ...{ name: 'till 7', limit_minute: 600, scopes: ['requests:write', 'requests:read'] },
          ...{ allowed_models: ['llama3*'], allowed_queues: null, allowed_ips: ['127.0.0.0/8'] },
        });
        expect(Date.parse(items[0]!.expires_at!)).toBeGreaterThan(Date.now() + 364 * 86_400_000);
      });
    });

    it('made by flags are what was asked for, work, and stand in no list of processes', async () => {
      const terms = [
        '--scopes',
        'requests:write',
        '--models',
        'qwen*',
        '--from',
        '127.0.0.1',
        '--expires',
        '30d',
      ];
      const words = ['keys', 'create', '--name', 'by flags', ...terms];
      const { value, seen } = await watchingProcesses(fila(words));
      expect(value.code).toBe(0);
      const key = value.stdout.trim();
      secrets.push(key, WEBHOOK_SECRET.exec(value.stderr)![0]);
      const sent = await watchingProcesses(
        call('/api/v1/requests', key, { prompt: 'Hello', model: 'qwen:7b' }),
      );
      expect(sent.value.status).toBe(202);
      expect(seen).toContain('keys create --name by flags');
      expect(seen + sent.seen).not.toContain(hiddenPart(key));
    });

    it('sealed to their receiver are opened by nobody else, and never seen before', async () => {
      const file = join(home, 'receiver.unseal');
      const { stdout: publicKey } = await fila(['keys', 'seal-key', '--out', file]);
      const made = await fila(['keys', 'create', '--name', 'sealed', '--seal-to', publicKey.trim()]);
      expect(made.stdout).toMatch(/^fila_sealed_[\w-]+\n$/);
      expect(made.stdout + made.stderr).not.toMatch(/fila_live_|whsec_/);
      const opened = await fila(['keys', 'unseal', '--with', file], made.stdout);
      const key = opened.stdout.trim();
      secrets.push(key, WEBHOOK_SECRET.exec(opened.stderr)![0]);
      expect(await authenticated(key)).toBe(200);
    });

    it('are refused what their scopes do not name, at the doors too', async () => {
      const { id, key } = await newKey({ scopes: ['requests:read'] });
      expect(await call('/api/v1/requests', key)).toMatchObject({ status: 200 });
      expect(await authenticated(key)).toBe(200);
      for (const [path, body] of [
        ['/api/v1/requests', { prompt: 'Hello' }],
        ['/api/v1/webhooks', undefined],
        ['/api/v1/requests/req_0/stream?cancel_on_disconnect=true', undefined],
      ] as const)
        expect(await call(path, key, body), path).toMatchObject({
          status: 403,
          body: { code: 'scope_missing' },
        });
      for (const [path, body] of [
        ['/api/chat', { model: 'llama3:8b', messages: [] }],
        ['/v1/models', undefined],
      ] as const)
        expect(await call(path, key, body), path).toMatchObject({ status: 403 });
      await admin.keys.update(id, { scopes: null });
      expect(await call('/api/v1/requests', key, { prompt: 'Hello' })).toMatchObject({ status: 202 });
    });

    it('use their models and queues only, by name, by default and through the doors', async () => {
      const { key } = await newKey({ allowed_models: ['qwen*'], allowed_queues: ['default'] });
      const send = (body: object) => call('/api/v1/requests', key, { prompt: 'Hello', ...body });
      expect((await send({ model: 'qwen:7b' })).status).toBe(202);
      for (const body of [{}, { model: 'llama3:8b' }])
        expect(await send(body)).toMatchObject({ status: 403, body: { code: 'model_not_allowed' } });
      expect(await send({ model: 'qwen:7b', queue: 'night' })).toMatchObject({
        ...{ status: 403, body: { code: 'queue_not_allowed' } },
      });
      const messages = [{ role: 'user', content: 'Hello' }];
      for (const door of ['/api/chat', '/v1/chat/completions']) {
        expect((await call(door, key, { model: 'llama3:8b', messages, stream: false })).status, door).toBe(
          403,
        );
        expect((await call(door, key, { model: 'qwen:7b', messages, stream: false })).status, door).toBe(200);
      }
      const offered = JSON.stringify([
        (await call('/api/tags', key)).body,
        (await call('/v1/models', key)).body,
      ]);
      expect(offered).toContain('qwen:7b');
      expect(offered).not.toContain('llama3');
    });

    it('are good from their networks only; who uses one elsewhere is in the log', async () => {
      const { id, key } = await newKey({ allowed_ips: ['127.0.0.1', '::1'] });
      expect(await authenticated(key)).toBe(200);
      await admin.keys.update(id, { allowed_ips: ['10.0.0.0/8', '2001:db8::/32'] });
      for (let i = 0; i < 3; i++)
        expect(await call('/api/v1/authenticate', key, {})).toMatchObject({
          ...{ status: 403, body: { code: 'address_not_allowed' } },
        });
      const lines = () => daemons[0]!.log().match(/a key was used from an address that is not on its list/g);
      await expect.poll(lines).toHaveLength(1);
    });

    it('are as they were changed on every broker within a second, and say who changed them and why', async () => {
      const { id, key } = await newKey({ name: 'changed' });
      const seen = async (): Promise<number[]> => {
        await delay(SEEN_AFTER_MS);
        return Promise.all(daemons.map((daemon) => authenticated(key, daemon)));
      };
      const everywhere = (status: number): number[] => daemons.map(() => status);
      expect(await seen()).toEqual(everywhere(200));
      expect((await fila(['keys', 'suspend', id, '--why', 'left the laptop on a train'])).code).toBe(0);
      expect(await seen()).toEqual(everywhere(401));
      expect((await fila(['keys', 'resume', id, '--why', 'it is back'])).code).toBe(0);
      expect(await seen()).toEqual(everywhere(200));
      expect((await fila(['keys', 'set', id, '--from', '10.0.0.0/8', '--limit-minute', '1'])).code).toBe(0);
      expect(await seen()).toEqual(everywhere(403));
      expect((await fila(['keys', 'set', id, '--from', 'any'])).code).toBe(0);
      await delay(SEEN_AFTER_MS);
      const sent: number[] = [];
      for (const daemon of daemons.concat(daemons))
        sent.push((await call('/api/v1/requests', key, { prompt: 'Hello' }, daemon)).status);
      expect(sent).toEqual([202, ...sent.slice(1).map(() => 429)]);
      expect((await fila(['keys', 'revoke', id, '--yes', '--why', 'the till is gone'])).code).toBe(0);
      expect(await seen()).toEqual(everywhere(401));

      const history = await fila(['keys', 'history', id, '-o', 'json']);
      const { items } = JSON.parse(history.stdout) as { items: { act: string; reason: string | null }[] };
      expect(items.map(({ act, reason }) => [act, reason])).toEqual([
        ['keys.create', null],
        ['keys.suspend', 'left the laptop on a train'],
        ['keys.resume', 'it is back'],
        ['keys.update', null],
        ['keys.update', null],
        ['keys.revoke', 'the till is gone'],
      ]);
      const table = await fila(['keys', 'history', id]);
      expect(table.stdout).toMatch(/allowed_ips.*limit_minute|limit_minute.*allowed_ips/);
    });

    it('rotated for later go on with the old secret on every broker until then', async () => {
      const { id, key: old } = await newKey();
      const { code, stdout, stderr } = await fila(['keys', 'rotate', id, '--at', '1h', '--overlap', '24h']);
      expect(code).toBe(0);
      expect(stderr).toContain('It is accepted from');
      const next = stdout.trim();
      secrets.push(next);
      for (const daemon of daemons)
        expect([await authenticated(old, daemon), await authenticated(next, daemon)]).toEqual([200, 401]);
      const now = await fila(['keys', 'rotate', id]);
      secrets.push(now.stdout.trim());
      await delay(SEEN_AFTER_MS);
      for (const secret of [old, now.stdout.trim()])
        for (const daemon of daemons) expect(await authenticated(secret, daemon)).toBe(200);
    });

    it('that expire soon are told of once, however many brokers start and look', async () => {
      const { id } = await newKey({ expires_at: new Date(Date.now() + 86_400_000).toISOString() });
      const told = (): number =>
        daemons.reduce((sum, daemon) => {
          const lines = daemon.log().split('\n');
          return (
            sum + lines.filter((line) => line.includes(id) && line.includes('a key expires soon')).length
          );
        }, 0);
      let sum = 0;
      for (let starts = 0; starts < 2; starts++) {
        sum += told();
        for (const daemon of daemons) expect(await daemon.stop()).toBe(0);
        await start();
        if (starts === 0) await expect.poll(told, { timeout: 10_000 }).toBe(1);
      }
      // Stopping waits for a look that is under way.
      for (const daemon of daemons) await daemon.stop();
      expect(sum + told()).toBe(1);
      await start();
    });

    it('are in no file of a broker or of the person, in no log, and not in the database', async () => {
      const logs = olderLogs + daemons.map((daemon) => daemon.log()).join('\n');
      const files = (await Promise.all([home, ...daemons.map(({ dataDir }) => dataDir)].map(filesIn))).flat();
      const [database] = [settings['FILA_DATABASE_URL']];
      const dump = database ? await (await needMariadb()).dump(new URL(database).pathname.slice(1)) : '';
      const audit = (await fila(['audit', 'export'])).stdout;
      expect(logs).toContain('key created');
      expect(secrets.length).toBeGreaterThan(10);
      // What is looked through is what was written: the names of the keys are in it.
      expect(database ? dump : files.map(({ text }) => text).join()).toContain('by flags');
      expect(files.some(({ path }) => path.endsWith('.bash_history')) || !tmuxAvailable).toBe(true);
      for (const secret of secrets.map((one) => (one.startsWith('fila_live_') ? hiddenPart(one) : one))) {
        expect(files.filter(({ text }) => text.includes(secret)).map(({ path }) => path)).toEqual([]);
        for (const text of [logs, dump, audit]) expect(text.includes(secret)).toBe(false);
      }
    });
  });
});
