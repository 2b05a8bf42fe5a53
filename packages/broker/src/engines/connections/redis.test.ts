import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { needRedis, redisAvailable } from '../../../../../test/services/need.ts';
import { freePort } from '../../../../../test/services/daemon.ts';
import { startRedis } from '../../../../../test/services/redis-service.ts';
import { explainRedis } from '../circuit/explain.ts';
import { openRedis, probeRedis } from './redis.ts';

async function hasStatus(redis: Redis, status: Redis['status']): Promise<void> {
  await vi.waitFor(() => expect(redis.status).toBe(status), 5000);
}

/** What an operator would read. */
async function trouble(redis: Redis): Promise<string | null> {
  return probeRedis(redis).then(
    () => null,
    (error: unknown) => explainRedis(error),
  );
}

describe.skipIf(!redisAvailable)('the connection to Redis', () => {
  const opened: { disconnect(): void }[] = [];
  const open = (url: string) => {
    const redis = openRedis(url);
    opened.push(redis);
    return redis;
  };
  afterEach(() => {
    for (const redis of opened.splice(0)) redis.disconnect();
  });

  it('rejects commands at once while there is no Redis, and knows why', async () => {
    const redis = open(`redis://127.0.0.1:${await freePort()}`);
    let attempts = 0;
    redis.on('reconnecting', () => attempts++);
    await vi.waitFor(() => expect(attempts).toBe(3), 5000);
    const startMs = Date.now();
    await expect(redis.get('a')).rejects.toThrow(/Stream isn't writeable/);
    expect(await trouble(redis)).toBe('Nobody listens at the address of FILA_REDIS_URL.');
    expect(Date.now() - startMs).toBeLessThan(100);
  });

  it('can be asked before it is there: the answer is that of the first try', async () => {
    expect(await trouble(open((await needRedis()).url))).toBeNull();
    expect(await trouble(open(`redis://127.0.0.1:${await freePort()}`))).toMatch(/Nobody listens/);
  });

  it('rejects what was in flight when Redis dies, and comes back by itself', async () => {
    const service = await startRedis();
    const redis = open(service.url);
    await hasStatus(redis, 'ready');
    const inFlight = redis.blpop('nothing', 0);
    inFlight.catch(() => {});
    await redis.client('ID');
    await service.kill();
    await expect(inFlight).rejects.toThrow();
    await vi.waitFor(async () => expect(await trouble(redis)).toMatch(/Nobody listens/), 5000);
    await service.restart();
    await hasStatus(redis, 'ready');
    expect(await trouble(redis)).toBeNull();
    await service.kill();
  });

  it('does not wait for a Redis that hangs', async () => {
    const service = await startRedis();
    const redis = open(service.url);
    await hasStatus(redis, 'ready');
    await service.freeze();
    const startMs = Date.now();
    await expect(Promise.all([redis.get('a'), redis.get('b')])).rejects.toThrow(/timed out/);
    expect(Date.now() - startMs).toBeLessThan(2500);
    await vi.waitFor(() => expect(redis.status).not.toBe('ready'), 8000);
    service.thaw();
    await hasStatus(redis, 'ready');
    expect(await redis.get('a')).toBeNull();
    await service.kill();
  });

  it('tells a Redis that answers from one that also takes changes', async () => {
    const service = await startRedis({ args: ['--requirepass', 'right'] });
    expect(await trouble(open(service.url))).toMatch(/refuses the user or the password/);
    const redis = open(service.url.replace('//', '//:right@'));
    expect(await trouble(redis)).toBeNull();
    await redis.config('SET', 'maxmemory', '1');
    expect(await trouble(redis)).toMatch(/memory is full/);
    await redis.config('SET', 'maxmemory', '0');
    expect(await trouble(redis)).toBeNull();
    await redis.replicaof('127.0.0.1', '1');
    expect(await trouble(redis)).toMatch(/can only be read/);
    await redis.replicaof('NO', 'ONE');
    expect(await trouble(redis)).toBeNull();
    await service.kill();
  });
});
