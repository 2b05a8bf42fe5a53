/** Who is next: rank first, then who had less; caps and kept slots hold whatever else is true. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Circumstances,
  type Contender,
  HIGH_BAND,
  isBefore,
  pickTurns,
  type Place,
  rankOf,
} from './pick-turns.ts';

const NOW = 1_000_000;
const MANY = { ofKey: Infinity, ofQueue: Infinity };

function lane(keyId: string, more: Partial<Contender> = {}): Contender {
  return { keyId, queue: 'default', band: 2, oldestMs: NOW, ...more };
}

function given(places: number, more: Partial<Circumstances> = {}): Circumstances {
  return {
    ...{ places, lowPlaces: places, nowMs: NOW, ageingMs: 60_000 },
    ...{ room: () => MANY, hadMs: () => 0, costMs: () => 50 },
    ...more,
  };
}

const picked = (turns: Map<Contender, number>): Record<string, number> =>
  Object.fromEntries([...turns].map(([{ keyId, band }, rows]) => [`${keyId}${band}`, rows]));

describe('the next turns', () => {
  it('are shared evenly among keys that had the same', () => {
    const lanes = ['a', 'b', 'c', 'd'].map((key) => lane(key));
    expect(picked(pickTurns(lanes, [], given(8)))).toEqual({ a2: 2, b2: 2, c2: 2, d2: 2 });
  });

  it('go to the higher band, all of them', () => {
    const lanes = [lane('a', { band: 1 }), lane('b', { band: 4 })];
    expect(picked(pickTurns(lanes, [], given(5)))).toEqual({ b4: 5 });
  });

  it('go to a low band that has waited long enough', () => {
    const old = lane('old', { band: 0, oldestMs: NOW - 5 * 60_000 });
    const lanes = [old, lane('new', { band: 4 })];
    expect(picked(pickTurns(lanes, [], given(4)))).toEqual({ old0: 2, new4: 2 });
    expect(picked(pickTurns(lanes, [], given(4, { ageingMs: 0 })))).toEqual({ new4: 4 });
  });

  it('go to who had less, until he has had as much', () => {
    const hadMs = (key: string): number => (key === 'behind' ? 0 : 200);
    const turns = pickTurns([lane('ahead'), lane('behind')], [], given(6, { hadMs }));
    expect(picked(turns)).toEqual({ ahead2: 1, behind2: 5 });
  });

  it('are several rows at once when rows are short', () => {
    const lanes = Array.from({ length: 20 }, (_, i) => lane(`key ${i}`));
    const turns = pickTurns(lanes, [], given(32, { costMs: () => 2 }));
    expect([...turns.values()]).toEqual([10, 10, 10, 2]);
  });

  it('come after rows that wait already, unless their key is entitled to be first', () => {
    const waiting: Place[] = [1, 2, 3, 4].map((hadMs) => ({ rank: 2, hadMs: hadMs * 100, isHigh: false }));
    const behind = given(4, { hadMs: () => 1_000 });
    expect(picked(pickTurns([lane('a')], waiting, behind))).toEqual({});
    const quiet = given(4, { hadMs: () => 175 });
    expect(picked(pickTurns([lane('a')], waiting, quiet))).toEqual({ a2: 2 });
    expect(picked(pickTurns([lane('a', { band: 3 })], waiting, behind))).toEqual({ a3: 4 });
  });

  it('go only to who comes before the last that would have a place, and then to somebody', () => {
    const standing = fc.record({ rank: fc.nat(4), hadMs: fc.nat(9) });
    const arbitrary = fc.record({
      waiting: fc.array(standing, { minLength: 1, maxLength: 12 }),
      lanes: fc.array(standing, { maxLength: 6 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ waiting, lanes: standings }) => {
        const ready = waiting
          .sort((one, other) => other.rank - one.rank || one.hadMs - other.hadMs)
          .map((one): Place => ({ ...one, isHigh: one.rank >= HIGH_BAND }));
        const lanes = standings.map(({ rank }, index) => lane(`${index}`, { band: rank }));
        const hadMs = (keyId: string): number => standings[Number(keyId)]!.hadMs;
        const isFirst = ({ keyId, band }: Contender): boolean =>
          isBefore({ rank: band, hadMs: hadMs(keyId) }, ready.at(-1)!);
        const turns = pickTurns(lanes, ready, given(ready.length, { hadMs }));
        expect([...turns.keys()].every(isFirst)).toBe(true);
        expect(turns.size > 0).toBe(lanes.some(isFirst));
      }),
    );
  });

  it('leave the kept slots to the high bands', () => {
    const lanes = [lane('low', { band: 2 }), lane('high', { band: HIGH_BAND })];
    expect(picked(pickTurns([lanes[0]!], [], given(4, { lowPlaces: 1 })))).toEqual({ low2: 1 });
    expect(picked(pickTurns(lanes, [], given(4, { lowPlaces: 0 })))).toEqual({ high3: 4 });
  });

  it('alternate between lanes of one key, the older first', () => {
    const lanes = [lane('a', { oldestMs: NOW - 1 }), lane('a', { queue: 'other', oldestMs: NOW - 9 })];
    const turns = pickTurns(lanes, [], given(3));
    expect([turns.get(lanes[0]!), turns.get(lanes[1]!)]).toEqual([1, 2]);
  });

  it('never exceed the places, the room of a key or of a queue, and waste none', () => {
    const arbitrary = fc.record({
      places: fc.nat(40),
      keys: fc.array(fc.nat(12), { minLength: 1, maxLength: 12 }),
      queues: fc.tuple(fc.nat(20), fc.nat(20)),
      cost: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ places, keys, queues, cost }) => {
        const lanes = keys.flatMap((_, i) => [
          lane(`${i}`, { queue: '0' }),
          lane(`${i}`, { queue: '1', band: 1 }),
        ]);
        const room = ({ keyId, queue }: Contender) => ({
          ofKey: keys[Number(keyId)]!,
          ofQueue: queues[Number(queue)]!,
        });
        const turns = pickTurns(lanes, [], given(places, { room, costMs: () => cost }));
        const sum = (isMeant: (one: Contender) => boolean): number =>
          [...turns].reduce((total, [one, rows]) => total + (isMeant(one) ? rows : 0), 0);
        for (const [i, most] of keys.entries())
          expect(sum((one) => one.keyId === `${i}`)).toBeLessThanOrEqual(most);
        for (const [i, most] of queues.entries())
          expect(sum((one) => one.queue === `${i}`)).toBeLessThanOrEqual(most);
        const all = sum(() => true);
        expect(all).toBeLessThanOrEqual(places);
        // Whoever could still have been given a row shows that a place was wasted.
        if (all < places)
          for (const one of lanes) {
            const ofKey = keys[Number(one.keyId)]! - sum((other) => other.keyId === one.keyId);
            const ofQueue = queues[Number(one.queue)]! - sum((other) => other.queue === one.queue);
            expect(Math.min(ofKey, ofQueue)).toBe(0);
          }
      }),
    );
  });
});

describe('the rank of a row', () => {
  it('rises by one band for each time of waiting, up to the highest', () => {
    expect([0, 59_999, 60_000, 130_000, 999_999].map((waitedMs) => rankOf(1, waitedMs, 60_000))).toEqual([
      1, 1, 2, 3, 4,
    ]);
    expect(rankOf(1, 999_999, 0)).toBe(1);
  });
});
