import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createThinning, nextFactor } from './admission-factor.ts';

describe('the part that is accepted', () => {
  it('falls within ten seconds to a tenth while the oldest waits too long, and is back within a minute', () => {
    let factor = 1;
    for (let second = 0; second < 10; second++) factor = nextFactor(factor, 5_001, 5_000);
    expect(factor).toBeLessThan(0.11);
    for (let second = 0; second < 45; second++) factor = nextFactor(factor, 5_000, 5_000);
    expect(factor).toBe(1);
  });

  it('is never less than a tenth nor more than all, falls when it is too slow and rises when it is not', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000)), (waits) => {
        let factor = 1;
        for (const wait of waits) {
          const before = factor;
          factor = nextFactor(factor, wait, 5_000);
          expect(factor).toBeGreaterThanOrEqual(0.1);
          expect(factor).toBeLessThanOrEqual(1);
          if (wait > 5_000) expect(factor).toBeLessThanOrEqual(before);
          else expect(factor).toBeGreaterThanOrEqual(before);
        }
      }),
    );
  });

  it('passes evenly: at any moment no more than one off the exact share', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 500 }),
        (factor, calls) => {
          const thinning = createThinning();
          let passed = 0;
          for (let call = 1; call <= calls; call++) {
            if (thinning.passes(factor)) passed += 1;
            expect(Math.abs(passed - call * factor)).toBeLessThanOrEqual(1.001);
          }
        },
      ),
    );
  });
});
