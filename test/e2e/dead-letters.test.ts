/** Dead letters from failure to the second life: found, explained, retried once each, discarded; also through kill -9. */
import { execFile } from 'node:child_process';
import {
  Conflict,
  Fila,
  InvalidRequest,
  NotAllowed,
  NotFound,
  type DeadLetter,
  type Request,
} from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { inParallel } from '../helpers/in-parallel.ts';

const MODELS = ['llama3:8b', 'qwen3:8b'] as const;
const QUICK = { FILA_MAX_ATTEMPTS: '2', FILA_RETRY_BASE_MS: '1' };

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real CLI, on the machine of the daemon. */
function cli(daemon: Daemon, words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = daemonEnvironment(daemon.dataDir, {});
    const child = execFile(process.execPath, [CLI, ...words], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(child.exitCode) : 0, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

interface House {
  readonly daemon: Daemon;
  readonly admin: Fila;
  readonly fila: Fila;
  readonly keyId: string;
  readonly key: string;
}

async function enter(daemon: Daemon): Promise<House> {
  const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken, fetch: checkedFetch });
  // So many failures in a row would open it, and everything would wait.
  for (const upstream of (await admin.upstreams.list()).items)
    await admin.upstreams.setBreaker(upstream.id, 'closed');
  const { id, key } = await admin.keys.create({ name: 'shop' });
  const fila = new Fila({ url: daemon.url, apiKey: key, fetch: checkedFetch });
  return { daemon, admin, fila, keyId: id, key };
}

const failMany = (fila: Fila, count: number, body: { prompt: string; model?: string }): Promise<Request[]> =>
  inParallel(16, Array.from({ length: count }), (_, n) =>
    fila.requests.createAndWait({ ...body, prompt: `${body.prompt} ${n}`, metadata: { n } }),
  );

async function all<T>(listing: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of listing) found.push(one);
  return found;
}

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('30 requests that failed', () => {
    let ollama: SimulatedOllama;
    let house: House;
    let failed: Request[];
    const list = (query: object = {}): Promise<DeadLetter[]> => all(house.admin.deadLetters.list(query));
    const fila = (...words: string[]): Promise<Ended> => cli(house.daemon, words);

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 8 });
      const settings = { ...(await environment()), ...QUICK, FILA_OLLAMA_URLS: `${ollama.url}#slots=8` };
      house = await enter(await startDaemon(settings));
      failed = [];
      for (const [fault, count, model] of [
        ['error_500', 12, MODELS[0]],
        ['no_done', 8, MODELS[1]],
        ['html', 4, MODELS[0]],
      ] as const) {
        ollama.control({ faults: { all: fault } });
        failed.push(...(await failMany(house.fila, count, { prompt: `private ${fault}`, model })));
      }
      ollama.control({ faults: { all: null } });
      const tooLong = { prompt: 'private [[fault:error_400_context]]', model: MODELS[1] };
      failed.push(...(await failMany(house.fila, 6, tooLong)));
      expect(failed.filter((one) => one.status !== 'failed')).toEqual([]);
    });
    afterAll(async () => {
      expect(await house.daemon.stop()).toBe(0);
      await ollama.stop();
    });

    it('are on the list, newest first, and every condition finds its own', async () => {
      const ids = failed.map((one) => one.id);
      expect((await list({ limit: 7 })).map((one) => one.id)).toEqual([...ids].sort().reverse());
      const codes = failed.map((one) => one.error!.code);
      expect(new Set(codes).size).toBe(4);
      for (const code of new Set(codes)) {
        const found = await list({ error_code: code });
        expect(found.map((one) => one.error.code)).toEqual(codes.filter((one) => one === code));
      }
      expect(await list({ model: MODELS[1] })).toHaveLength(14);
      expect(await list({ key_id: house.keyId })).toHaveLength(30);
      expect(await list({ key_id: 'key_00000000000000000000000000' })).toEqual([]);
      const [middle] = await list({ error_code: 'upstream_invalid', limit: 1 });
      expect((await list({ created_after: middle!.created_at })).length).toBeGreaterThanOrEqual(7);
      expect(await list({ created_before: failed[0]!.created_at, error_code: 'context_exceeded' })).toEqual(
        [],
      );
      expect(await list({ created_after: new Date().toISOString() })).toEqual([]);
      const word = failed[0]!.error!.message.toUpperCase().slice(0, 30);
      expect(await list({ text: word, limit: 3 })).toHaveLength(12);
      expect(await list({ text: 'no error says this' })).toEqual([]);
      await expect(house.admin.deadLetters.list({ cursor: 'x' }).page()).rejects.toMatchObject({
        code: 'invalid_cursor',
      });
      await expect(house.fila.deadLetters.list().page()).rejects.toThrow(NotAllowed);
      const named = await fila(
        'dlq',
        'list',
        '--error',
        'context_exceeded',
        '--since',
        '1h',
        '--all',
        '--limit',
        '4',
        '-o',
        'name',
      );
      expect(named.stdout.trim().split('\n')).toEqual(ids.slice(-6).sort().reverse());
    });

    it('say why: every attempt, where it ran, and the policy of then; and nothing of the prompt', async () => {
      const details = await house.admin.deadLetters.get(failed[3]!.id);
      expect(details).toMatchObject({
        ...{
          state: 'open',
          key_id: house.keyId,
          model: MODELS[0],
          attempts: 2,
          deliveries: 0,
          metadata: { n: 3 },
        },
        policy: { max_attempts: 2, retry_base_ms: 1 },
        error: failed[3]!.error,
      });
      expect(details.history.map(({ error, upstream }) => [error.code, upstream])).toEqual([
        ['upstream_failed', details.upstream],
        ['upstream_failed', details.upstream],
      ]);
      expect(details.history[0]!.ended_at <= details.history[1]!.ended_at).toBe(true);
      expect(JSON.stringify(details)).not.toContain('private');
      // The client is told the error alone.
      expect(Object.keys(failed[3]!.error!)).toEqual(['code', 'message']);
      const shown = await fila('dlq', 'show', failed[3]!.id);
      expect(shown.stdout).toContain('policy\tmax_attempts 2');
      expect((await fila('dlq', 'show', 'req_00000000000000000000000000')).code).toBe(5);
    });

    it('one is retried as a new request of its client, once', async () => {
      const [dead] = failed;
      const { id } = await house.admin.deadLetters.retry(dead!.id, { reason: 'the model is well' });
      const done = await house.fila.requests.wait(id);
      expect(done).toMatchObject({
        status: 'completed',
        retry_of: dead!.id,
        metadata: { n: 0 },
        model: MODELS[0],
      });
      expect(await house.fila.requests.get(dead!.id)).toMatchObject({ status: 'failed', retried_as: id });
      expect(await house.admin.deadLetters.get(dead!.id)).toMatchObject({
        ...{ state: 'retried', retried_as: id, retry_reason: 'the model is well' },
      });
      const again = house.admin.deadLetters.retry(dead!.id);
      await expect(again).rejects.toThrow(Conflict);
      await expect(again).rejects.toMatchObject({ detail: expect.stringContaining(id) });
      expect((await fila('dlq', 'retry', dead!.id)).code).toBe(6);
      expect((await fila('dlq', 'retry', failed[1]!.id, dead!.id)).code).toBe(3);
      expect((await list()).map((one) => one.id)).toHaveLength(28);
      await expect(house.admin.deadLetters.get(id)).rejects.toThrow(NotFound);
      const bare = await fetch(`${house.daemon.url}/api/v1/admin/dead-letters/${failed[2]!.id}/retry`, {
        method: 'POST',
        headers: { authorization: `Bearer ${house.daemon.adminToken}` },
      });
      expect(bare.status).toBe(201);
    });

    it('those that match are retried by an operation: as many as the dry run has said, each with its lineage', async () => {
      const filter = [
        '--error',
        'upstream_incomplete',
        '--model',
        MODELS[1],
        '--since',
        '1h',
        '--text',
        'COMPLETE',
      ];
      const dry = await fila('dlq', 'retry', ...filter, '--dry-run', '--json');
      const { matched, sample } = JSON.parse(dry.stdout) as { matched: number; sample: string[] };
      expect(matched).toBe(8);
      expect((await list({ error_code: 'upstream_incomplete' })).map((one) => one.id)).toEqual(sample);
      const run = await fila(
        'dlq',
        'retry',
        ...filter,
        '--rate',
        '20',
        '--reason',
        'all well',
        '--wait',
        '--json',
      );
      expect(run.code).toBe(0);
      expect(run.stderr).toContain('completed  8 of 8 done');
      const operation = JSON.parse(run.stdout) as { id: string };
      expect(operation).toMatchObject({
        state: 'completed',
        matched,
        done: matched,
        skipped: 0,
        reason: 'all well',
      });
      for (const id of sample) {
        const dead = await house.admin.deadLetters.get(id);
        expect(dead).toMatchObject({ retry_operation: operation.id, retry_reason: 'all well' });
        expect(await house.fila.requests.wait(dead.retried_as!)).toMatchObject({
          status: 'completed',
          retry_of: id,
        });
      }
      expect(await list({ error_code: 'upstream_incomplete' })).toEqual([]);
      const { stdout } = await fila('operations', 'list', '--state', 'completed', '-o', 'name');
      expect(stdout).toContain(operation.id);
      expect((await fila('operations', 'cancel', operation.id)).code).toBe(6);
    });

    it('what fails again is a dead letter again, and its operation does not go round in circles', async () => {
      const filter = { error_code: 'context_exceeded' };
      const before = await list(filter);
      const { id } = await house.admin.deadLetters.retryMany({ filter, rate: 1000 });
      expect(await house.admin.operations.wait(id)).toMatchObject({
        state: 'completed',
        matched: 6,
        done: 6,
      });
      await expect.poll(async () => (await list(filter)).length, { timeout: 20_000 }).toBe(6);
      const after = await list(filter);
      expect(after.map((one) => one.retry_of)).toEqual(expect.arrayContaining(before.map((one) => one.id)));
    });

    it('nothing asked for is not everything', async () => {
      const { deadLetters } = house.admin;
      for (const filter of [{}, { all: true, model: MODELS[0] }] as const) {
        const wrong = deadLetters.retryMany({ filter, dry_run: true });
        await expect(wrong).rejects.toThrow(InvalidRequest);
        await expect(wrong).rejects.toMatchObject({
          code: 'validation_failed',
          errors: [{ pointer: '/filter' }],
        });
      }
      await expect(deadLetters.retryMany({ filter: { modle: 'x' } as object })).rejects.toMatchObject({
        errors: [{ pointer: '/filter/modle' }],
      });
      expect((await fila('dlq', 'retry')).code).toBe(2);
      expect((await fila('dlq', 'retry', '--all')).code).toBe(2);
      const { matched } = await deadLetters.retryMany({ filter: { all: true }, dry_run: true });
      expect(matched).toBe((await list()).length);
    });

    it('discarded ones leave the list, with a reason', async () => {
      const [one, two] = await list({ error_code: 'upstream_invalid' });
      await expect(house.admin.deadLetters.discard(one!.id, {} as { reason: string })).rejects.toMatchObject({
        ...{ code: 'validation_failed', errors: [{ pointer: '/reason' }] },
      });
      expect((await fila('dlq', 'discard', one!.id)).code).toBe(2);
      const discarded = await house.admin.deadLetters.discard(one!.id, { reason: 'an old test' });
      expect(discarded).toMatchObject({ state: 'discarded', discard_reason: 'an old test' });
      expect((await fila('dlq', 'discard', one!.id, two!.id, '--reason', 'x')).code).toBe(3);
      const left = (await list({ error_code: 'upstream_invalid' })).map((dead) => dead.id);
      expect(left).toHaveLength(2);
      await expect(house.admin.deadLetters.retry(one!.id)).rejects.toThrow(Conflict);
    });
  });

  describe.skipIf(!isAvailable)('an operation', () => {
    /** Dead letters that will complete once they are retried. */
    async function withDeadLetters(count: number) {
      const ollama = await startSimulatedOllama({ slots: 8 });
      ollama.control({ faults: { all: 'error_500' } });
      const settings = {
        ...{ ...(await environment()), FILA_OLLAMA_URLS: `${ollama.url}#slots=8` },
        FILA_MAX_ATTEMPTS: '1',
      };
      const house = await enter(await startDaemon(settings));
      const dead = (await failMany(house.fila, count, { prompt: 'Again' })).map((one) => one.id);
      ollama.control({ faults: { all: null } });
      return { ollama, settings, house, dead };
    }

    it('survives kill -9 of the daemon, and every dead letter is retried exactly once', async () => {
      const { ollama, settings, house, dead } = await withDeadLetters(60);
      const { id } = await house.admin.deadLetters.retryMany({
        filter: { error_code: 'upstream_failed' },
        rate: 20,
      });
      await expect
        .poll(async () => (await house.admin.operations.get(id)).done, { timeout: 20_000 })
        .toBeGreaterThan(5);
      await house.daemon.kill();

      const daemon = await startDaemon(settings, house.daemon.dataDir);
      const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken, fetch: checkedFetch });
      const operation = await admin.operations.wait(id, { timeoutMs: 60_000 });
      expect(operation).toMatchObject({ state: 'completed', matched: 60, done: 60, skipped: 0 });
      const retries = new Map<string, string[]>();
      for (const one of dead) {
        const { retried_as, retry_operation } = await admin.deadLetters.get(one);
        expect(retry_operation).toBe(id);
        retries.set(one, [retried_as!]);
      }
      // Every retry there is, seen from the client: none beside those that the dead letters name.
      const fila = new Fila({ url: daemon.url, apiKey: house.key, fetch: checkedFetch });
      const made = (await all(fila.requests.list())).filter((one) => one.retry_of !== null);
      expect(Map.groupBy(made, (one) => one.retry_of!).size).toBe(60);
      for (const one of made) expect(retries.get(one.retry_of!)).toEqual([one.id]);
      const done = await inParallel(16, made, (one) => fila.requests.wait(one.id));
      expect(done.filter((one) => one.status !== 'completed')).toEqual([]);
      expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });

    it('that is cancelled stops; what is left is retried once, though two are started at once', async () => {
      const { ollama, house, dead } = await withDeadLetters(20);
      const { admin, daemon } = house;
      const { id } = await admin.deadLetters.retryMany({ filter: { all: true }, rate: 5 });
      await expect
        .poll(async () => (await admin.operations.get(id)).done, { timeout: 20_000 })
        .toBeGreaterThan(1);
      const cancel = await cli(daemon, ['operations', 'cancel', id, '--json']);
      expect(cancel.code).toBe(0);
      const operation = JSON.parse(cancel.stdout) as { done: number };
      expect(operation).toMatchObject({ state: 'cancelled', matched: 20, ended_at: expect.any(String) });
      expect(operation.done).toBeLessThan(20);
      const open = await all(admin.deadLetters.list());
      expect(open).toHaveLength(dead.length - operation.done);
      const two = [0, 1].map(() => admin.deadLetters.retryMany({ filter: { all: true } }));
      const rest = await Promise.all(two.map(async (begun) => admin.operations.wait((await begun).id)));
      expect(rest.map(({ state }) => state)).toEqual(['completed', 'completed']);
      expect(rest[0]!.done + rest[1]!.done).toBe(open.length);
      const retries = (await all(house.fila.requests.list())).flatMap(({ retry_of }) => retry_of ?? []);
      expect(retries.sort()).toEqual([...dead].sort());
      expect(await admin.operations.get(id)).toEqual(await admin.operations.cancel(id));
      expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });
  });
});
