/** Decisions a second of Fila's own limiter through Redis: three windows, 100 callers, 1,000 tenants. Prints JSON. */
import { Redis } from 'ioredis';

interface Rule {
  readonly place: number;
  readonly limit: number;
  readonly cost: number;
  readonly kind: 'window';
  readonly windowMs: number;
}
interface Limiter {
  decide(accounts: readonly { name: string; rules: readonly Rule[] }[]): Promise<{ isAllowed: boolean }>;
}

const [url = '', durationMs = '3000', module = ''] = process.argv.slice(2);
const { redisLimiter } = (await import(module)) as { redisLimiter: (redis: Redis) => Limiter };
const redis = new Redis(url);
const limiter = redisLimiter(redis);
const rules = [60_000, 3_600_000, 86_400_000].map((windowMs, place): Rule => ({
  place,
  kind: 'window',
  limit: 1_000_000,
  cost: 1,
  windowMs,
}));
let decided = 0;
let number = 0;

async function call(untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const { isAllowed } = await limiter.decide([{ name: `tenant-${number++ % 1_000}`, rules }]);
    if (!isAllowed) throw new Error('A limit that nobody can reach refused.');
    decided += 1;
  }
}

const callers = (ms: number): Promise<unknown> =>
  Promise.all(Array.from({ length: 100 }, () => call(performance.now() + ms)));
await callers(500);
decided = 0;
const sinceMs = performance.now();
await callers(Number(durationMs));
console.log(JSON.stringify({ perSecond: decided / ((performance.now() - sinceMs) / 1000) }));
redis.disconnect();
