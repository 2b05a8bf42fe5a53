import { describe, expect, it } from 'vitest';
import { inTheWay, judgeClaim, type Claimant, type Occupant, type Verdict } from './swap-policy.ts';

const BOUNDS = { requests: 10, ms: 1_000 };
const NOW = 50_000;
const busy: Occupant = {
  ...{ key: 'a', running: 1, isWanted: true, isElsewhere: false },
  ...{ sinceMs: NOW - 100, usedMs: NOW, loadMs: 300, calls: 0 },
};
const unwanted = { ...busy, key: 'u', isWanted: false };
const idle = { ...unwanted, key: 'i', running: 0, usedMs: NOW - 50 };
const elsewhere = { ...busy, key: 'e', isElsewhere: true };
const fresh: Claimant = { sinceMs: NOW, calls: 0, isElsewhere: false };
const old = { ...fresh, sinceMs: 0, calls: 99 };
const copy = { ...old, isElsewhere: true };
const wait = (dueMs: number): Verdict => ({ kind: 'wait', dueMs });
const after = (victim: string, isWanted = false): Verdict => ({ kind: 'after', victim, isWanted });

describe('a model that waits for its place', () => {
  it.each<[string, Claimant, Occupant[], Verdict]>([
    ['comes in where nothing is in the way', fresh, [], { kind: 'free' }],
    ['follows one that is not wanted', fresh, [busy, unwanted], after('u')],
    ['follows the one of these that is idle', fresh, [unwanted, idle, busy], after('i')],
    ['follows one that runs elsewhere, too', fresh, [busy, elsewhere], after('e', true)],
    ['waits for the bound from when it came', fresh, [busy], wait(NOW + 1_000)],
    ['waits for the bound from when the other was loaded', old, [busy], wait(NOW + 900)],
    ['comes in after that', old, [{ ...busy, sinceMs: NOW - 1_000 }], after('a', true)],
    ['comes in after enough calls', old, [{ ...busy, sinceMs: NOW - 300, calls: 10 }], after('a', true)],
    ['but no sooner than the load took', old, [{ ...busy, calls: 10 }], wait(NOW + 200)],
    ['waits while it saw too few of them', { ...old, calls: 9 }, [{ ...busy, calls: 10 }], wait(NOW + 900)],
    [
      'follows the one that was loaded first',
      old,
      [busy, { ...busy, key: 'b', sinceMs: 0 }],
      after('b', true),
    ],
    ['as a copy waits while others are in use', copy, [busy, unwanted], wait(Infinity)],
    ['as a copy takes no place that was used just now', copy, [idle], wait(NOW + 950)],
    ['as a copy takes one that nobody used', copy, [{ ...idle, usedMs: NOW - 1_000 }], after('i')],
  ])('%s', (_, claimant, occupants, then) => {
    expect(judgeClaim(claimant, occupants, BOUNDS, NOW)).toEqual(then);
  });
});

describe('what is in the way of a model', () => {
  const misfits = [new Set(['a', 'b']), new Set(['a', 'c', 'd'])];
  it.each([
    { key: 'b', loaded: ['a', 'x'], maxModels: undefined, then: ['a'] },
    { key: 'c', loaded: ['a'], maxModels: undefined, then: [] },
    { key: 'c', loaded: ['a', 'd', 'x'], maxModels: undefined, then: ['a', 'd'] },
    { key: 'x', loaded: ['y'], maxModels: 2, then: [] },
    { key: 'x', loaded: ['y', 'z'], maxModels: 2, then: ['y', 'z'] },
  ])('is $then for $key beside $loaded, at most $maxModels', ({ key, loaded, maxModels, then }) => {
    expect([...inTheWay(key, new Set(loaded), { maxModels, misfits })]).toEqual(then);
  });
});
