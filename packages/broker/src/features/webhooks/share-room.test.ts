import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareRoom } from './share-room.ts';

const places = (room: number, used: Record<string, number> = {}, most = 8) => ({
  room,
  usedBy: (host: string) => used[host] ?? 0,
  limitOf: () => most,
});

describe('free places', () => {
  it.each([
    ['go to one host up to its limit', ['a'], places(64), { a: 8 }],
    ['go around', ['a', 'b', 'c'], places(4), { a: 2, b: 1, c: 1 }],
    ['go to the host that uses fewest first', ['a', 'b'], places(1, { a: 3 }), { b: 1 }],
    ['go to nobody who is at the limit', ['a', 'b'], places(64, { a: 8, b: 7 }), { b: 1 }],
    ['go among equals to who has waited longest', ['b', 'a', 'c'], places(2), { b: 1, a: 1 }],
    ['are none when the house is full', ['a'], places(0), {}],
    ['go to nobody when nobody is there', [], places(64), {}],
  ])('%s', (_what, hosts, free, shares) => {
    expect(Object.fromEntries(shareRoom(hosts, free).map(({ host, limit }) => [host, limit]))).toEqual(
      shares,
    );
  });

  it('are never given twice, and never kept from a host that may have one', () => {
    const hosts = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 30 });
    fc.assert(
      fc.property(hosts, fc.nat(64), fc.nat(8), fc.infiniteStream(fc.nat(9)), (names, room, most, used) => {
        const usedBy = new Map(names.map((name) => [name, used.next().value!]));
        const shares = shareRoom(names, { room, usedBy: (host) => usedBy.get(host)!, limitOf: () => most });
        const given = shares.reduce((sum, { limit }) => sum + limit, 0);
        for (const { host, limit } of shares) expect(usedBy.get(host)! + limit).toBeLessThanOrEqual(most);
        const wanted = names.reduce((sum, name) => sum + Math.max(0, most - usedBy.get(name)!), 0);
        expect(given).toBe(Math.min(room, wanted));
      }),
    );
  });
});
