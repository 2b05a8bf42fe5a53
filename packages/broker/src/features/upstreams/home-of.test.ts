import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { homeOf, type Home } from './home-of.ts';

const ids = ['10.0.0.1:11434', '10.0.0.2:11434', '10.0.0.3:11434', '10.0.0.4:11434'];
const all = ids.map((id): Home => ({ id, isFit: true, isLoaded: false }));
const without = (index: number): Home[] => all.map((home, at) => ({ ...home, isFit: at !== index }));
const affinity = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('the home of a session', () => {
  it('is a fit one, wherever it stands in the list, and moves only when that one is not fit any more', () => {
    fc.assert(
      fc.property(affinity, fc.nat(3), (session, gone) => {
        const home = homeOf(session, all);
        const backwards = all.toReversed();
        expect(backwards[homeOf(session, backwards)]).toBe(all[home]);
        const next = homeOf(session, without(gone));
        if (home === gone) expect(next).not.toBe(gone);
        else expect(next).toBe(home);
      }),
    );
  });

  it('is one where the model is loaded, if there is any', () => {
    fc.assert(
      fc.property(affinity, fc.nat(3), (session, loaded) => {
        const some = all.map((home, index) => ({ ...home, isLoaded: index === loaded }));
        expect(homeOf(session, some)).toBe(loaded);
        const isGone = some.map((home) => ({ ...home, isFit: !home.isLoaded }));
        expect(homeOf(session, isGone)).not.toBe(loaded);
      }),
    );
  });

  it('is none when none is fit', () => {
    expect(homeOf(1, [])).toBe(-1);
    expect(homeOf(1, [{ id: 'a:1', isFit: false, isLoaded: true }])).toBe(-1);
  });

  it('is spread evenly', () => {
    const counts = ids.map(() => 0);
    for (let n = 0; n < 8_000; n++) counts[homeOf(Math.imul(n, 0x9e3779b1) >>> 0, all)]! += 1;
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(250);
  });
});
