import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { needRedis, redisAvailable } from '../../../../../test/services/need.ts';
import { openRedis } from '../connections/redis.ts';
import type { EventBus } from './event-bus.ts';
import { redisEventBus } from './redis-event-bus.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

async function busAt(url: string, name: string): Promise<EventBus> {
  const redis = openRedis(url);
  await new Promise((resolve) => redis.once('ready', resolve));
  const bus = redisEventBus(redis, name);
  closing.push(() => {
    bus.close();
    redis.disconnect();
  });
  return bus;
}

async function subscribers(url: string, channel: string): Promise<number> {
  const redis = new Redis(url);
  try {
    const [, count] = (await redis.pubsub('NUMSUB', `{fila}:bus:${channel}`)) as [string, number];
    return count;
  } finally {
    redis.disconnect();
  }
}

describe.skipIf(!redisAvailable)('the event bus on Redis', () => {
  it('reaches the other brokers in order, and not the one that speaks', async () => {
    const { url } = await needRedis();
    const [one, two] = [await busAt(url, 'one'), await busAt(url, 'two')];
    const heardByOne: string[] = [];
    const heard: string[] = [];
    const all = Promise.withResolvers<void>();
    one.subscribe('events', (text) => heardByOne.push(text));
    two.subscribe('events', (text) => {
      heard.push(text);
      if (heard.length === 3) all.resolve();
    });
    while ((await subscribers(url, 'events')) < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const text of ['a\nb', 'c', 'd']) one.publish('events', text);
    await all.promise;
    expect(heard).toEqual(['a\nb', 'c', 'd']);
    expect(heardByOne).toEqual([]);
  });
});
