/** The table of deliveries as a queue: one original an event, one owner at a time, and writes that come too late change nothing. */
import { expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { describeWithWebhooks } from './testing/webhook-bench.ts';
import { webhookStore, type DeliveryStore, type NewDelivery, type Settlement } from './webhook-store.ts';

const LEASE_MS = 60_000;
const [HERE, THERE] = [newId('run'), newId('run')];

function aDelivery(part: Partial<NewDelivery> = {}): NewDelivery {
  return {
    ...{ id: newId('dlv'), messageId: newId('req'), requestId: newId('req'), keyId: newId('key') },
    ...{ receiver: 'callback', type: 'request.completed', replayedFrom: null, host: 'a.example' },
    ...{ url: Buffer.from('url'), body: Buffer.from([0, 255, 10]), createdAt: 1_000 },
    ...part,
  };
}

const DELIVERED = {
  ...{ state: 'delivered', delayMs: 0, responseStatus: 204, latencyMs: 5, error: null, excerpt: null },
} satisfies Omit<Settlement, 'delivery'>;

describeWithWebhooks('the store of deliveries', (bench) => {
  const open = () => {
    const clock = { nowMs: 1_900_000_000_000, now: () => clock.nowMs };
    return { clock, store: webhookStore(bench().stores, clock).deliveries };
  };
  const claim = (store: DeliveryStore, run: string, except: readonly string[] = []) =>
    store.claim({
      ...{ run, leaseMs: LEASE_MS, except: new Set(except) },
      hosts: [{ host: 'a.example', limit: 8 }],
    });

  it('gives back exactly what it was given', async () => {
    const { store, clock } = open();
    const delivery = aDelivery();
    await store.add([delivery]);
    expect(await store.byId(delivery.id)).toMatchObject({
      ...delivery,
      ...{ state: 'pending', attempts: 0, nextAt: clock.nowMs, lastAttemptAt: null, completedAt: null },
    });
  });

  it('keeps one original for each event and receiver, and as many redeliveries as are made', async () => {
    const { store } = open();
    const first = aDelivery();
    const twin = { ...first, id: newId('dlv') };
    const others = [
      { ...twin, id: newId('dlv'), type: 'request.failed' },
      { ...twin, id: newId('dlv'), receiver: 'whk_1' },
      ...[1, 2].map(() => ({ ...twin, id: newId('dlv'), replayedFrom: first.id })),
      ...[1, 2].map(() => aDelivery({ requestId: null })),
    ];
    await store.add([first]);
    await store.add([twin, ...others]);
    expect(await store.byId(twin.id)).toBeNull();
    for (const { id } of others) expect(await store.byId(id)).not.toBeNull();
  });

  it('gives what is due to one run only, until its lease is over', async () => {
    const { store, clock } = open();
    const delivery = aDelivery();
    await store.add([delivery]);
    const [here, there] = await Promise.all([claim(store, HERE), claim(store, THERE)]);
    expect([...here, ...there].map(({ id }) => id)).toEqual([delivery.id]);
    clock.nowMs += LEASE_MS - 1;
    expect(await claim(store, THERE)).toEqual([]);
    expect(await store.dueHosts()).toEqual([]);
    clock.nowMs += 1;
    expect(await store.dueHosts()).toEqual(['a.example']);
    expect(await claim(store, HERE, [delivery.id])).toEqual([]);
    expect(await claim(store, THERE)).toMatchObject([{ id: delivery.id, attempts: 2 }]);
  });

  it('lets an attempt that has lost its claim change nothing, also within one run', async () => {
    for (const second of [THERE, HERE]) {
      const { store, clock } = open();
      const delivery = aDelivery();
      await store.add([delivery]);
      const [late] = await claim(store, HERE);
      clock.nowMs += LEASE_MS;
      const [now] = await claim(store, second);
      await store.settle(HERE, [{ ...DELIVERED, delivery: late! }]);
      await store.release(HERE, [{ delivery: late!, delayMs: 0 }]);
      expect(await store.byId(delivery.id)).toMatchObject({ state: 'pending', attempts: 2 });
      await store.settle(second, [{ ...DELIVERED, delivery: now! }]);
      expect(await store.byId(delivery.id)).toMatchObject({
        ...{ state: 'delivered', responseStatus: 204, nextAt: null, completedAt: clock.nowMs },
      });
      expect(await store.dueHosts()).toEqual([]);
    }
  });

  it('makes due again what waits for another attempt, and what was handed back', async () => {
    const { store, clock } = open();
    const [waiting, back] = [aDelivery(), aDelivery()];
    await store.add([waiting, back]);
    const claimed = await claim(store, HERE);
    const byId = new Map(claimed.map((one) => [one.id, one]));
    const pending = { ...DELIVERED, state: 'pending', error: 'timeout', delayMs: 5_000 } as const;
    await store.settle(HERE, [{ ...pending, delivery: byId.get(waiting.id)! }]);
    await store.release(HERE, [{ delivery: byId.get(back.id)!, delayMs: 0 }]);
    expect(await claim(store, THERE)).toMatchObject([{ id: back.id, attempts: 1 }]);
    clock.nowMs += 5_000;
    expect(await claim(store, THERE)).toMatchObject([{ id: waiting.id, attempts: 2, error: 'timeout' }]);
  });

  it('names the hosts that wait longest first, and takes of each no more than is asked', async () => {
    const { store, clock } = open();
    for (const [host, count] of [
      ['c.example', 3],
      ['a.example', 2],
      ['b.example', 5],
    ] as const) {
      await store.add(Array.from({ length: count }, () => aDelivery({ host })));
      clock.nowMs += 10;
    }
    expect(await store.dueHosts()).toEqual(['c.example', 'a.example', 'b.example']);
    const hosts = [
      { host: 'b.example', limit: 2 },
      { host: 'c.example', limit: 8 },
      { host: 'nobody.example', limit: 8 },
    ];
    const taken = await store.claim({ run: HERE, leaseMs: LEASE_MS, hosts, except: new Set() });
    expect(taken.map(({ host }) => host).sort()).toEqual([
      'b.example',
      'b.example',
      ...Array<string>(3).fill('c.example'),
    ]);
  });

  it('works by the clock of the database when it is given none', async () => {
    const { deliveries } = webhookStore(bench().stores);
    const delivery = aDelivery();
    await deliveries.add([delivery]);
    const [claimed] = await claim(deliveries, HERE);
    expect(Math.abs(claimed!.lastAttemptAt! - Date.now())).toBeLessThan(5_000);
    expect(claimed!.nextAt! - claimed!.lastAttemptAt!).toBe(LEASE_MS);
    expect(await claim(deliveries, THERE)).toEqual([]);
  });
});
