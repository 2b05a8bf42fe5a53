import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { needRedis, redisAvailable } from '../../../../../test/services/need.ts';
import { openRedis } from '../connections/redis.ts';
import { describeLimiter } from './limiter.conformance.ts';
import type { Rule } from './limiter.ts';
import { redisLimiter } from './redis-limiter.ts';

const START = 1_800_000_000_000;
const DAY = 86_400_000;

const window = (place: number, limit: number, windowMs: number): Rule => ({
  ...{ kind: 'window', place, limit, cost: 1, windowMs },
});
const rules = [window(0, 100, 60_000), window(1, 1_000, 3_600_000), window(2, 10_000, DAY)];

describe.skipIf(!redisAvailable)('the limiter on Redis', () => {
  const connections: Redis[] = [];
  let namespaces = 0;
  const newNamespace = () => `{limits-${++namespaces}}`;

  beforeAll(async () => {
    const { url } = await needRedis();
    for (let i = 0; i < 3; i++) connections.push(openRedis(url));
    for (const one of connections) await vi.waitFor(() => expect(one.status).toBe('ready'), 5000);
  });
  afterAll(() => connections.forEach((one) => one.disconnect()));

  async function callsOf(command: string): Promise<number> {
    const stats = await connections[0]!.info('commandstats');
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  }

  describeLimiter(
    'Redis',
    async () => {
      const namespace = newNamespace();
      let nowMs = START;
      const open = (n: number) => redisLimiter(connections[n]!, { namespace, now: () => nowMs });
      return { brokers: [open(0), open(1), open(2)] as const, setTime: (now) => void (nowMs = now) };
    },
    60,
  );

  it('decides by the clock of Redis', async () => {
    const limiter = redisLimiter(connections[0]!, { namespace: newNamespace() });
    const before = Date.now();
    await limiter.decide([{ name: 'a', rules }]);
    const { states } = await limiter.decide([{ name: 'a', rules }]);
    expect(states.map(({ used }) => used)).toEqual([2, 2, 2]);
    const partEnd = (before + 61_000) % 1000;
    expect(states[0]!.resetMs).toBeGreaterThan(61_000 - 1000 - (Date.now() - before));
    expect(states[0]!.resetMs).toBeLessThanOrEqual(61_000);
    expect(partEnd).toBeLessThan(1000);
  });

  it('asks Redis once about all that comes in one moment', async () => {
    const limiter = redisLimiter(connections[0]!, { namespace: newNamespace() });
    await limiter.decide([{ name: 'a', rules }]);
    const before = await callsOf('evalsha');
    const decide = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => limiter.decide([{ name: `a${n % 9}`, rules }])));
    await decide(8);
    expect((await callsOf('evalsha')) - before).toBe(1);
  });

  it('asks in several calls about very much, so that one is on its way while another is answered', async () => {
    const limiter = redisLimiter(connections[0]!, { namespace: newNamespace() });
    await limiter.decide([{ name: 'a', rules }]);
    const before = await callsOf('evalsha');
    await Promise.all(Array.from({ length: 200 }, () => limiter.decide([{ name: 'a', rules }])));
    expect((await callsOf('evalsha')) - before).toBe(4);
  });

  it('sends the script again to a Redis that has forgotten it', async () => {
    const limiter = redisLimiter(connections[0]!, { namespace: newNamespace() });
    await connections[0]!.script('FLUSH');
    const verdicts = await Promise.all([1, 2].map(() => limiter.decide([{ name: 'a', rules }])));
    expect(verdicts.map(({ states }) => states[0]!.used)).toEqual([1, 2]);
    await connections[0]!.script('FLUSH');
    expect(await limiter.lift('a', 6)).toBe(false);
    await limiter.announce('run_1');
  });

  it('all keys carry the namespace, expire, and not before they may', async () => {
    const namespace = newNamespace();
    const limiter = redisLimiter(connections[0]!, { namespace });
    const penalty: Rule = { kind: 'penalty', place: 6, limit: 1, cost: 1 };
    await limiter.decide([
      { name: 'key', rules: [...rules, { kind: 'gauge', place: 5, limit: 9, cost: 1 }] },
    ]);
    await limiter.decide([{ name: 'day', rules: rules.slice(2) }]);
    await limiter.decide([{ name: 'minute', rules: rules.slice(0, 1) }]);
    for (let i = 0; i < 3; i++) await limiter.decide([{ name: 'wrong', rules: [penalty] }]);
    await limiter.announce('run_1');
    const keys = await connections[0]!.keys(`${namespace}*`);
    const leftMs = new Map<string, number>();
    for (const key of keys) leftMs.set(key.slice(namespace.length), await connections[0]!.pttl(key));
    expect([...leftMs.keys()].sort()).toEqual(
      [
        ':limit:brokers',
        ':limit:penalties',
        ':limit:of:day',
        ':limit:of:key',
        ':limit:of:minute',
        ':limit:of:wrong',
      ].sort(),
    );
    for (const [key, ms] of leftMs) expect(ms, key).toBeGreaterThan(0);
    expect(leftMs.get(':limit:of:minute')).toBeGreaterThan(61_000);
    expect(leftMs.get(':limit:of:minute')).toBeLessThan(121_000);
    expect(leftMs.get(':limit:of:day')).toBeGreaterThan(DAY);
    expect(leftMs.get(':limit:of:wrong')).toBeGreaterThan(5 * 3_600_000);
  });

  it('a window that goes on lives on, also when calls are only refused', async () => {
    const namespace = newNamespace();
    let nowMs = START;
    const limiter = redisLimiter(connections[0]!, { namespace, now: () => nowMs });
    const account = { name: 'a', rules: [window(0, 1, 60_000)] };
    await limiter.decide([account]);
    const key = `${namespace}:limit:of:a`;
    await connections[0]!.pexpire(key, 500);
    nowMs += 1_000;
    expect((await limiter.decide([account])).isAllowed).toBe(false);
    expect(await connections[0]!.pttl(key)).toBeGreaterThan(60_000);
  });

  it('brokers that announce themselves are counted, and those that are gone are not', async () => {
    const namespace = newNamespace();
    const [a, b] = [0, 1].map((n) => redisLimiter(connections[n]!, { namespace }));
    expect(a!.brokers()).toEqual({ count: 1, isFirst: true });
    await a!.announce('run_b');
    await b!.announce('run_a');
    await a!.announce('run_b');
    expect([a!.brokers(), b!.brokers()]).toEqual([
      { count: 2, isFirst: false },
      { count: 2, isFirst: true },
    ]);
    await connections[0]!.zadd(`${namespace}:limit:brokers`, Date.now() - 7_000, 'run_a');
    await a!.announce('run_b');
    expect(a!.brokers()).toEqual({ count: 1, isFirst: true });
  });

  it('rejects when Redis does not take it', async () => {
    const limiter = redisLimiter(connections[0]!, { namespace: newNamespace() });
    await connections[0]!.set(`{limits-${namespaces}}:limit:of:a`, '');
    await connections[0]!.del(`{limits-${namespaces}}:limit:of:a`);
    await connections[0]!.lpush(`{limits-${namespaces}}:limit:of:a`, 'x');
    await expect(limiter.decide([{ name: 'a', rules }])).rejects.toThrow('WRONGTYPE');
  });
});
