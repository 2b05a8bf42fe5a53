import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareUpstreams, type Standing, type Told } from './share-upstreams.ts';

type Can = Told['can'];

function standing(
  brokers: Record<string, Record<string, Can>>,
  holders: Record<string, string> = {},
): Omit<Standing, 'me'> {
  const told = (cans: Record<string, Can>): ReadonlyMap<string, Told> =>
    new Map(Object.entries(cans).map(([name, can]) => [name, { can, running: 0 }]));
  return {
    brokers: new Map(Object.entries(brokers).map(([broker, cans]) => [broker, told(cans)])),
    holders: new Map(Object.entries(holders)),
    runningHere: () => 0,
  };
}

const upAt = (...names: string[]): Record<string, Can> =>
  Object.fromEntries(names.map((name) => [name, 'up']));

describe('a broker', () => {
  it('that is alone holds all that it can dispatch, also what does not answer', () => {
    const alone = standing({ a: { x: 'up', y: 'perhaps', z: 'no' } });
    expect(shareUpstreams({ me: 'a', ...alone })).toEqual({ hold: ['x', 'y'], giveUp: [] });
  });

  it('that has too many gives up the idlest first, until the newest has its share', () => {
    const all = upAt('w', 'x', 'y', 'z');
    const both = standing({ a: all, b: all }, { w: 'a', x: 'a', y: 'a', z: 'a' });
    const running: Record<string, number> = { w: 3, x: 0, y: 2, z: 1 };
    const share = shareUpstreams({ me: 'a', ...both, runningHere: (name) => running[name]! });
    expect(share.giveUp).toEqual(['x', 'z']);
    expect(shareUpstreams({ me: 'b', ...both })).toEqual({ hold: [], giveUp: [] });
  });

  it('keeps the only upstream there is, and the others do without', () => {
    const both = standing({ a: upAt('x'), b: upAt('x'), c: upAt('x') }, { x: 'b' });
    expect(shareUpstreams({ me: 'b', ...both })).toEqual({ hold: ['x'], giveUp: [] });
    expect(shareUpstreams({ me: 'a', ...both })).toEqual({ hold: [], giveUp: [] });
  });

  it('gives up what an operator takes out, and what another sees answer but it does not', () => {
    const both = standing({ a: { x: 'no', y: 'perhaps' }, b: upAt('y') }, { x: 'a', y: 'a' });
    expect(shareUpstreams({ me: 'a', ...both })).toEqual({ hold: [], giveUp: ['x', 'y'] });
  });

  it('holds what it alone knows, however many that are', () => {
    const own = standing({ a: upAt('x', 'y', 'z'), b: upAt('other') }, { x: 'a', y: 'a', z: 'a' });
    expect(shareUpstreams({ me: 'a', ...own })).toEqual({ hold: ['x', 'y', 'z'], giveUp: [] });
  });
});

describe('all brokers together', () => {
  const NAMES = ['u', 'v', 'w', 'x', 'y', 'z'];
  const can = fc.constantFrom<Can>('up', 'up', 'perhaps', 'no');
  const cans = fc
    .tuple(...NAMES.map(() => can))
    .map((all) => Object.fromEntries(NAMES.map((n, i) => [n, all[i]!])));
  const situation = fc.record({
    brokers: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), cans, { minKeys: 1 }),
    holders: fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom('a', 'b', 'c', 'd', 'gone')),
  });

  /** Every broker acts on the same view, as often as it takes. */
  function settled(brokers: Record<string, Record<string, Can>>, from: Record<string, string>) {
    let holders = { ...from };
    for (let round = 0; round < 20; round++) {
      const view = standing(brokers, holders);
      const next = { ...holders };
      for (const me of Object.keys(brokers)) {
        const { hold, giveUp } = shareUpstreams({ me, ...view });
        for (const name of hold) {
          expect([undefined, me]).toContain(holders[name]);
          expect(next[name] ?? me).toBe(me);
          next[name] = me;
        }
        for (const name of giveUp) delete next[name];
      }
      if (JSON.stringify(next) === JSON.stringify(holders)) return holders;
      holders = next;
    }
    throw new Error('They never agree.');
  }

  it('never ask for the same one, agree soon, and leave nothing that one of them could dispatch', () => {
    fc.assert(
      fc.property(situation, ({ brokers, holders }) => {
        const end = settled(brokers, holders);
        for (const name of NAMES) {
          if (holders[name] !== undefined && !(holders[name] in brokers)) continue;
          const is = (can: Can): string[] => Object.keys(brokers).filter((b) => brokers[b]![name] === can);
          const able = is('up').length > 0 ? is('up') : is('perhaps');
          if (able.length === 0) expect(end[name]).toBeUndefined();
          else expect(able).toContain(end[name]);
        }
      }),
    );
  });

  it('have as many, give or take one, when all can dispatch all', () => {
    fc.assert(
      fc.property(situation, ({ brokers, holders }) => {
        const all = Object.fromEntries(Object.keys(brokers).map((broker) => [broker, upAt(...NAMES)]));
        const alive = Object.fromEntries(Object.entries(holders).filter(([, broker]) => broker in all));
        const end = Object.values(settled(all, alive));
        const counts = Object.keys(all).map((broker) => end.filter((one) => one === broker).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
