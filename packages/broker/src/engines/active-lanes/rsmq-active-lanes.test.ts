import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { needRedis, redisAvailable } from '../../../../../test/services/need.ts';
import { startRedis } from '../../../../../test/services/redis-service.ts';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { openRedis } from '../connections/redis.ts';
import { describeActiveLanes } from './active-lanes.conformance.ts';
import type { ActiveLanes, Lane, Token } from './active-lanes.ts';
import { rsmqActiveLanes } from './rsmq-active-lanes.ts';

const lane = (id: number): Lane => ({ id, list: 'a' });
const ids = (tokens: readonly Token[]) => tokens.map((token) => token.lane.id);

async function connect(url: string): Promise<Redis> {
  const redis = openRedis(url);
  await hasStatus(redis, 'ready');
  return redis;
}

async function hasStatus(redis: Redis, status: Redis['status']): Promise<void> {
  await vi.waitFor(() => expect(redis.status).toBe(status), 5000);
}

describe.skipIf(!redisAvailable)('active lanes on Redis', () => {
  let redis: Redis;
  let other: Redis;
  let namespaces = 0;
  const newNamespace = () => `{test-${++namespaces}}`;

  beforeAll(async () => {
    const { url } = await needRedis();
    redis = await connect(url);
    other = await connect(url);
  });
  afterAll(() => {
    redis.disconnect();
    other.disconnect();
  });

  async function messageOf(line: string, id: number): Promise<string | undefined> {
    const messages = await redis.zrange(line, '0', '-1');
    const bodies = messages.length ? await redis.hmget(`${line}:Q`, ...messages) : [];
    return messages[bodies.indexOf(String(id))];
  }

  describeActiveLanes(
    'rsmq',
    async () => {
      const namespace = newNamespace();
      return {
        here: rsmqActiveLanes(redis, { namespace, visibilitySeconds: 60 }),
        there: rsmqActiveLanes(other, { namespace, visibilitySeconds: 60 }),
        tick: () => delay(2),
        expire: async () => {
          for (const line of await redis.keys(`${namespace}:list-*[^Q]`)) {
            if (line.endsWith(':active')) continue;
            const held = await redis.zrangebyscore(line, Date.now() + 1, '+inf');
            for (const message of held) await redis.zadd(line, Date.now(), message);
          }
          await delay(2);
        },
        loseToken: async ({ id, list }) => {
          const line = `${namespace}:list-${list}`;
          const message = (await messageOf(line, id))!;
          await redis.zrem(line, message);
          await redis.hdel(`${line}:Q`, message, `${message}:rc`, `${message}:fr`);
        },
      };
    },
    40,
  );

  it('a token comes back by itself when its time has passed, and not before', async () => {
    const lanes = rsmqActiveLanes(redis, { namespace: newNamespace(), visibilitySeconds: 1 });
    await lanes.activate([lane(1)]);
    const startMs = Date.now();
    const first = await lanes.next('a', 1);
    let again: Token[] = [];
    await vi.waitFor(async () => {
      again = await lanes.next('a', 1);
      expect(again).toHaveLength(1);
    }, 3000);
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(990);
    expect(await lanes.renew(first)).toEqual([]);
    expect(await lanes.renew(again)).toEqual(again);
  });

  it('a lane that was marked and got no token, because that broke, is healed by the sweep', async () => {
    onTestFinished(() => armFailpoints(''));
    const lanes = rsmqActiveLanes(redis, { namespace: newNamespace() });
    armFailpoints('lanes.between_mark_and_token:error@1');
    await expect(lanes.activate([lane(1)])).rejects.toThrow('fired');
    await lanes.activate([lane(1)]);
    expect(await lanes.next('a', 9)).toEqual([]);
    expect(await lanes.repair([lane(1)])).toBe(1);
    expect(ids(await lanes.next('a', 9))).toEqual([1]);
  });

  const story: readonly ((lanes: ActiveLanes, held: Token[]) => Promise<unknown>)[] = [
    (lanes) => lanes.activate([lane(1), lane(2), lane(3)]),
    async (lanes, held) => held.push(...(await lanes.next('a', 2))),
    async (lanes, held) => lanes.renew(held),
    async (lanes, held) => lanes.giveBack(held.splice(0, 1)),
    async (lanes, held) => held.push(...(await lanes.next('a', 1))),
    async (lanes, held) => lanes.retire(held),
    (lanes) => lanes.activate([lane(1), lane(2), lane(3)]),
  ];
  it.each(story.map((_, index) => index))(
    'a FLUSHALL before call %i of a usual day is healed by the sweep',
    async (flushBefore) => {
      const lanes = rsmqActiveLanes(redis, { namespace: newNamespace() });
      const held: Token[] = [];
      for (const [index, call] of story.entries()) {
        if (index === flushBefore) await redis.flushall();
        await call(lanes, held);
      }
      await lanes.retire(await lanes.next('a', 99));
      const all = [lane(1), lane(2), lane(3)];
      await lanes.activate(all);
      expect(await lanes.repair(all)).toBe(0);
      expect(new Set(ids(await lanes.next('a', 99)))).toEqual(new Set([1, 2, 3]));
    },
  );

  it('calls at the same time as FLUSHALLs fail in no other way than by forgetting', async () => {
    const lanes = rsmqActiveLanes(redis, { namespace: newNamespace() });
    const all = Array.from({ length: 50 }, (_, index) => lane(index));
    for (let round = 0; round < 20; round++) {
      const calls = [lanes.activate(all), other.flushall(), lanes.next('a', 20), lanes.repair(all)];
      await Promise.all([...calls, other.flushall(), lanes.activate(all)]);
    }
    // Tokens that the last round has taken are held still; without them all are free.
    await other.flushall();
    await lanes.repair(all);
    expect(new Set(ids(await lanes.next('a', 999))).size).toBe(50);
  });

  it('a Redis that forgot the scripts is sent them again', async () => {
    const lanes = rsmqActiveLanes(redis, { namespace: newNamespace() });
    const call = async (run: () => Promise<unknown>) => {
      await redis.script('FLUSH');
      return run();
    };
    await call(() => lanes.activate([lane(1), lane(2)]));
    const held = (await call(() => lanes.next('a', 2))) as Token[];
    expect(held).toHaveLength(2);
    expect(await call(() => lanes.renew(held))).toHaveLength(2);
    expect(await call(() => lanes.repair([lane(1), lane(3)]))).toBe(1);
  });

  it('an entry of the line that names no lane is dropped', async () => {
    const namespace = newNamespace();
    const lanes = rsmqActiveLanes(redis, { namespace });
    await lanes.activate([lane(1)]);
    await redis.hdel(`${namespace}:list-a:Q`, (await messageOf(`${namespace}:list-a`, 1))!);
    expect(await lanes.next('a', 1)).toEqual([]);
    expect(await redis.zcard(`${namespace}:list-a`)).toBe(0);
    expect(await lanes.repair([lane(1)])).toBe(1);
    expect(ids(await lanes.next('a', 1))).toEqual([1]);
  });

  it('all keys carry the namespace, so they share a slot of a cluster, and any list name is free', async () => {
    await redis.flushall();
    const namespace = newNamespace();
    const lanes = rsmqActiveLanes(redis, { namespace });
    await lanes.activate(['QUEUES', 'active', 'Q', 'wake'].map((list) => ({ id: 1, list })));
    const keys = await redis.keys('*');
    expect(keys).toHaveLength(4 * 3 + 1);
    expect(keys.filter((key) => !key.startsWith(`${namespace}:`))).toEqual([]);
    expect(await lanes.next('QUEUES', 9)).toHaveLength(1);
  });

  it('activating what is active, and asking an empty line, each cost one command', async () => {
    const lanes = rsmqActiveLanes(redis, { namespace: newNamespace() });
    const all = Array.from({ length: 200 }, (_, index) => lane(index));
    const cost = async (run: () => Promise<unknown>) => {
      const count = async () =>
        Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]);
      const before = await count();
      await run();
      return (await count()) - before;
    };
    await lanes.activate(all);
    expect(await lanes.next('a', 999)).toHaveLength(200);
    expect(await cost(() => lanes.activate(all))).toBe(1);
    expect(await cost(() => lanes.next('a', 10))).toBe(1);
  });

  it('while Redis is away each call is rejected at once, and all goes on when it is back', async () => {
    const service = await startRedis();
    const connection = await connect(service.url);
    const lanes = rsmqActiveLanes(connection);
    const heard: string[] = [];
    lanes.watch((list) => heard.push(list));
    await lanes.activate([lane(1)]);
    const held = await lanes.next('a', 1);

    await service.kill();
    await vi.waitFor(() => expect(connection.status).not.toBe('ready'), 5000);
    const startMs = Date.now();
    for (const call of [
      lanes.activate([lane(2)]),
      lanes.next('a', 1),
      lanes.renew(held),
      lanes.giveBack(held),
      lanes.retire(held),
      lanes.repair([lane(1)]),
    ]) {
      await expect(call).rejects.toThrow(/Stream isn't writeable/);
    }
    expect(Date.now() - startMs).toBeLessThan(200);

    await service.restart();
    await hasStatus(connection, 'ready');
    expect(await lanes.renew(held)).toEqual([]);
    let id = 0;
    heard.length = 0;
    await vi.waitFor(async () => {
      await lanes.activate([lane(++id)]);
      expect(heard).toContain('a');
    }, 5000);
    expect(await lanes.next('a', 99)).toHaveLength(id);
    await lanes.close();
    connection.disconnect();
    await service.kill();
  });
});
