/** The relay on a real Redis: heard by all who listen, after a lost connection too. */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { needRedis, redisAvailable } from '../../../../../test/services/need.ts';
import { newId } from '../../kernel/ids.ts';
import { openRedis } from '../connections/redis.ts';
import { redisRelay } from './redis-relay.ts';
import { noRelay, type Relay } from './relay.ts';

describe.skipIf(!redisAvailable)('the relay on Redis', () => {
  const connections: Redis[] = [];
  let url = '';
  beforeAll(async () => {
    url = (await needRedis()).url;
  });
  afterAll(() => connections.forEach((one) => one.disconnect()));

  async function broker(): Promise<{ relay: Relay; subscriber: Redis; publisher: Redis }> {
    const [publisher, subscriber] = [openRedis(url), openRedis(url)];
    connections.push(publisher, subscriber);
    for (const one of [publisher, subscriber]) await vi.waitFor(() => expect(one.status).toBe('ready'), 5000);
    return { relay: redisRelay(publisher, subscriber), subscriber, publisher };
  }

  /** Says it again until it is heard: when a subscription begins is not told. */
  async function untilHeard(relay: Relay, channel: string, heard: readonly string[]): Promise<void> {
    const before = heard.length;
    await vi.waitFor(() => {
      relay.publish(channel, 'hello');
      expect(heard.length).toBeGreaterThan(before);
    }, 10_000);
  }

  it('is heard by every broker that listens to the channel, in order, until he ends it', async () => {
    const [one, two] = [await broker(), await broker()];
    const channel = newId('run');
    const heard: string[] = [];
    const others: string[] = [];
    const end = two.relay.subscribe(channel, (message) => void heard.push(message));
    one.relay.subscribe(`${channel}-other`, (message) => void others.push(message));
    await untilHeard(one.relay, channel, heard);
    for (let n = 0; n < 100; n++) one.relay.publish(channel, String(n));
    await vi.waitFor(() => expect(heard.at(-1)).toBe('99'));
    expect(heard.filter((message) => message !== 'hello')).toEqual(
      Array.from({ length: 100 }, (_, n) => String(n)),
    );
    end();
    const count = heard.length;
    one.relay.publish(channel, 'unheard');
    await one.publisher.ping();
    expect(heard).toHaveLength(count);
    expect(others).toEqual([]);
  });

  it('is heard again after the connection was lost, and nothing breaks while it is away', async () => {
    const { relay, subscriber, publisher } = await broker();
    const channel = newId('run');
    const heard: string[] = [];
    relay.subscribe(channel, (message) => void heard.push(message));
    await untilHeard(relay, channel, heard);
    for (const one of [subscriber, publisher]) one.disconnect(true);
    relay.publish(channel, 'lost');
    relay.subscribe(`${channel}-2`, (message) => void heard.push(message));
    await untilHeard(relay, channel, heard);
    await untilHeard(relay, `${channel}-2`, heard);
    await relay.close();
  });
});

describe('without a relay', () => {
  it('nothing is heard', async () => {
    const relay = noRelay();
    const end = relay.subscribe('channel', () => expect.unreachable());
    relay.publish('channel', 'hello');
    end();
    await relay.close();
  });
});
