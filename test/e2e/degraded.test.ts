/** The daemon keeps its promises while Redis or the database is away, and heals by itself. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fila, type Request } from '@fila/sdk';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { newDataDir, startDaemon, type Daemon, type Environment } from '../helpers/daemon.ts';
import { inParallel } from '../helpers/in-parallel.ts';
import { send, startLoad, type Sent } from '../helpers/load.ts';
import { startMariadb, type MariadbService } from '../services/mariadb-service.ts';
import { mariadbAvailable, redisAvailable } from '../services/need.ts';
import { startRedis, type RedisService } from '../services/redis-service.ts';

/** `FILA_LONG=true` for the long run. */
const REDIS_AWAY_MS = process.env['FILA_LONG'] === 'true' ? 60_000 : 20_000;
const SLOTS = 4;

interface Ready {
  readonly status: string;
  readonly checks: {
    readonly name: string;
    readonly status: string;
    readonly detail?: string;
    readonly since?: string;
  }[];
}

async function ready(daemon: Daemon): Promise<Ready> {
  return (await fetch(`${daemon.url}/readyz?verbose`)).json() as Promise<Ready>;
}

const statusOf = async (daemon: Daemon): Promise<string> => (await ready(daemon)).status;

async function newKey(daemon: Daemon): Promise<{ url: string; key: string }> {
  const { key } = await new Fila({ url: daemon.url, adminToken: daemon.adminToken }).keys.create({
    name: 'load',
  });
  return { url: daemon.url, key };
}

async function newOllama(firstTokenMs = 0) {
  const ollama = await startSimulatedOllama({ slots: SLOTS, firstTokenMs });
  onTestFinished(() => ollama.stop());
  return {
    ollama,
    environment: { FILA_OLLAMA_URLS: `${ollama.url}#slots=${SLOTS}`, FILA_RETRY_BASE_MS: '100' },
  };
}

/** Every accepted request completes with its own answer, at its first attempt. */
async function allComplete({ url, key }: { url: string; key: string }, sent: readonly Sent[]): Promise<void> {
  const fila = new Fila({ url, apiKey: key });
  const accepted = sent.filter(({ status }) => status === 202);
  expect(accepted.length).toBeGreaterThan(0);
  const done = await inParallel(32, accepted, (one) => fila.requests.wait(one.id!, { timeoutMs: 90_000 }));
  const told = (one: Request) => [one.status, one.attempts, one.result?.text];
  expect(done.map(told)).toEqual(
    accepted.map(({ prompt }) => ['completed', 1, simulatedAnswer('llama3:8b', prompt)]),
  );
}

function statuses(sent: readonly Sent[]): number[] {
  return [...new Set(sent.map((one) => one.status))].sort();
}

const slowest = (sent: readonly Sent[]): number => Math.max(0, ...sent.map((one) => one.ms));
const countOf = (log: string, message: string): number => log.split(`"msg":"${message}`).length - 1;

describe.skipIf(!mariadbAvailable || !redisAvailable)('a daemon on MariaDB and Redis', () => {
  let mariadb: MariadbService;
  let redis: RedisService;
  beforeAll(async () => {
    [mariadb, redis] = await Promise.all([startMariadb(), startRedis()]);
  });
  afterAll(async () => {
    await Promise.all([mariadb.kill(), redis.kill()]);
  });

  const engines = async (): Promise<Environment> => ({
    FILA_DATABASE_URL: await mariadb.createDatabase(),
    FILA_REDIS_URL: redis.url,
  });
  const frozen = async (service: RedisService | MariadbService, ms: number): Promise<void> => {
    await service.freeze();
    await delay(ms);
    service.thaw();
  };

  it('accepts and completes as ever while Redis is away, empty, forgetful or hanging', async () => {
    const { ollama, environment } = await newOllama();
    const daemon = await startDaemon({ ...(await engines()), ...environment });
    const target = await newKey(daemon);
    const load = startLoad(target);
    const completed = (): number => ollama.state().counters.completed;
    const goesOn = async (): Promise<void> => {
      const before = completed();
      await expect.poll(completed, { timeout: 3_000 }).toBeGreaterThan(before + 20);
    };
    await goesOn();

    await redis.kill();
    const until = performance.now() + REDIS_AWAY_MS;
    await expect.poll(() => statusOf(daemon), { timeout: 3_000 }).toBe('degraded');
    while (performance.now() < until) {
      await goesOn();
      await delay(1_000);
    }
    expect((await ready(daemon)).checks.find(({ name }) => name === 'redis')).toMatchObject({
      status: 'down',
      detail: 'Nobody listens at the address of FILA_REDIS_URL.',
      since: expect.stringMatching(/Z$/),
    });
    await redis.restart();
    await expect.poll(() => statusOf(daemon), { timeout: 5_000 }).toBe('ok');
    await goesOn();
    for (const command of ['FLUSHALL', 'SCRIPT FLUSH']) {
      await redisCommand(redis, command);
      await goesOn();
    }
    await Promise.all([frozen(redis, 5_000), delay(400).then(goesOn)]);
    await expect.poll(() => statusOf(daemon), { timeout: 8_000 }).toBe('ok');
    await goesOn();

    const sent = await load.stop();
    expect(statuses(sent)).toEqual([202]);
    expect(slowest(sent)).toBeLessThan(1_000);
    await allComplete(target, sent);
    const calls = Object.values(ollama.state().promptCalls);
    expect(calls.filter((one) => one.completed !== 1)).toEqual([]);
    expect(countOf(daemon.log(), 'the redis is away')).toBeLessThanOrEqual(4);
    expect(await daemon.stop()).toBe(0);
  });

  it('refuses quickly while MariaDB is away or hangs, accepts nothing falsely, and goes on by itself', async () => {
    const { ollama, environment } = await newOllama();
    const daemon = await startDaemon({ ...(await engines()), ...environment });
    const target = await newKey(daemon);
    const load = startLoad(target);
    const isAccepted = (): Promise<void> =>
      expect.poll(() => load.sent.at(-1)?.status, { timeout: 20_000 }).toBe(202);
    await delay(1_000);

    await mariadb.kill();
    await expect.poll(() => statusOf(daemon), { timeout: 3_000 }).toBe('down');
    const get = await fetch(`${target.url}/api/v1/requests/${load.sent[0]!.id}`, {
      headers: { authorization: `Bearer ${target.key}` },
    });
    expect(get.status).toBe(503);
    expect((await fetch(`${target.url}/livez`)).status).toBe(200);
    await delay(3_000);
    await mariadb.restart();
    await isAccepted();

    const beforeStop = load.sent.length;
    await frozen(mariadb, 6_000);
    const during = load.sent.slice(beforeStop);
    expect(during.filter(({ status }) => status === 503).length).toBeGreaterThan(0);
    await isAccepted();

    const sent = await load.stop();
    expect(statuses(sent)).toEqual([202, 503]);
    expect(slowest(sent)).toBeLessThan(2_500);
    expect(sent.filter(({ status, retryAfter }) => status === 503 && retryAfter === null)).toEqual([]);
    await allComplete(target, sent);
    const accepted = new Set(sent.filter(({ status }) => status === 202).map(({ prompt }) => prompt));
    expect(accepted.size).toBeGreaterThan(50);
    expect(Object.values(ollama.state().promptCalls).filter((one) => one.completed !== 1)).toEqual([]);
    expect(countOf(daemon.log(), 'the database is away')).toBeLessThanOrEqual(8);
    expect(daemon.log()).not.toContain('a defect of ours');
    expect(await daemon.stop()).toBe(0);
  });

  it('loses nothing when every connection to MariaDB is killed again and again', async () => {
    const { environment } = await newOllama();
    const daemon = await startDaemon({ ...(await engines()), ...environment });
    const target = await newKey(daemon);
    const load = startLoad(target);
    const admin = await createConnection({ host: '127.0.0.1', port: mariadb.port, user: 'root' });
    for (const until = performance.now() + 3_000; performance.now() < until; await delay(150)) {
      const [rows] = await admin.query(
        'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()',
      );
      for (const { id } of rows as { id: number }[]) await admin.query(`KILL ${id}`).catch(() => undefined);
    }
    await admin.end();
    await expect.poll(async () => (await send(target, 'Still there?')).status, { timeout: 10_000 }).toBe(202);
    const sent = await load.stop();
    expect(statuses(sent).filter((status) => status !== 202 && status !== 503)).toEqual([]);
    await allComplete(target, sent);
    expect(daemon.log()).not.toContain('a defect of ours');
    expect(await daemon.stop()).toBe(0);
  });

  it('writes what was finished while MariaDB was away, also when it was killed and started again meanwhile', async () => {
    const { ollama, environment } = await newOllama(2_500);
    const settings = { ...(await engines()), ...environment };
    const first = await startDaemon(settings);
    const target = await newKey(first);
    const prompts = Array.from({ length: SLOTS }, (_, n) => `Finish ${n}`);
    const sent = await Promise.all(prompts.map((prompt) => send(target, prompt)));
    await expect.poll(() => ollama.state().models['llama3:8b']?.running, { timeout: 5_000 }).toBe(SLOTS);
    await mariadb.kill();
    await expect
      .poll(() => countOf(first.log(), 'an outcome cannot be written now'), { timeout: 10_000 })
      .toBe(SLOTS);
    const spool = join(first.dataDir, 'outcomes.spool');
    expect((await stat(spool)).mode & 0o777).toBe(0o600);
    const kept = await readFile(spool, 'utf8');
    expect(kept.split('\n')).toHaveLength(SLOTS + 1);
    expect(kept).not.toContain(
      Buffer.from(simulatedAnswer('llama3:8b', prompts[0]!)).toString('base64').slice(4, 20),
    );
    await first.kill();

    const second = await startDaemon(settings, first.dataDir);
    expect((await fetch(`${second.url}/livez`)).status).toBe(200);
    expect((await fetch(`${second.url}/readyz`)).status).toBe(503);
    expect((await send({ ...target, url: second.url }, 'Too early')).status).toBe(503);
    await mariadb.restart();
    await expect.poll(() => statusOf(second), { timeout: 10_000 }).toBe('ok');
    await allComplete({ ...target, url: second.url }, sent);
    expect(Object.values(ollama.state().promptCalls).filter((one) => one.calls !== 1)).toEqual([]);
    await expect.poll(() => countOf(second.log(), 'an outcome of an earlier run was written')).toBe(SLOTS);
    expect((await stat(spool)).size).toBe(0);
    expect(await second.stop()).toBe(0);
  });

  it('starts without any of them, says what is wrong, and becomes ready by itself', async () => {
    const { environment } = await newOllama();
    const settings = { ...(await engines()), ...environment };
    await Promise.all([mariadb.stop(), redis.stop()]);
    const daemon = await startDaemon(settings);
    const { status, checks } = await ready(daemon);
    expect(status).toBe('down');
    expect(checks.slice(0, 2)).toMatchObject([
      { name: 'database', status: 'down', detail: 'Nobody listens at the address of FILA_DATABASE_URL.' },
      { name: 'redis', status: 'down', detail: 'Nobody listens at the address of FILA_REDIS_URL.' },
    ]);
    await mariadb.restart();
    await expect.poll(() => statusOf(daemon), { timeout: 10_000 }).toBe('degraded');
    const target = await newKey(daemon);
    const early = await send(target, 'Without Redis');
    expect(early.status).toBe(202);
    await allComplete(target, [early]);
    await redis.restart();
    await expect.poll(() => statusOf(daemon), { timeout: 10_000 }).toBe('ok');
    await allComplete(target, [await send(target, 'With Redis')]);
    for (const engine of ['database', 'redis']) {
      await expect.poll(() => countOf(daemon.log(), `the ${engine} is back`)).toBe(1);
      expect(countOf(daemon.log(), `the ${engine} is away`)).toBe(1);
    }
    expect(await daemon.stop()).toBe(0);
  });

  it.each([
    ['nobody', '', 'It refuses the user or the password of FILA_DATABASE_URL.'],
    ['root', 'no_such_database', 'The database named in FILA_DATABASE_URL does not exist.'],
  ])('says in one sentence why it cannot use MariaDB as %s %s', async (user, database, sentence) => {
    const { environment } = await newOllama();
    const url = new URL((await engines())['FILA_DATABASE_URL']!);
    url.username = user;
    if (user === 'nobody') url.password = 'secret-password';
    if (database) url.pathname = database;
    const daemon = await startDaemon({ ...environment, FILA_DATABASE_URL: url.href });
    const { status, checks } = await ready(daemon);
    expect({ status, database: checks[0]?.detail }).toEqual({ status: 'down', database: sentence });
    await delay(2_500);
    expect(countOf(daemon.log(), 'the database is away')).toBe(1);
    expect(daemon.log()).not.toContain('secret-password');
    expect(await daemon.stop()).toBe(0);
  });

  it('ends with 78 as soon as it knows that the master key is another one', async () => {
    const { environment } = await newOllama();
    const settings = { ...(await engines()), ...environment };
    expect(await (await startDaemon(settings)).stop()).toBe(0);
    const wrong = { ...settings, FILA_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') };
    await expect(startDaemon(wrong)).rejects.toThrow(/ended with 78 .*master key/s);
    await mariadb.stop();
    const waiting = await startDaemon(wrong, await newDataDir());
    await mariadb.restart();
    const [code] = await new Promise<[number]>((resolve) =>
      waiting.child.once('exit', (exit) => resolve([exit!])),
    );
    expect(code).toBe(78);
    expect(waiting.log()).toContain('master key');
  });
});

async function redisCommand(redis: RedisService, command: string): Promise<void> {
  const { Redis } = await import('ioredis');
  const connection = new Redis(redis.url);
  const [name, ...args] = command.split(' ');
  await connection.call(name!, ...args);
  connection.disconnect();
}

const run = promisify(execFile);
const prlimit = (pid: number, bytes: number | 'unlimited') =>
  run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
const canLimit = await prlimit(process.pid, 'unlimited').then(
  () => true,
  () => false,
);

describe.skipIf(!canLimit)('a daemon on SQLite', () => {
  it('refuses while its files cannot grow, and goes on when they can', async () => {
    const { environment } = await newOllama();
    const daemon = await startDaemon(environment);
    const target = await newKey(daemon);
    const load = startLoad(target, { pauseMs: 5 });
    await delay(500);
    await prlimit(daemon.child.pid!, 4096);
    await expect.poll(() => load.sent.at(-1)?.status, { timeout: 5_000 }).toBe(503);
    await expect.poll(() => statusOf(daemon), { timeout: 3_000 }).toBe('down');
    await delay(1_000);
    await prlimit(daemon.child.pid!, 'unlimited');
    await expect.poll(() => load.sent.at(-1)?.status, { timeout: 5_000 }).toBe(202);
    const sent = await load.stop();
    expect(statuses(sent)).toEqual([202, 503]);
    expect(slowest(sent)).toBeLessThan(2_000);
    await allComplete(target, sent);
    expect(await daemon.stop()).toBe(0);
  });
});
