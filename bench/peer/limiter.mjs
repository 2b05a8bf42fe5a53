/** Decisions a second of the peer's limiter: three windows in Redis, 100 callers, 1,000 tenants. Prints JSON. */
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';

const [url, durationMs] = process.argv.slice(2);
const redis = new Redis(url);
const windows = [60, 3_600, 86_400].map(
  (duration) =>
    new RateLimiterRedis({ storeClient: redis, keyPrefix: `limit:${duration}`, points: 1_000_000, duration }),
);
let decided = 0;
let number = 0;

async function call(untilMs) {
  while (performance.now() < untilMs) {
    const tenant = `tenant-${number++ % 1_000}`;
    await Promise.all(windows.map((window) => window.consume(tenant)));
    decided += 1;
  }
}

const callers = (ms) => Promise.all(Array.from({ length: 100 }, () => call(performance.now() + ms)));
await callers(500);
decided = 0;
const sinceMs = performance.now();
await callers(Number(durationMs));
console.log(JSON.stringify({ perSecond: decided / ((performance.now() - sinceMs) / 1000) }));
redis.disconnect();
