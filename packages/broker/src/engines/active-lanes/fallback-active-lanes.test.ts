import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { needRedis, redisAvailable } from '../../../../../test/services/need.ts';
import { type RedisService, startRedis } from '../../../../../test/services/redis-service.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { systemClock } from '../../kernel/clock.ts';
import { explainRedis } from '../circuit/explain.ts';
import { openRedis, probeRedis } from '../connections/redis.ts';
import { describeActiveLanes } from './active-lanes.conformance.ts';
import type { ActiveLanes, Lane, Token } from './active-lanes.ts';
import { fallbackActiveLanes } from './fallback-active-lanes.ts';
import { memoryActiveLanes, memoryLaneStore } from './memory-active-lanes.ts';
import { rsmqActiveLanes } from './rsmq-active-lanes.ts';

const lane = (id: number): Lane => ({ id, list: 'a' });
const ids = (tokens: readonly Token[]) => tokens.map((token) => token.lane.id).sort((a, b) => a - b);
const common = {
  name: 'redis',
  explain: explainRedis,
  clock: systemClock,
  logger: silentLogger,
  askEveryMs: 20,
};

/** Two brokers with a primary each and a secondary each; `isAway` decides which serves. */
function overMemory(isAway: () => boolean) {
  let nowMs = 1_000_000;
  const clock = { now: () => nowMs };
  const stores = [memoryLaneStore(), memoryLaneStore()] as const;
  const probe = () => (isAway() ? Promise.reject(new Error('away')) : Promise.resolve());
  const broker = () => {
    const [primary, secondary] = stores.map((store) => memoryActiveLanes({ store, clock }));
    return fallbackActiveLanes({ ...common, primary: primary!, secondary: secondary!, probe });
  };
  return { stores, broker, pass: (ms: number) => void (nowMs += ms) };
}

for (const [serving, index] of [
  ['its primary', 0],
  ['its secondary', 1],
] as const) {
  describeActiveLanes(
    `fallback on ${serving}`,
    async () => {
      const { stores, broker, pass } = overMemory(() => index === 1);
      const [here, there] = [broker(), broker()];
      await Promise.all([here.circuit.start(), there.circuit.start()]);
      return {
        here,
        there,
        tick: async () => pass(1),
        expire: async () => pass(3000),
        loseToken: async ({ id, list }) => {
          const line = stores[index].lines.get(list)!;
          const place = line.places.get(id)!;
          place.chain?.remove(place);
          line.places.delete(id);
        },
      };
    },
    100,
  );
}

describe('active lanes that fall back', () => {
  async function open() {
    const state = { isAway: false };
    const { broker } = overMemory(() => state.isAway);
    const lanes = broker();
    onTestFinished(() => lanes.close());
    await lanes.circuit.start();
    const becomes = async (isAway: boolean) => {
      state.isAway = isAway;
      await vi.waitFor(() => expect(lanes.circuit.isUp).toBe(!isAway), { interval: 2 });
    };
    return { lanes, becomes };
  }

  it('put the lanes of forgotten tokens in line at the secondary, whatever is done with them', async () => {
    const { lanes, becomes } = await open();
    await lanes.activate([lane(1), lane(2), lane(3)]);
    const [first, second, third] = await lanes.next('a', 3);
    await becomes(true);
    expect(await lanes.renew([first!])).toEqual([]);
    await lanes.giveBack([second!]);
    await lanes.retire([third!]);
    expect(ids(await lanes.next('a', 9))).toEqual([1, 2]);
  });

  it('move every lane that was activated meanwhile back before the primary serves again', async () => {
    const { lanes, becomes } = await open();
    await becomes(true);
    await lanes.activate([lane(1), lane(2)]);
    const [held] = await lanes.next('a', 1);
    await becomes(false);
    // One is handed out by the secondary and one by the primary; doubles are for the rows to bear.
    expect(new Set(ids(await lanes.next('a', 9)))).toEqual(new Set([1, 2]));
    expect(await lanes.renew([held!])).toEqual([held]);
    await lanes.giveBack([held!]);
  });

  it('a token of the secondary that is given back after the return goes on at the primary alone', async () => {
    const { lanes, becomes } = await open();
    await becomes(true);
    await lanes.activate([lane(1)]);
    const held = await lanes.next('a', 1);
    await becomes(false);
    await lanes.retire(await lanes.next('a', 9));
    await lanes.giveBack(held);
    const again = await lanes.next('a', 9);
    expect(ids(again)).toEqual([1]);
    await lanes.retire(again);
    expect(await lanes.next('a', 9)).toEqual([]);
  });
});

describe.skipIf(!redisAvailable)('active lanes on a Redis that goes away', () => {
  let other: Redis;
  let namespaces = 0;
  beforeAll(async () => {
    other = openRedis((await needRedis()).url);
    await vi.waitFor(() => expect(other.status).toBe('ready'));
  });
  afterAll(() => other.disconnect());

  async function open(args: string[] = []) {
    const service = await startRedis({ args });
    const redis = openRedis(service.url);
    const lanes = fallbackActiveLanes({
      ...{ ...common, primary: rsmqActiveLanes(redis), secondary: memoryActiveLanes() },
      probe: () => probeRedis(redis),
    });
    onTestFinished(async () => {
      await lanes.close();
      redis.disconnect();
      await service.kill();
    });
    await lanes.circuit.start();
    expect(lanes.circuit.isUp).toBe(true);
    const heard: string[] = [];
    lanes.watch((list) => heard.push(list));
    return { service, redis, lanes, heard };
  }
  const isUp = (lanes: { circuit: { isUp: boolean } }, up: boolean) =>
    vi.waitFor(() => expect(lanes.circuit.isUp).toBe(up), { timeout: 8_000, interval: 5 });

  async function worksWithout(lanes: ActiveLanes, heard: string[]): Promise<void> {
    heard.length = 0;
    const startMs = performance.now();
    await lanes.activate([lane(7), lane(8)]);
    expect(performance.now() - startMs).toBeLessThan(400);
    const held = await lanes.next('a', 9);
    expect(ids(held)).toEqual(expect.arrayContaining([7, 8]));
    await lanes.giveBack(held);
    expect(heard).toContain('a');
  }

  it.each([
    ['was killed', (service) => service.kill(), (service) => service.restart()],
    ['hangs', (service) => service.freeze(), async (service) => service.thaw()],
  ] satisfies [string, ...((service: RedisService) => Promise<void>)[]][])(
    'one that %s is done without, and taken up again with every lane',
    async (_what, breakIt, mendIt) => {
      const { service, lanes, heard } = await open();
      await lanes.activate([lane(1), lane(2)]);
      const held = await lanes.next('a', 1);
      await breakIt!(service);
      await worksWithout(lanes, heard);
      expect(lanes.circuit.isUp).toBe(false);
      expect(await lanes.renew(held)).toEqual([]);
      const startMs = performance.now();
      await worksWithout(lanes, heard);
      expect(performance.now() - startMs).toBeLessThan(50);

      await mendIt!(service);
      await isUp(lanes, true);
      await lanes.retire(await lanes.next('a', 99));
      await lanes.activate([lane(1), lane(2), lane(7), lane(8)]);
      const found = new Set<number>();
      await vi.waitFor(
        async () => {
          for (const id of ids(await lanes.next('a', 99))) found.add(id);
          expect([...found].sort()).toEqual([1, 2, 7, 8]);
        },
        { timeout: 5_000 },
      );
    },
  );

  it.each([
    ['is full', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
    ['became a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
  ])('one that %s is done without as long as that lasts', async (_what, impose, lift) => {
    const { redis, lanes, heard } = await open();
    await redis.call(...(impose as [string]));
    await worksWithout(lanes, heard);
    expect(lanes.circuit.isUp).toBe(false);
    await redis.call(...(lift as [string]));
    await isUp(lanes, true);
    expect(ids(await lanes.next('a', 9))).toEqual(expect.arrayContaining([7, 8]));
  });

  it('one that cannot save its data and refuses changes for it is done without', async () => {
    const { redis, lanes, heard } = await open(['--enable-protected-configs', 'yes']);
    const nowhere = mkdtempSync(join(tmpdir(), 'fila-nowhere-'));
    const [, dir] = (await redis.config('GET', 'dir')) as [string, string];
    await redis.config('SET', 'dir', nowhere);
    rmSync(nowhere, { recursive: true });
    await redis.config('SET', 'save', '3600 1');
    await redis.bgsave();
    await isUp(lanes, false);
    expect(lanes.circuit.state().why).toBe('It cannot write to its disk and takes no changes.');
    await worksWithout(lanes, heard);
    await redis.config('SET', 'save', '');
    await redis.config('SET', 'dir', dir);
    await isUp(lanes, true);
  });

  it('FLUSHALL and SCRIPT FLUSH are no outage: the sweep makes up for what was lost', async () => {
    const { redis, lanes } = await open();
    await lanes.activate([lane(1)]);
    const held = await lanes.next('a', 1);
    await redis.flushall();
    await redis.script('FLUSH');
    expect(await lanes.renew(held)).toEqual([]);
    await lanes.activate([lane(1)]);
    expect(ids(await lanes.next('a', 9))).toEqual([1]);
    expect(lanes.circuit.isUp).toBe(true);
  });

  it('two brokers, of which one cannot reach Redis, both work, and both find the lanes', async () => {
    const namespace = `{fallback-${++namespaces}}`;
    const shared = () => rsmqActiveLanes(other, { namespace });
    const cut = { isAway: true };
    const make = (isAway: () => boolean) =>
      fallbackActiveLanes({
        ...{ ...common, primary: shared(), secondary: memoryActiveLanes() },
        probe: () => (isAway() ? Promise.reject(new Error('cut off')) : probeRedis(other)),
      });
    const [here, there] = [make(() => cut.isAway), make(() => false)];
    onTestFinished(async () => void (await Promise.all([here.close(), there.close()])));
    await Promise.all([here.circuit.start(), there.circuit.start()]);
    await here.activate([lane(1)]);
    await there.activate([lane(1)]);
    expect(ids(await here.next('a', 9))).toEqual([1]);
    expect(ids(await there.next('a', 9))).toEqual([1]);
    cut.isAway = false;
    await isUp(here, true);
    await here.activate([lane(2)]);
    expect(ids(await there.next('a', 9))).toEqual([2]);
  });
});
