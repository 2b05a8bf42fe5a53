/** The form of a key: made at random, recognised with certainty, stored only as what cannot be turned back. */
import { createSecretKey, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashKeySecret, isKeySecret, keyPrefix, newKeySecret } from './key-secret.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_AT = 'fila_live_'.length;

describe('the form of a key', () => {
  it('is fila_live_ and 36 letters and digits, and is a key by its own check', () => {
    for (let i = 0; i < 200; i++) {
      const secret = newKeySecret();
      expect(secret).toMatch(/^fila_live_[0-9A-Za-z]{36}$/);
      expect(isKeySecret(secret)).toBe(true);
    }
  });

  it('never repeats, and every character of the alphabet may stand at every random place', () => {
    const secrets = Array.from({ length: 4_000 }, () => newKeySecret());
    expect(new Set(secrets).size).toBe(4_000);
    for (let place = SECRET_AT; place < SECRET_AT + 30; place++)
      expect(new Set(secrets.map((secret) => secret[place])).size).toBe(62);
  });

  it('shows by its check that any single character was changed', () => {
    const places = fc.nat(SECRET_AT + 35);
    const characters = fc.oneof(fc.constantFrom(...ALPHABET), fc.string({ minLength: 1, maxLength: 1 }));
    fc.assert(
      fc.property(places, characters, (place, character) => {
        const secret = newKeySecret();
        fc.pre(secret[place] !== character);
        expect(isKeySecret(secret.slice(0, place) + character + secret.slice(place + 1))).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('shows that two neighbours were swapped', () => {
    fc.assert(
      fc.property(fc.integer({ min: SECRET_AT, max: SECRET_AT + 34 }), (place) => {
        const secret = newKeySecret();
        const [one, other] = [secret[place]!, secret[place + 1]!];
        fc.pre(one !== other);
        expect(isKeySecret(secret.slice(0, place) + other + one + secret.slice(place + 2))).toBe(false);
      }),
    );
  });

  it('is kept for good: a key that was given out once is a key for ever', () => {
    expect(isKeySecret('fila_live_0000000000000000000000000000004TG0ME')).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['another prefix', newKeySecret().replace('live', 'test')],
    ['a space before', ` ${newKeySecret()}`],
    ['a line feed behind', `${newKeySecret()}\n`],
    ['one character more', `${newKeySecret()}0`],
    ['one character less', newKeySecret().slice(0, -1)],
    ['capitals', newKeySecret().toUpperCase()],
    ['a very long word', 'fila_live_'.repeat(100_000)],
  ])('is not %s', (_what, text) => {
    expect(isKeySecret(text)).toBe(false);
  });

  it('is not any other text', () => {
    fc.assert(fc.property(fc.string(), (text) => !isKeySecret(text)));
    const random = fc.array(fc.constantFrom(...ALPHABET), { minLength: 36, maxLength: 36 });
    fc.assert(fc.property(random, (body) => !isKeySecret(`fila_live_${body.join('')}`)));
  });
});

describe('what is stored of a key', () => {
  it('is a prefix people recognise: 8 characters of the 30, so that 131 bits stay secret', () => {
    const secret = newKeySecret();
    expect(keyPrefix(secret)).toBe(secret.slice(0, 18));
  });

  it('is a hash of 32 bytes that needs the pepper: another pepper or another key gives another hash', () => {
    const [pepper, other] = [1, 2].map((byte) => createSecretKey(Buffer.alloc(32, byte))) as [
      KeyObject,
      KeyObject,
    ];
    const [secret, second] = [newKeySecret(), newKeySecret()];
    const hash = hashKeySecret(pepper, secret);
    expect(hash).toHaveLength(32);
    expect(hashKeySecret(pepper, secret)).toEqual(hash);
    expect(hashKeySecret(other, secret)).not.toEqual(hash);
    expect(hashKeySecret(pepper, second)).not.toEqual(hash);
    expect(hash.includes(secret)).toBe(false);
  });
});
