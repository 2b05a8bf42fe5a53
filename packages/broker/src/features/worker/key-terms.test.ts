/** Caps and weights of keys: known at once, right within a second, and never waited for. */
import { describe, expect, it } from 'vitest';
import { createKeyTerms } from './key-terms.ts';

function openTerms() {
  const clock = { nowMs: 0, now: () => clock.nowMs };
  const limits = new Map<string, number>();
  const weights = new Map<string, number>();
  let reads = 0;
  let changes = 0;
  let isAway = false;
  const termsOf = createKeyTerms({
    clock,
    limitsOf: async (keyId) => {
      reads += 1;
      if (isAway) throw new Error('away');
      return { maxConcurrent: limits.get(keyId) ?? 0, weight: weights.get(keyId) ?? 0 };
    },
    onChange: () => void (changes += 1),
  });
  const capOf = (keyId: string): number => termsOf(keyId).cap;
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const away = (is: boolean): void => void (isAway = is);
  return {
    clock,
    limits,
    weights,
    termsOf,
    capOf,
    settled,
    away,
    reads: () => reads,
    changes: () => changes,
  };
}

describe('the cap of a key', () => {
  it('is one until it is known, and whoever dispatches is told when it is', async () => {
    const { limits, capOf, settled, changes } = openTerms();
    limits.set('a', 3);
    expect(capOf('a')).toBe(1);
    await settled();
    expect([capOf('a'), changes()]).toEqual([3, 1]);
  });

  it('of a key without a limit is none', async () => {
    const { capOf, settled } = openTerms();
    capOf('a');
    await settled();
    expect(capOf('a')).toBe(Infinity);
  });

  it('is read once a second, however often it is asked for', async () => {
    const { clock, limits, capOf, settled, reads } = openTerms();
    for (let i = 0; i < 100; i++) capOf('a');
    await settled();
    expect(reads()).toBe(1);
    limits.set('a', 2);
    clock.nowMs += 1_000;
    capOf('a');
    await settled();
    expect([capOf('a'), reads()]).toEqual([2, 2]);
  });

  it('stays what it was while it cannot be read', async () => {
    const { clock, limits, capOf, settled, away } = openTerms();
    limits.set('a', 2);
    capOf('a');
    await settled();
    away(true);
    clock.nowMs += 5_000;
    capOf('a');
    await settled();
    expect(capOf('a')).toBe(2);
  });
});

describe('the weight of a key', () => {
  it('is 1 until it is known and where none is set', async () => {
    const { weights, termsOf, settled } = openTerms();
    weights.set('heavy', 3);
    expect([termsOf('heavy').weight, termsOf('other').weight]).toEqual([1, 1]);
    await settled();
    expect([termsOf('heavy').weight, termsOf('other').weight]).toEqual([3, 1]);
  });
});
