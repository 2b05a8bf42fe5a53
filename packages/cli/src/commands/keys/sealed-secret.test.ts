import { describe, expect, it } from 'vitest';
import { newSealKeys, sealerTo, unseal } from './sealed-secret.ts';

const SECRET = 'fila_live_secret ção 🔑';

describe('a sealed secret', () => {
  const mine = newSealKeys();
  const seal = sealerTo(mine.publicKey)!;

  it('is opened by its receiver, and is another text each time', () => {
    const [one, two] = [seal(SECRET), seal(SECRET)];
    expect(one).not.toBe(two);
    for (const sealed of [one, two]) expect(unseal(mine.privateKey, sealed)).toBe(SECRET);
  });

  it('is opened by nobody else, and not when anything about it was changed', () => {
    const sealed = seal(SECRET);
    expect(unseal(newSealKeys().privateKey, sealed)).toBeNull();
    for (let at = 'fila_sealed_'.length; at < sealed.length - 1; at++) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      expect(
        unseal(mine.privateKey, sealed.slice(0, at) + other + sealed.slice(at + 1)),
        `at ${at}`,
      ).toBeNull();
    }
    for (const text of ['', 'fila_sealed_', sealed.slice(0, -8), sealed.slice(12), `${sealed} x`])
      expect(unseal(mine.privateKey, text)).toBeNull();
  });

  it('is sealed to public keys only', () => {
    for (const text of [
      '',
      mine.privateKey,
      mine.publicKey.slice(0, -2),
      'fila_sealto_!',
      `${mine.publicKey}AA`,
    ])
      expect(sealerTo(text), text).toBeNull();
    expect(unseal(mine.publicKey, seal(SECRET))).toBeNull();
  });
});
