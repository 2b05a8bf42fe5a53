/** Limits as clients and operators meet them: through HTTP, the SDK and the commands, on one broker and on two. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fila, type CreateApiKey, type CreatedApiKey, type LimitExplanation, type Problem } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { inParallel } from '../helpers/in-parallel.ts';

const run = promisify(execFile);

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Problem & { id: string };
}

async function call(
  url: string,
  secret: string,
  body?: object,
  more: Record<string, string> = {},
): Promise<Answer> {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...more };
  const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
  const answer = await checkedFetch(url, init);
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Answer['body'] };
}

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('limits', () => {
    let ollama: SimulatedOllama;
    let daemons: Daemon[];
    let admin: Fila;

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 4 });
      const engines = await environment();
      const more = { FILA_OLLAMA_URLS: `${ollama.url}#slots=4`, FILA_READ_LIMIT_MINUTE: '40' };
      const settings = {
        ...engines,
        ...more,
        FILA_WRONG_KEYS_MINUTE: '20',
        FILA_TRUSTED_PROXIES: '127.0.0.0/8',
      };
      // Several brokers only where they share their engines.
      const count = 'FILA_REDIS_URL' in engines ? 2 : 1;
      daemons = [];
      for (let i = 0; i < count; i++) daemons.push(await startDaemon(settings));
      admin = new Fila({ url: daemons[0]!.url, adminToken: daemons[0]!.adminToken });
    });
    afterAll(async () => {
      for (const daemon of daemons) expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });

    const newKey = (limits: Partial<CreateApiKey>): Promise<CreatedApiKey> =>
      Promise.resolve(admin.keys.create({ name: 'shop', ...limits }));
    const requestsOf = (n: number): string => `${daemons[n % daemons.length]!.url}/api/v1/requests`;
    /** From an address of its own, so that tests do not block each other. */
    const send = (n: number, key: string, from = '198.51.100.1') =>
      call(requestsOf(n), key, { prompt: `prompt ${n}` }, { 'x-forwarded-for': from });

    it('a key with 100 a minute sends exactly 100 of 400, and hears from each which limit it was and how long it lasts', async () => {
      const { key } = await newKey({ limit_minute: 100, limit_day: 1000 });
      const answers = await inParallel(50, Array.from({ length: 400 }), (_, n) => send(n, key));
      const [accepted, refused] = [202, 429].map((status) => answers.filter((one) => one.status === status));
      expect([accepted!.length, refused!.length]).toEqual([100, 300]);
      for (const { headers, body } of refused!) {
        expect(body).toMatchObject({ code: 'rate_limited', limit: 'minute' });
        expect(Number(headers.get('retry-after'))).toBe(body.retry_after);
        expect(body.retry_after).toBeLessThanOrEqual(61);
        expect(headers.get('ratelimit-policy')).toBe('"minute";q=100;w=60, "day";q=1000;w=86400');
        expect(headers.get('x-ratelimit-remaining')).toBe('0');
      }
      const remaining = accepted!.map(({ headers }) => Number(headers.get('x-ratelimit-remaining')));
      expect(remaining.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    });

    it('a burst is refused for as long as it is said to be, and then passes', async () => {
      const { key } = await newKey({ limit_minute: 60, limit_burst: 3 });
      const answers = await Promise.all([0, 1, 2, 3].map((n) => send(n, key)));
      const [refused] = answers.filter(({ status }) => status === 429);
      expect(answers.filter(({ status }) => status === 202)).toHaveLength(3);
      expect(refused!.body).toMatchObject({ limit: 'burst', retry_after: 1 });
      await new Promise((resolve) => setTimeout(resolve, refused!.body.retry_after! * 1000));
      expect((await send(0, key)).status).toBe(202);
    });

    it('reading is not refused when nothing more may be sent, and has its own limit', async () => {
      const { key } = await newKey({ limit_minute: 1 });
      const { body } = await send(0, key);
      expect((await send(1, key)).status).toBe(429);
      const reads = await inParallel(10, Array.from({ length: 50 }), (_, n) =>
        call(`${requestsOf(n)}/${body.id}`, key),
      );
      expect(reads.filter(({ status }) => status === 200)).toHaveLength(40);
      expect(reads.find(({ status }) => status === 429)!.body.limit).toBe('reads');
      expect(reads.find(({ status }) => status === 200)!.headers.get('ratelimit')).toContain('"minute";r=0');
    });

    it('a plan is what its keys may do, on every broker within a second of a change', async () => {
      await admin.plans.create({ name: 'gold', limit_minute: 2 });
      const { id, key } = await newKey({ plan: 'gold' });
      const statuses = async (count: number) =>
        (await Promise.all(Array.from({ length: count }, (_, n) => send(n, key))))
          .map(({ status }) => status)
          .sort();
      expect(await statuses(3)).toEqual([202, 202, 429]);
      await admin.plans.update('gold', { limit_minute: 5 });
      await vi.waitFor(async () => expect(await statuses(1)).toEqual([202]), {
        timeout: 1_500,
        interval: 50,
      });
      await admin.keys.update(id, { limit_minute: 0 });
      await vi.waitFor(async () => expect(new Set(await statuses(8))).toEqual(new Set([202])), {
        ...{ timeout: 1_500, interval: 50 },
      });
      expect(await admin.keys.get(id)).toMatchObject({ plan: 'gold', limit_minute: 0 });
      await expect(admin.plans.remove('gold')).rejects.toMatchObject({ name: 'Conflict' });
      await admin.keys.update(id, { plan: null });
      expect(await admin.plans.remove('gold')).toMatchObject({ name: 'gold', limit_minute: 5 });
    });

    it('a place in the queue is free again when a request ends, and when none came of the call', async () => {
      const { key, id } = await newKey({ max_queued: 2 });
      const fila = new Fila({ url: daemons[0]!.url, apiKey: key, maxRetries: 0 });
      const hanging = await Promise.all(
        [0, 1].map(() => fila.requests.create({ prompt: '[[fault:hang_mid_stream]]' })),
      );
      await expect(fila.requests.create({ prompt: 'a' })).rejects.toMatchObject({ code: 'rate_limited' });
      await fila.requests.cancel(hanging[0]!.id);
      await vi.waitFor(async () => {
        const { limits } = await admin.limits.explain({ key: id });
        expect(limits.find(({ name }) => name === 'queued')).toMatchObject({ used: 1, left: 1 });
      });
      // Not valid, and the same again: neither takes the place.
      for (let i = 0; i < 3; i++) expect((await call(requestsOf(0), key, { prompt: '' })).status).toBe(422);
      await vi.waitFor(async () => expect((await admin.limits.explain({ key: id })).allowed).toBe(true));
      const again = { idempotencyKey: 'order-1' };
      const { id: first } = await fila.requests.create(
        { prompt: 'Hello', run_at: '2099-01-01T00:00:00Z' },
        again,
      );
      await fila.requests.cancel(hanging[1]!.id);
      await vi.waitFor(async () => expect((await admin.limits.explain({ key: id })).allowed).toBe(true));
      const { id: second } = await fila.requests.create(
        { prompt: 'Hello', run_at: '2099-01-01T00:00:00Z' },
        again,
      );
      expect(second).toBe(first);
      await vi.waitFor(async () => {
        const { limits } = await admin.limits.explain({ key: id });
        expect(limits.find(({ name }) => name === 'queued')).toMatchObject({ used: 1 });
      });
    });

    it('tokens are counted when a request ends; then nothing more may be sent', async () => {
      const { key, id } = await newKey({ limit_tokens_day: 5 });
      const fila = new Fila({ url: daemons[0]!.url, apiKey: key, maxRetries: 0 });
      const { usage } = await fila.requests.createAndWait({ prompt: 'Tell me a long story.' });
      expect(usage!.prompt_tokens! + usage!.completion_tokens!).toBeGreaterThanOrEqual(5);
      await vi.waitFor(async () => {
        const { limits } = await admin.limits.explain({ key: id });
        expect(limits[0]).toMatchObject({
          name: 'tokens',
          used: usage!.prompt_tokens! + usage!.completion_tokens!,
        });
      });
      await expect(fila.requests.create({ prompt: 'More.' })).rejects.toMatchObject({
        ...{ name: 'RateLimited', code: 'rate_limited' },
      });
    });

    it('an address that tries wrong keys is blocked until an operator lifts it; keys that were good before go on, other addresses too', async () => {
      const { key } = await newKey({});
      const [bad, good] = ['203.0.113.9', '203.0.113.10'];
      const wrong = `fila_live_${'0'.repeat(31)}vGMUg`;
      const answers = await inParallel(5, Array.from({ length: 100 }), (_, n) => send(n, wrong, bad));
      const [tried, blocked] = [401, 429].map((status) => answers.filter((one) => one.status === status));
      expect(tried!.length).toBe(20);
      expect(blocked!.length).toBe(80);
      expect(blocked![0]!.body).toMatchObject({ code: 'blocked', limit: 'penalty' });
      expect((await send(0, key, bad)).status).toBe(429);
      expect((await send(0, key, good)).status).toBe(202);
      expect((await send(0, key, bad)).status).toBe(202);
      expect((await send(0, wrong, bad)).status).toBe(429);
      expect((await admin.limits.penalties()).items).toMatchObject([
        { id: bad, kind: 'address', level: 1, blocked: true },
      ]);
      expect(await admin.limits.lift(bad)).toEqual({ id: bad, kind: 'address', lifted: true });
      await vi.waitFor(async () => expect((await send(1, key, bad)).status).toBe(202), 3_000);
      await expect(admin.limits.lift(bad)).rejects.toMatchObject({ name: 'NotFound' });
    });

    it('from the terminal: a plan, a key with it, what limits it, who is blocked', async () => {
      const env = daemonEnvironment(daemons[0]!.dataDir, {
        FILA_URL: daemons[0]!.url,
        FILA_TOKEN: daemons[0]!.adminToken,
      });
      const fila = async (...words: string[]) =>
        (await run(process.execPath, [CLI, ...words], { env })).stdout;
      await fila('plans', 'create', 'silver', '--limit-minute', '3', '--limit-burst', '2');
      expect(await fila('plans', 'list')).toMatch(/^silver\t3\/minute,2 at once\t/);
      const { id, key } = await newKey({});
      await fila('keys', 'set', id, '--plan', 'silver', '--limit-burst', '0');
      await vi.waitFor(
        async () => expect((await send(0, key)).headers.get('x-ratelimit-limit')).toBe('3'),
        3_000,
      );
      expect(await fila('limits', 'explain', '--key', id)).toMatch(
        /^minute\tkey\tplan\t3\t60\t1\t2\t6[01]\n/,
      );
      const explained = JSON.parse(
        await fila('limits', 'explain', '--key', id, '--json'),
      ) as LimitExplanation;
      expect(explained).toMatchObject({ key: id, plan: 'silver', allowed: true, decided_by: 'minute' });
      expect(await fila('limits', 'penalties')).toBe('');
      await fila('keys', 'set', id, '--plan', 'none');
      expect(await fila('plans', 'remove', 'silver')).toBe('plan/silver removed\n');
    });
  });
});

describe('limits of the broker', () => {
  let daemon: Daemon;
  let ollama: SimulatedOllama;
  beforeAll(async () => {
    ollama = await startSimulatedOllama({ slots: 1 });
    daemon = await startDaemon({
      ...{ FILA_OLLAMA_URLS: `${ollama.url}#slots=1`, FILA_MAX_QUEUED: '30', FILA_ADMIN_LIMIT_MINUTE: '50' },
      ...{ FILA_REFUSED_CALLS_MINUTE: '20' },
    });
  });
  afterAll(async () => {
    expect(await daemon.stop()).toBe(0);
    await ollama.stop();
  });

  it('a full queue takes exactly as many as it may hold: 503, Retry-After, nothing accepted is lost; a restart forgets none', async () => {
    const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
    const { key } = await admin.keys.create({ name: 'shop' });
    const later = { prompt: 'later', run_at: '2099-01-01T00:00:00Z' };
    const answers = await inParallel(25, Array.from({ length: 50 }), () =>
      call(`${daemon.url}/api/v1/requests`, key, later),
    );
    const accepted = answers.filter(({ status }) => status === 202);
    expect(accepted).toHaveLength(30);
    const refused = answers.find(({ status }) => status === 503)!;
    expect(refused.body).toMatchObject({ code: 'queue_full', limit: 'queue' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const fila = new Fila({ url: daemon.url, apiKey: key });
    const ids = new Set((await fila.requests.list({ limit: 100 }).page()).items.map(({ id }) => id));
    expect(ids).toEqual(new Set(accepted.map(({ body }) => body.id)));

    const { dataDir } = daemon;
    await daemon.kill();
    daemon = await startDaemon(
      { FILA_OLLAMA_URLS: `${ollama.url}#slots=1`, FILA_MAX_QUEUED: '30', FILA_ADMIN_LIMIT_MINUTE: '50' },
      dataDir,
    );
    expect((await call(`${daemon.url}/api/v1/requests`, key, later)).status).toBe(503);
    await new Fila({ url: daemon.url, apiKey: key }).requests.cancel(accepted[0]!.body.id);
    await vi.waitFor(async () =>
      expect((await call(`${daemon.url}/api/v1/requests`, key, later)).status).toBe(202),
    );
  });

  it('X-Forwarded-For of somebody who is no trusted proxy changes nothing', async () => {
    const from = (n: number) => ({ 'x-forwarded-for': `198.51.100.${n}` });
    const answers = await inParallel(10, Array.from({ length: 80 }), (_, n) =>
      call(`${daemon.url}/api/v1/admin/plans`, daemon.adminToken, undefined, from(n)),
    );
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(30);
    expect(answers.find(({ status }) => status === 429)!.body).toMatchObject({ limit: 'admin' });
  });
});
