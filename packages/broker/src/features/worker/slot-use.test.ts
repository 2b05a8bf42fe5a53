import { describe, expect, it } from 'vitest';
import { SlotUse } from './slot-use.ts';

describe('the slots that a key uses', () => {
  it('are what its rows took of the time, from the first row on', () => {
    let now = 0;
    const use = new SlotUse(() => now);
    for (let count = 0; count < 400; count++) {
      now += 100;
      for (const [key, slotMs] of [
        ['a', 200],
        ['b', 50],
      ] as const)
        use.add('m', key, slotMs);
      if (count > 20) {
        expect(use.of('m', 'a')).toBeCloseTo(2, 0);
        expect(use.of('m', 'b')).toBeCloseTo(0.5, 0);
      }
    }
    expect(use.of('m', 'c')).toBe(0);
    expect(use.of('other', 'a')).toBe(0);
    expect(Object.keys(use.most('m', 1))).toEqual(['a']);
  });

  it('fade when it sends nothing more', () => {
    let now = 0;
    const use = new SlotUse(() => now);
    for (; now < 30_000; now += 100) use.add('m', 'a', 100);
    const before = use.of('m', 'a');
    now += 10_000;
    expect(use.of('m', 'a')).toBeLessThan(before / 2);
    now += 100_000;
    expect(use.of('m', 'a')).toBeLessThan(0.01);
  });
});
