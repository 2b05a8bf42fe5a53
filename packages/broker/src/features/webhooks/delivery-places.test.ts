import { describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { deliveryPlaces, PLACES, PLACES_PER_HOST, type DeliveryPlaces } from './delivery-places.ts';
import type { Claimed } from './make-attempt.ts';

const QUICK = { error: null, responseStatus: 204, latencyMs: 3 };
const SLOW = { ...QUICK, latencyMs: 2_000 };
const TIMEOUT = { error: 'timeout', responseStatus: null, latencyMs: 15_000 } as const;

function claimed(host: string): Claimed {
  const delivery = {
    ...{ id: newId('dlv'), messageId: 'msg_1', requestId: null, keyId: 'key_1', receiver: 'callback' },
    ...{
      type: 'request.completed',
      replayedFrom: null,
      host,
      url: null,
      body: Buffer.alloc(0),
      createdAt: 0,
    },
    ...{ state: 'pending' as const, attempts: 1, nextAt: null, responseStatus: null, latencyMs: null },
    ...{ error: null, excerpt: null, lastAttemptAt: null, completedAt: null },
  };
  return { delivery, endpoint: null, sinceMs: 0 };
}

function queue(places: DeliveryPlaces, host: string, count: number): void {
  for (let i = 0; i < count; i++) places.queue(claimed(host));
}

function begun(places: DeliveryPlaces): Claimed[] {
  const all: Claimed[] = [];
  for (let one = places.next(); one; one = places.next()) all.push(one);
  return all;
}

/** A host that has been heard of in this way. */
function known(places: DeliveryPlaces, host: string, how: typeof QUICK | typeof TIMEOUT): void {
  queue(places, host, 1);
  for (const one of begun(places)) places.free(one, how);
}

describe('places', () => {
  it('are so many for each host, and the rest of its line follows one by one', () => {
    const places = deliveryPlaces();
    queue(places, 'a', PLACES_PER_HOST + 2);
    const first = begun(places);
    expect(first).toHaveLength(PLACES_PER_HOST);
    expect(places.usedBy('a')).toBe(PLACES_PER_HOST + 2);
    places.free(first[0]!, QUICK);
    expect(begun(places)).toHaveLength(1);
    expect(places.usedBy('a')).toBe(PLACES_PER_HOST + 1);
  });

  it.each([
    ['nobody has heard of yet', null, PLACES_PER_HOST],
    ['answers quickly', QUICK, PLACES_PER_HOST + 512],
    ['takes 400 ms', { ...QUICK, latencyMs: 400 }, PLACES_PER_HOST + 80],
    ['takes its time', SLOW, PLACES_PER_HOST],
    ['ran into the timeout', TIMEOUT, 1],
  ] as const)('a host that %s may have so many claimed: %#', (_what, how, limit) => {
    const places = deliveryPlaces();
    if (how) known(places, 'a', how);
    expect(places.limitOf('a')).toBe(limit);
  });

  it('in all are so many, and the host that uses fewest gets the one that is free', () => {
    const places = deliveryPlaces();
    const hosts = Array.from({ length: PLACES / PLACES_PER_HOST }, (_, n) => `busy ${n}`);
    for (const host of hosts) queue(places, host, PLACES_PER_HOST + 5);
    const running = begun(places);
    expect(running).toHaveLength(PLACES);
    queue(places, 'late', 1);
    expect(places.next()).toBeNull();
    places.free(running[0]!, QUICK);
    expect(places.next()?.delivery.host).toBe('late');
  });

  it('leave room for no more than can soon be served', () => {
    const places = deliveryPlaces();
    const room = places.room();
    queue(places, 'a', 20);
    const running = begun(places);
    expect(places.room()).toBe(room - 20);
    for (const one of running) places.free(one, QUICK);
    expect(places.room()).toBe(room - 4);
    expect(places.ids()).toHaveLength(4);
  });

  it('a line that is dissolved gives back what waited, and nothing that runs', () => {
    const places = deliveryPlaces();
    queue(places, 'a', PLACES_PER_HOST + 3);
    queue(places, 'b', 2);
    const running = begun(places);
    expect(places.dissolve('a')).toHaveLength(3);
    expect(places.dissolve('a')).toEqual([]);
    queue(places, 'b', PLACES_PER_HOST);
    expect(places.dissolve().map(({ delivery }) => delivery.host)).toEqual(Array(PLACES_PER_HOST).fill('b'));
    expect(places.ids().sort()).toEqual(running.map(({ delivery }) => delivery.id).sort());
  });
});
