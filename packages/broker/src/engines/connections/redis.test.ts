import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { needRedis, redisAvailable } from '../../../../../test/services/need.ts';
import { freePort } from '../../../../../test/services/daemon.ts';
import { startRedis } from '../../../../../test/services/redis-service.ts';
import type { Logger } from '../../kernel/logger.ts';
import { openRedis } from './redis.ts';

function recordingLogger(lines: string[]): Logger {
  const record = (level: string) => (_fields: object, message: string) =>
    void lines.push(`${level} ${message}`);
  return { debug: record('debug'), info: record('info'), warn: record('warn'), error: record('error') };
}

async function hasStatus(redis: Redis, status: Redis['status']): Promise<void> {
  await vi.waitFor(() => expect(redis.status).toBe(status), 5000);
}

describe.skipIf(!redisAvailable)('the connection to Redis', () => {
  const opened: { disconnect(): void }[] = [];
  const open = (url: string, lines: string[] = []) => {
    const redis = openRedis(url, recordingLogger(lines));
    opened.push(redis);
    return redis;
  };
  afterEach(() => {
    for (const redis of opened.splice(0)) redis.disconnect();
  });

  it('rejects commands at once while there is no Redis, and says so once', async () => {
    const lines: string[] = [];
    const redis = open(`redis://127.0.0.1:${await freePort()}`, lines);
    let attempts = 0;
    redis.on('reconnecting', () => attempts++);
    await vi.waitFor(() => expect(attempts).toBe(3), 5000);
    const startMs = Date.now();
    await expect(redis.get('a')).rejects.toThrow(/Stream isn't writeable/);
    expect(Date.now() - startMs).toBeLessThan(100);
    expect(lines).toEqual(['warn Redis is away; going on without it']);
  });

  it('rejects what was in flight when Redis dies, comes back by itself and tells both', async () => {
    const service = await startRedis();
    const lines: string[] = [];
    const redis = open(service.url, lines);
    await hasStatus(redis, 'ready');
    expect(lines).toEqual([]);
    const inFlight = redis.blpop('nothing', 0);
    inFlight.catch(() => {});
    await redis.client('ID');
    await service.kill();
    await expect(inFlight).rejects.toThrow();
    await service.restart();
    await hasStatus(redis, 'ready');
    expect(await redis.ping()).toBe('PONG');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['warn', 'info']);
    await service.kill();
  });

  it('does not wait for a Redis that hangs', async () => {
    const service = await startRedis();
    const redis = open(service.url);
    await hasStatus(redis, 'ready');
    process.kill(service.pid, 'SIGSTOP');
    const startMs = Date.now();
    await expect(Promise.all([redis.get('a'), redis.get('b')])).rejects.toThrow(/timed out/);
    expect(Date.now() - startMs).toBeLessThan(2500);
    await vi.waitFor(() => expect(redis.status).not.toBe('ready'), 8000);
    process.kill(service.pid, 'SIGCONT');
    await hasStatus(redis, 'ready');
    expect(await redis.get('a')).toBeNull();
    await service.kill();
  });

  it('leaves no line in the log when it is closed on purpose', async () => {
    const lines: string[] = [];
    const redis = open((await needRedis()).url, lines);
    await hasStatus(redis, 'ready');
    redis.disconnect();
    await hasStatus(redis, 'end');
    expect(lines).toEqual([]);
  });
});
