import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstIdAt, idTime, isId, newId, type IdPrefix } from './ids.ts';

const prefix = fc.constantFrom<IdPrefix>('req', 'key', 'run');
/** Later than any real clock of today, so that these tests decide the order whatever ran before. */
const FAR_MS = Date.UTC(2200, 0, 1);

describe('ids', () => {
  it('have their prefix, 30 characters, and are recognised by it only', () => {
    fc.assert(
      fc.property(prefix, prefix, (own, other) => {
        const id = newId(own);
        expect(id).toMatch(/^[a-z]{3}_[0-9a-z]{26}$/);
        expect(id.slice(0, 3)).toBe(own);
        expect(isId(own, id)).toBe(true);
        expect(isId(other, id)).toBe(own === other);
      }),
    );
  });

  it('tell when they were made', () => {
    const beforeMs = Date.now();
    const timeMs = idTime(newId('run'));
    expect(timeMs).toBeGreaterThanOrEqual(beforeMs);
    expect(timeMs).toBeLessThanOrEqual(Date.now() + 1);
    expect(idTime(newId('req', FAR_MS))).toBe(FAR_MS);
  });

  it('sort in the order they were made, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5_000, max: 5_000 }), { maxLength: 200 }), (steps) => {
        const ids = steps.map((step) => newId('req', FAR_MS + step));
        expect([...ids].sort()).toEqual(ids);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });

  it('stay in order when one millisecond brings more than its counter can hold', () => {
    const nowMs = FAR_MS + 60_000;
    const ids = Array.from({ length: 10_000 }, () => newId('req', nowMs));
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(10_000);
    expect(idTime(ids.at(-1)!)).toBe(nowMs + 2);
  });

  it('cannot be guessed from their neighbours: the last 13 characters are all chance', () => {
    const tails = Array.from({ length: 5_000 }, () => newId('key').slice(-13));
    expect(new Set(tails).size).toBe(tails.length);
    for (let place = 0; place < 13; place++)
      expect(new Set(tails.map((tail) => tail[place])).size, `place ${place}`).toBe(32);
  });

  it('are not recognised once a character is lost, added or not of the alphabet', () => {
    const id = newId('req');
    const foreign = fc.string({ minLength: 1, maxLength: 1 }).filter((c) => !/[0-9a-hjkmnp-tv-z]/.test(c));
    fc.assert(
      fc.property(fc.nat(25), foreign, (place, character) => {
        const at = 4 + place;
        expect(isId('req', id.slice(0, at) + id.slice(at + 1))).toBe(false);
        expect(isId('req', `${id.slice(0, at)}0${id.slice(at)}`)).toBe(false);
        expect(isId('req', id.slice(0, at) + character + id.slice(at + 1))).toBe(false);
      }),
    );
    for (const wrong of ['', 'req_', id.toUpperCase(), `${id}\n`, ` ${id}`, id.replace('_', '-')])
      expect(isId('req', wrong), JSON.stringify(wrong)).toBe(false);
  });
});

// Last: ids never go back, so that those of the tests above would be of this time.
it('the first id of a time sorts before all that are made then, and after all before', () => {
  const now = FAR_MS + 86_400_000 * 400;
  expect(newId('req', now) >= firstIdAt('req', now)).toBe(true);
  expect(firstIdAt('req', now - 1) < firstIdAt('req', now)).toBe(true);
});
