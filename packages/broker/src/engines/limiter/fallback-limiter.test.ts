import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { redisAvailable } from '../../../../../test/services/need.ts';
import { startRedis } from '../../../../../test/services/redis-service.ts';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { createCircuit } from '../circuit/circuit.ts';
import { explainRedis } from '../circuit/explain.ts';
import { openRedis, probeRedis } from '../connections/redis.ts';
import { fallbackLimiter } from './fallback-limiter.ts';
import type { Account, Limiter } from './limiter.ts';
import { memoryLimiter } from './memory-limiter.ts';
import { redisLimiter } from './redis-limiter.ts';

const account: Account = {
  name: 'a',
  rules: [{ kind: 'window', place: 0, limit: 100, cost: 1, windowMs: 60_000 }],
};

async function openBroker(url: string, broker: string) {
  const redis = openRedis(url);
  const circuit = createCircuit({
    ...{ name: 'redis', explain: explainRedis, clock: systemClock, logger: silentLogger, askEveryMs: 50 },
    probe: () => probeRedis(redis),
    recover: () => probeRedis(redis),
  });
  const limiter = fallbackLimiter({
    ...{ primary: redisLimiter(redis), secondary: memoryLimiter({ clock: systemClock }), circuit, broker },
    logger: silentLogger,
  });
  await circuit.start();
  await limiter.start();
  onTestFinished(async () => {
    await limiter.stop();
    await circuit.stop();
    redis.disconnect();
  });
  return { limiter, circuit };
}

async function passed(limiters: readonly Limiter[], calls: number): Promise<number> {
  const verdicts = await Promise.all(
    Array.from({ length: calls }, (_, n) => limiters[n % limiters.length]!.decide([account])),
  );
  return verdicts.filter(({ isAllowed }) => isAllowed).length;
}

describe.skipIf(!redisAvailable)('the limiter on a Redis that goes away', () => {
  it('allows each broker its share meanwhile, never more than the limit in all, and shares again afterwards', async () => {
    const service = await startRedis();
    onTestFinished(() => service.kill());
    const brokers = await Promise.all(
      ['run_a', 'run_b', 'run_c'].map((name) => openBroker(service.url, name)),
    );
    const limiters = brokers.map(({ limiter }) => limiter);
    // Each has heard of the others once all have announced themselves.
    await vi.waitFor(() => expect(limiters.map((one) => one.brokers().count)).toEqual([3, 3, 3]), 8_000);
    expect(limiters.filter((one) => one.brokers().isFirst)).toHaveLength(1);
    expect(await passed(limiters, 300)).toBe(100);

    await service.kill();
    expect(await passed(limiters, 300)).toBe(99);
    expect(await passed(limiters, 300)).toBe(0);
    expect(brokers.map(({ circuit }) => circuit.isUp)).toEqual([false, false, false]);

    await service.restart();
    await vi.waitFor(() => expect(brokers.every(({ circuit }) => circuit.isUp)).toBe(true), 5_000);
    expect(await passed(limiters, 300)).toBe(100);
  });

  it('does not wait for one that hangs', async () => {
    const service = await startRedis();
    onTestFinished(() => service.kill());
    const { limiter } = await openBroker(service.url, 'run_a');
    expect(await passed([limiter], 10)).toBe(10);
    await service.freeze();
    const startMs = performance.now();
    expect(await passed([limiter], 200)).toBe(100);
    expect(performance.now() - startMs).toBeLessThan(2_000);
    service.thaw();
  });

  it('lets nothing pass when there is less than one for each broker, and never forgets a penalty', async () => {
    const secondary = memoryLimiter({ clock: systemClock });
    const primary = { ...secondary, announce: async () => {}, brokers: () => ({ count: 3, isFirst: true }) };
    const circuit = { isUp: false, open: () => undefined };
    const limiter = fallbackLimiter({ primary, secondary, circuit, broker: 'a', logger: silentLogger });
    const rules = (limit: number) => [{ ...account.rules[0]!, limit }];
    expect((await limiter.decide([{ name: 'b', rules: rules(2) }])).isAllowed).toBe(false);
    expect((await limiter.decide([{ name: 'b', rules: rules(3) }])).isAllowed).toBe(true);
    const burst = { kind: 'burst', place: 3, limit: 6, cost: 1, refillUs: 1_000_000 } as const;
    const verdicts = await Promise.all([1, 2, 3].map(() => limiter.decide([{ name: 'c', rules: [burst] }])));
    expect(verdicts.map(({ retryMs }) => Math.ceil(retryMs / 1000))).toEqual([0, 0, 3]);
    const penalty = { kind: 'penalty', place: 4, limit: 1, cost: 1 } as const;
    const strikes = await Promise.all([1, 2].map(() => limiter.decide([{ name: 'd', rules: [penalty] }])));
    expect(strikes.map(({ isAllowed }) => isAllowed)).toEqual([true, false]);
    expect(await limiter.lift('d', 4)).toBe(true);
    expect(await limiter.penalties()).toEqual([]);
  });
});
